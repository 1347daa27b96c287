import type { Node } from '@canopus/api/core/v1'
import { deepEqual } from '@canopus/apimachinery'
import type { NodeFigures } from './node-figures.ts'
import type { HostPort, PodInfo } from './pod-info.ts'
import { type Resources, resourcesOf } from './resources.ts'

/**
 * A node with the pods on it and the sums over them, kept current by increments. The figures that every decision needs lie
 * in `NodeFigures`.
 */
export class NodeInfo {
  readonly name: string
  node: Node
  /** Place in the cache's list of nodes and in its figures. */
  slot: number
  readonly pods = new Map<string, PodInfo>()
  /** Another number, never used before, whenever pods have come or gone. */
  podsRevision = 0
  allocatable: Resources = {}
  readonly requested: Resources = {}
  readonly #figures: NodeFigures
  readonly #ports = new Map<string, HostPort[]>()
  #images: ReadonlyMap<string, number> | undefined

  constructor(node: Node, figures: NodeFigures, slot: number) {
    this.name = node.metadata.name
    this.node = node
    this.slot = slot
    this.#figures = figures
    figures.open(slot)
    figures.touch(slot)
    this.#takeOver(node)
  }

  /** Takes over a new version of the node object. */
  setNode(node: Node): void {
    const old = this.node
    const same = deepEqual(old.metadata.labels, node.metadata.labels) && deepEqual(old.spec, node.spec)
    if (!same) this.#figures.touch(this.slot)
    this.#takeOver(node)
  }

  #takeOver(node: Node): void {
    this.node = node
    this.allocatable = resourcesOf(node.status?.allocatable)
    this.#figures.allocatableCpu[this.slot] = this.allocatable.cpu ?? 0
    this.#figures.allocatableMemory[this.slot] = this.allocatable.memory ?? 0
    this.#figures.allocatablePods[this.slot] = this.allocatable.pods ?? 0
    this.#figures.changed(this.slot)
    this.#images = undefined
  }

  get labels(): Readonly<Record<string, string>> {
    return this.node.metadata.labels ?? {}
  }

  addPod(pod: PodInfo): void {
    if (this.pods.has(pod.key)) return
    this.pods.set(pod.key, pod)
    this.#count(pod, 1)
    for (const port of pod.hostPorts) {
      const key = `${port.protocol}/${port.port}`
      this.#ports.set(key, [...(this.#ports.get(key) ?? []), port])
    }
  }

  /** Takes over another version of a pod on the node that takes the same room. */
  replacePod(pod: PodInfo): void {
    this.pods.set(pod.key, pod)
    this.podsRevision = ++this.#figures.podChanges
  }

  removePod(key: string): PodInfo | undefined {
    const pod = this.pods.get(key)
    if (pod === undefined) return undefined
    this.pods.delete(key)
    this.#count(pod, -1)
    for (const port of pod.hostPorts) {
      const portKey = `${port.protocol}/${port.port}`
      const left = (this.#ports.get(portKey) ?? []).filter(each => each !== port)
      if (left.length > 0) this.#ports.set(portKey, left)
      else this.#ports.delete(portKey)
    }
    return pod
  }

  /** Answers `question` as if `come` were on the node; the rest of the cluster knows nothing of it. Puts everything back. */
  imagine<T>(come: readonly PodInfo[], question: () => T): T {
    const { podsRevision } = this
    const strangers = come.filter(each => !this.pods.has(each.key))
    for (const pod of strangers) this.addPod(pod)
    try {
      return question()
    } finally {
      for (const pod of strangers) this.removePod(pod.key)
      this.podsRevision = podsRevision
    }
  }

  #count(pod: PodInfo, sign: 1 | -1): void {
    for (const [name, amount] of Object.entries(pod.requests)) {
      this.requested[name] = (this.requested[name] ?? 0) + sign * amount
    }
    const { slot } = this
    const figures = this.#figures
    this.podsRevision = ++figures.podChanges
    figures.pods[slot]! += sign
    figures.requestedCpu[slot]! += sign * (pod.requests.cpu ?? 0)
    figures.requestedMemory[slot]! += sign * (pod.requests.memory ?? 0)
    figures.scoringCpu[slot]! += sign * (pod.scoringRequests.cpu ?? 0)
    figures.scoringMemory[slot]! += sign * (pod.scoringRequests.memory ?? 0)
    figures.changed(slot)
  }

  /** Whether the port is taken: an address of all interfaces clashes with every other. */
  hasPortConflict(port: HostPort): boolean {
    const taken = this.#ports.get(`${port.protocol}/${port.port}`)
    return taken?.some(each => addressesClash(each.ip, port.ip)) === true
  }

  /** Bytes of each image that the node has, by each of its names. */
  get images(): ReadonlyMap<string, number> {
    this.#images ??= new Map(
      (this.node.status?.images ?? []).flatMap(image =>
        (image.names ?? []).map((name): [string, number] => [normalImageName(name), image.sizeBytes ?? 0]),
      ),
    )
    return this.#images
  }
}

function addressesClash(a: string, b: string): boolean {
  return a === b || a === '0.0.0.0' || b === '0.0.0.0'
}

/** `name:latest` where neither tag nor digest is given. */
export function normalImageName(name: string): string {
  return name.lastIndexOf(':') <= name.lastIndexOf('/') ? `${name}:latest` : name
}
