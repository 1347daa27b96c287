import { CSINodes, PersistentVolumeClaims, PersistentVolumes, StorageClasses, VolumeAttachments } from '@canopus/api'
import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import type { CSINode } from '@canopus/api/storage/v1'
import type { PluginContext, Rejection, SchedulerPlugin } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import type { PodInfo } from '../pod-info.ts'
import { claimClass } from '../volumes/claims.ts'
import { driverOf, inlineDriver } from '../volumes/migrated.ts'

const name = 'NodeVolumeLimits'
const full: Rejection = { plugin: name, reasons: ['node(s) exceed max volume count'] }
const MIGRATED = 'storage.alpha.kubernetes.io/migrated-plugins'
const NODE_INDEX = 'node'

/** What one node has attached, until its pods or any volume change. */
interface Attached {
  readonly pods: number
  readonly storage: number
  readonly csiNode: CSINode
  /** Drivers by volume. */
  readonly volumes: ReadonlyMap<string, string>
  readonly counts: ReadonlyMap<string, number>
}

/** A node can attach so many volumes of a driver as its CSINode says (pkg/scheduler/framework/plugins/nodevolumelimits). */
export function nodeVolumeLimits(context: PluginContext): SchedulerPlugin {
  return new NodeVolumeLimits(context)
}

class NodeVolumeLimits implements SchedulerPlugin {
  readonly name = name
  readonly events = [
    'NodeAdd',
    'CSINode',
    'AssignedPodDelete',
    'PersistentVolumeClaim',
    'PersistentVolume',
    'VolumeAttachmentDelete',
  ] as const
  readonly #informers: PluginContext['informers']
  readonly #attached = new WeakMap<NodeInfo, Attached>()
  /** Another number after every change of claims, volumes, classes and attachments. */
  #storage = 0

  constructor({ informers }: PluginContext) {
    this.#informers = informers
    informers.informer(PersistentVolumeClaims)
    informers.informer(PersistentVolumes)
    informers.informer(StorageClasses)
    informers.informer(CSINodes)
    informers.informer(VolumeAttachments).addIndex(NODE_INDEX, each => [each.spec?.nodeName ?? ''])
  }

  connect(): () => void {
    const touch = (): void => {
      this.#storage++
    }
    const handler = { added: touch, updated: touch, deleted: touch }
    const stops = [
      this.#informers.informer(PersistentVolumeClaims).addHandler(handler),
      this.#informers.informer(PersistentVolumes).addHandler(handler),
      this.#informers.informer(StorageClasses).addHandler(handler),
      this.#informers.informer(VolumeAttachments).addHandler(handler),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }

  hint(pod: PodInfo, { event, pod: other, object }: Parameters<NonNullable<SchedulerPlugin['hint']>>[1]): boolean {
    if (event === 'AssignedPodDelete') return other === undefined || usesVolumes(other)
    if (event !== 'PersistentVolumeClaim') return true
    const { name: claim, namespace } = object?.metadata ?? {}
    return namespace === pod.namespace && pod.claims.some(each => each.name === claim)
  }

  filter(pod: PodInfo): { check(node: NodeInfo): Rejection | undefined } | undefined {
    if (!usesVolumes(pod)) return undefined
    const nodes = this.#informers.informer(CSINodes).lister
    return {
      check: node => {
        const csiNode = nodes.get(node.name)
        const limits = limitsOf(csiNode)
        if (csiNode === undefined || limits.size === 0) return undefined
        const wanted = new Map<string, string>()
        this.#collect(pod, csiNode, wanted)
        if (wanted.size === 0) return undefined
        return this.#exceeds(wanted, limits, this.#onNode(node, csiNode)) ? full : undefined
      },
    }
  }

  #exceeds(wanted: ReadonlyMap<string, string>, limits: ReadonlyMap<string, number>, attached: Attached): boolean {
    const more = new Map<string, number>()
    for (const [volume, driver] of wanted)
      if (!attached.volumes.has(volume)) more.set(driver, (more.get(driver) ?? 0) + 1)
    for (const [driver, count] of more) {
      const limit = limits.get(driver)
      if (limit !== undefined && (attached.counts.get(driver) ?? 0) + count > limit) return true
    }
    return false
  }

  #onNode(node: NodeInfo, csiNode: CSINode): Attached {
    const known = this.#attached.get(node)
    if (known?.pods === node.podsRevision && known.storage === this.#storage && known.csiNode === csiNode) return known
    const volumes = new Map<string, string>()
    for (const pod of node.pods.values()) if (usesVolumes(pod)) this.#collect(pod, csiNode, volumes)
    // What is attached for pods that have gone already takes room too.
    for (const { spec } of this.#informers.informer(VolumeAttachments).lister.byIndex(NODE_INDEX, node.name)) {
      const volume = this.#volume(spec?.source?.persistentVolumeName)
      const found = volume && driverOf(volume)
      if (found) volumes.set(`${found.driver}/${found.handle}`, found.driver)
    }
    const counts = new Map<string, number>()
    for (const driver of volumes.values()) counts.set(driver, (counts.get(driver) ?? 0) + 1)
    const attached = { pods: node.podsRevision, storage: this.#storage, csiNode, volumes, counts }
    this.#attached.set(node, attached)
    return attached
  }

  #volume(volumeName: string | undefined): PersistentVolume | undefined {
    return volumeName ? this.#informers.informer(PersistentVolumes).lister.get(volumeName) : undefined
  }

  /** Adds the volumes of the pod that a driver attaches, by a name that is the same for all pods that share one. */
  #collect(pod: PodInfo, csiNode: CSINode, volumes: Map<string, string>): void {
    const migrated = (csiNode.metadata.annotations?.[MIGRATED] ?? '').split(',')
    for (const volume of pod.pod.spec?.volumes ?? []) {
      const found = inlineDriver(volume)
      if (found && migrated.includes(found.plugin)) volumes.set(`${found.driver}/${found.handle}`, found.driver)
    }
    for (const { name: claimName } of pod.claims) {
      const claim = this.#informers.informer(PersistentVolumeClaims).lister.get(claimName, pod.namespace)
      const found = claim && this.#ofClaim(claim)
      if (!found || (found.plugin !== undefined && !migrated.includes(found.plugin))) continue
      volumes.set(`${found.driver}/${found.handle}`, found.driver)
    }
  }

  #ofClaim(claim: PersistentVolumeClaim): { driver: string; handle: string; plugin?: string } | undefined {
    const volume = this.#volume(claim.spec?.volumeName)
    if (volume !== undefined) return driverOf(volume)
    // Not bound yet: the class says which driver will make it.
    const storageClass = this.#informers.informer(StorageClasses).lister.get(claimClass(claim))
    if (!storageClass?.provisioner) return undefined
    const { uid, namespace, name: claimName } = claim.metadata
    return { driver: storageClass.provisioner, handle: `${storageClass.provisioner}-${namespace}/${claimName}-${uid}` }
  }
}

const usesVolumes = (pod: PodInfo): boolean =>
  pod.claims.length > 0 || (pod.pod.spec?.volumes ?? []).some(each => inlineDriver(each) !== undefined)

const known = new WeakMap<CSINode, ReadonlyMap<string, number>>()

/** How many volumes of each driver the node can have; drivers that set no limit are missing. */
function limitsOf(csiNode: CSINode | undefined): ReadonlyMap<string, number> {
  if (csiNode === undefined) return new Map()
  let limits = known.get(csiNode)
  if (limits === undefined) {
    const counts = (csiNode.spec?.drivers ?? []).flatMap(({ name: driver, allocatable }): [string, number][] =>
      allocatable?.count === undefined ? [] : [[driver, allocatable.count]],
    )
    limits = new Map(counts)
    known.set(csiNode, limits)
  }
  return limits
}
