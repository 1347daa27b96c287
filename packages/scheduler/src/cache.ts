import type { Node, Pod } from '@canopus/api/core/v1'
import { NodeFigures } from './node-figures.ts'
import { NodeInfo } from './node-info.ts'
import { Nominations } from './nominations.ts'
import { PlacedTerms } from './placed-terms.ts'
import { isTerminal, type PodInfo, podInfo } from './pod-info.ts'
import { SelectorCounts } from './selector-counts.ts'
import { Topology } from './topology.ts'

/**
 * All nodes and the pods on them, kept current by increments from the informers, plus pods that were given a node a moment
 * ago and are not seen there yet (assumed). A scheduling cycle runs without a pause, so it reads the cache itself: there
 * is no snapshot to take.
 */
export class ClusterCache {
  /** In no order that means anything; a removed node's place goes to the last one. */
  readonly nodes: NodeInfo[] = []
  readonly figures = new NodeFigures()
  readonly topology = new Topology(this.nodes, this.figures, name => this.#byName.get(name)?.slot)
  readonly selectorCounts = new SelectorCounts(this.topology)
  /** What placed pods want near or far. */
  readonly placedTerms = {
    requiredAffinity: new PlacedTerms(this.topology),
    requiredAntiAffinity: new PlacedTerms(this.topology),
    preferredAffinity: new PlacedTerms(this.topology),
    preferredAntiAffinity: new PlacedTerms(this.topology),
  }
  readonly #byName = new Map<string, NodeInfo>()
  /** On which node a pod counts. */
  readonly #placed = new Map<string, { node: string; pod: PodInfo; assumed: boolean }>()
  /** Pods on nodes that are not known (yet). */
  readonly #homeless = new Map<string, Map<string, PodInfo>>()
  readonly #nominations = new Nominations(node => {
    const slot = this.#byName.get(node)?.slot
    if (slot !== undefined) this.figures.changed(slot)
  })
  readonly #images = new Map<string, number>()
  readonly #claimUsers = new Map<string, number>()

  node(name: string): NodeInfo | undefined {
    return this.#byName.get(name)
  }

  setNode(node: Node): void {
    const known = this.#byName.get(node.metadata.name)
    if (known !== undefined) {
      this.#countImages(known, -1)
      known.setNode(node)
      this.#countImages(known, 1)
      return
    }
    const info = new NodeInfo(node, this.figures, this.nodes.length)
    this.nodes.push(info)
    this.#byName.set(info.name, info)
    for (const pod of this.#homeless.get(info.name)?.values() ?? []) info.addPod(pod)
    this.#homeless.delete(info.name)
    this.#countImages(info, 1)
  }

  /** On how many nodes the image lies. */
  nodesWithImage(image: string): number {
    return this.#images.get(image) ?? 0
  }

  #countImages(node: NodeInfo, sign: 1 | -1): void {
    for (const image of node.images.keys()) {
      const count = this.nodesWithImage(image) + sign
      if (count > 0) this.#images.set(image, count)
      else this.#images.delete(image)
    }
  }

  removeNode(name: string): void {
    const info = this.#byName.get(name)
    if (info === undefined) return
    this.#byName.delete(name)
    this.#countImages(info, -1)
    const last = this.nodes.pop()!
    if (last !== info) {
      this.nodes[info.slot] = last
      this.figures.move(last.slot, info.slot)
      last.slot = info.slot
    }
    this.figures.latest++
    if (info.pods.size > 0) this.#homeless.set(name, new Map(info.pods))
  }

  /** Takes over a pod as the API server has it: where it runs, or that it takes no room any more. */
  setPod(pod: Pod): void {
    const info = podInfo(pod)
    const node = pod.spec?.nodeName
    if (!node || isTerminal(pod)) this.removePod(info.key)
    else this.#place(info, node, false)
  }

  removePod(key: string): void {
    const placed = this.#placed.get(key)
    this.#nominations.set(key, undefined, undefined)
    if (placed === undefined) return
    this.#placed.delete(key)
    this.#count(placed.pod, placed.node, -1)
    const node = this.#byName.get(placed.node)
    if (node !== undefined) {
      node.removePod(key)
      return
    }
    const homeless = this.#homeless.get(placed.node)
    homeless?.delete(key)
    if (homeless?.size === 0) this.#homeless.delete(placed.node)
  }

  /** Counts the pod on the node from now on, until the API server says otherwise or the binding fails. */
  assume(pod: PodInfo, node: string): void {
    this.#place(pod, node, true)
  }

  /** Takes back an assumption, unless the API server has confirmed it meanwhile. */
  forget(key: string): void {
    if (this.#placed.get(key)?.assumed === true) this.removePod(key)
  }

  /** Whether the pod counts on some node. */
  has(key: string): boolean {
    return this.#placed.has(key)
  }

  /** How much there is in the cache; goes through all pods. */
  sizes(): { nodes: number; pods: number; assumed_pods: number } {
    let assumed = 0
    for (const each of this.#placed.values()) if (each.assumed) assumed++
    return { nodes: this.nodes.length, pods: this.#placed.size, assumed_pods: assumed }
  }

  isAssumed(key: string): boolean {
    return this.#placed.get(key)?.assumed === true
  }

  #place(pod: PodInfo, nodeName: string, assumed: boolean): void {
    if (this.#confirm(pod, nodeName, assumed)) return
    this.removePod(pod.key)
    this.#placed.set(pod.key, { node: nodeName, pod, assumed })
    this.#count(pod, nodeName, 1)
    const node = this.#byName.get(nodeName)
    if (node !== undefined) node.addPod(pod)
    else {
      let waiting = this.#homeless.get(nodeName)
      if (waiting === undefined) {
        waiting = new Map()
        this.#homeless.set(nodeName, waiting)
      }
      waiting.set(pod.key, pod)
    }
  }

  /** Of a pod that counts on the node as it is, only its newest version is taken over: mostly it was assumed to be there. */
  #confirm(pod: PodInfo, nodeName: string, assumed: boolean): boolean {
    const placed = this.#placed.get(pod.key)
    const node = this.#byName.get(nodeName)
    // Facts that were taken over from version to version are one and the same object.
    if (placed?.node !== nodeName || placed.pod.requests !== pod.requests || node === undefined) return false
    this.#placed.set(pod.key, { node: nodeName, pod, assumed })
    this.#nominations.set(pod.key, undefined, undefined)
    this.selectorCounts.replace(pod, nodeName, placed.pod)
    node.replacePod(pod)
    // How many pods of some labels the node has, groups of nodes go by.
    if (placed.pod.labels !== pod.labels) this.figures.changed(node.slot)
    return true
  }

  /** Answers `question` as if `gone` had left the node and `come` were on it. Everything is put back afterwards. */
  imagine<T>(node: NodeInfo, gone: readonly PodInfo[], come: readonly PodInfo[], question: () => T): T {
    const { podsRevision } = node
    for (const pod of gone) this.#shift(node, pod, -1)
    for (const pod of come) this.#shift(node, pod, 1)
    try {
      return question()
    } finally {
      for (const pod of come) this.#shift(node, pod, -1)
      for (const pod of gone) this.#shift(node, pod, 1)
      node.podsRevision = podsRevision
    }
  }

  #shift(node: NodeInfo, pod: PodInfo, sign: 1 | -1): void {
    if (sign === 1) node.addPod(pod)
    else node.removePod(pod.key)
    this.#count(pod, node.name, sign)
  }

  #count(pod: PodInfo, node: string, sign: 1 | -1): void {
    if (sign === 1) this.selectorCounts.add(pod, node)
    else this.selectorCounts.remove(pod, node)
    if (pod.hasAffinity) {
      this.placedTerms.requiredAffinity.add(pod.requiredAffinity, node, sign)
      this.placedTerms.requiredAntiAffinity.add(pod.requiredAntiAffinity, node, sign)
      this.placedTerms.preferredAffinity.add(pod.preferredAffinity, node, sign)
      this.placedTerms.preferredAntiAffinity.add(pod.preferredAntiAffinity, node, sign)
    }
    for (const { name } of pod.claims) {
      const key = `${pod.namespace}/${name}`
      const users = this.claimUsers(key) + sign
      if (users > 0) this.#claimUsers.set(key, users)
      else this.#claimUsers.delete(key)
    }
  }

  /** How many placed pods mount the volume claim (`namespace/name`). */
  claimUsers(claim: string): number {
    return this.#claimUsers.get(claim) ?? 0
  }

  /** Remembers that the pod waits for room on the node; no name forgets it. */
  nominate(pod: PodInfo, node: string | undefined): void {
    this.#nominations.set(pod.key, node === '' ? undefined : node, pod)
  }

  nominatedNode(key: string): string | undefined {
    return this.#nominations.nodeOf(key)
  }

  /** Nodes for which pods wait. */
  nominatedNodes(): Pick<ReadonlySet<string>, 'size' | 'has' | 'keys'> {
    return this.#nominations.nodes
  }

  /** Another number whenever those that wait for the node have changed; 0: nobody waits. */
  nominationsOf(node: string): number {
    return this.#nominations.revisionOf(node)
  }

  /** Pods less important than `pod` that wait for room on the node. */
  nominatedBelow(node: string, pod: PodInfo): PodInfo[] {
    return this.#nominations.on(node).filter(each => each.priority < pod.priority)
  }

  /** Pods other than `pod`, no less important than it, that wait for room on the node. */
  nominatedOn(node: string, pod: PodInfo): PodInfo[] {
    return this.#nominations.on(node).filter(each => each.key !== pod.key && each.priority >= pod.priority)
  }
}
