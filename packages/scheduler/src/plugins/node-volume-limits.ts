import {
  type AttachedBy,
  CSINodes,
  inlineDriver,
  PersistentVolumeClaims,
  PersistentVolumes,
  StorageClasses,
  VolumeAttachments,
  volumeDriver,
} from '@canopus/api'
import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import type { CSINode, StorageClass, VolumeAttachment } from '@canopus/api/storage/v1'
import type { KubeObject } from '@canopus/apimachinery'
import type { Informer, InformerHandler } from '@canopus/client'
import type { PluginContext, Rejection, SchedulerPlugin } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import type { PodInfo } from '../pod-info.ts'
import { claimClass } from '../volumes/claims.ts'

const name = 'NodeVolumeLimits'
const full: Rejection = { plugin: name, reasons: ['node(s) exceed max volume count'] }
const MIGRATED = 'storage.alpha.kubernetes.io/migrated-plugins'
const NODE_INDEX = 'node'
const nodeOf = ({ spec }: VolumeAttachment): string[] => [spec?.nodeName ?? '']

/** What one node has attached, until its pods, or claims and volumes that they use, change. */
interface Attached {
  readonly node: NodeInfo
  readonly pods: number
  readonly migrated: ReadonlySet<string>
  readonly volumes: ReadonlySet<string>
  /** How many more volumes the node takes of each driver that sets a limit. */
  readonly room: ReadonlyMap<string, number>
  /** Something other than the pods has changed. */
  stale: boolean
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
  readonly #claims: Informer<PersistentVolumeClaim>
  readonly #volumes: Informer<PersistentVolume>
  readonly #classes: Informer<StorageClass>
  readonly #csiNodes: Informer<CSINode>
  readonly #attachments: Informer<VolumeAttachment>
  /** By the name of the node: what informers tell of. */
  readonly #attached = new Map<string, Attached>()
  /** The same by the slot of the node: what is asked for each pod and node. */
  readonly #bySlot: Attached[] = []
  /** Which nodes were counted with a claim or a volume, or would have been if it existed. */
  readonly #users = new Map<string, Set<string>>()

  constructor({ informers }: PluginContext) {
    this.#claims = informers.informer(PersistentVolumeClaims)
    this.#volumes = informers.informer(PersistentVolumes)
    this.#classes = informers.informer(StorageClasses)
    this.#csiNodes = informers.informer(CSINodes)
    this.#attachments = informers.informer(VolumeAttachments)
    this.#attachments.addIndex(NODE_INDEX, nodeOf)
  }

  connect(): () => void {
    const stops = [
      this.#claims.addHandler(onAny(({ metadata }) => this.#forget(claimKey(metadata.namespace, metadata.name)))),
      this.#volumes.addHandler(onAny(({ metadata }) => this.#forget(volumeKey(metadata.name)))),
      // Rare, and any claim that is not bound yet may be of the class.
      this.#classes.addHandler(onAny(() => this.#forgetAll())),
      this.#attachments.addHandler(onAny(({ spec }) => this.#forgetNode(spec?.nodeName ?? ''))),
      this.#csiNodes.addHandler(onAny(({ metadata }) => this.#forgetNode(metadata.name))),
    ]
    return () => {
      for (const stop of stops) stop()
      // What changes from now on is not heard of.
      this.#forgetAll()
    }
  }

  #forget(key: string): void {
    const nodes = this.#users.get(key)
    if (nodes === undefined) return
    for (const node of nodes) this.#forgetNode(node)
    this.#users.delete(key)
  }

  #forgetNode(node: string): void {
    const known = this.#attached.get(node)
    if (known === undefined) return
    known.stale = true
    this.#attached.delete(node)
  }

  #forgetAll(): void {
    for (const node of this.#attached.keys()) this.#forgetNode(node)
    this.#users.clear()
  }

  hint(pod: PodInfo, { event, pod: other, object }: Parameters<NonNullable<SchedulerPlugin['hint']>>[1]): boolean {
    if (event === 'AssignedPodDelete') return other === undefined || usesVolumes(other)
    if (event !== 'PersistentVolumeClaim') return true
    const { name: claim, namespace } = object?.metadata ?? {}
    return namespace === pod.namespace && pod.claims.some(each => each.name === claim)
  }

  filter(pod: PodInfo): { check(node: NodeInfo): Rejection | undefined } | undefined {
    if (!usesVolumes(pod)) return undefined
    const used = this.#volumesOf(pod)
    if (used.length === 0) return undefined
    // Where no volume is described the old way, all nodes are asked for the same.
    const same = used.some(each => each.plugin !== undefined) ? undefined : wantedOf(used, none)
    return {
      check: node => {
        const attached = this.#onNode(node)
        return exceeds(same ?? wantedOf(used, attached.migrated), attached) ? full : undefined
      },
    }
  }

  #onNode(node: NodeInfo): Attached {
    const known = this.#bySlot[node.slot]
    if (known?.node === node && known.pods === node.podsRevision && !known.stale) return known
    this.#forgetNode(node.name)
    const attached = this.#count(node)
    this.#attached.set(node.name, attached)
    this.#bySlot[node.slot] = attached
    return attached
  }

  #count(node: NodeInfo): Attached {
    const csiNode = this.#csiNodes.lister.get(node.name)
    const room = limitsOf(csiNode)
    const migrated = migratedTo(csiNode)
    const pods = node.podsRevision
    if (room.size === 0) return { node, pods, migrated, volumes: none, room, stale: false }
    const volumes = new Map<string, string>()
    for (const pod of node.pods.values()) {
      if (usesVolumes(pod)) namesOf(this.#volumesOf(pod, node.name), migrated, volumes)
    }
    // What is attached for pods that have gone already takes room too.
    for (const { spec } of this.#attachments.lister.byIndex(NODE_INDEX, node.name)) {
      const volume = this.#volume(spec?.source?.persistentVolumeName, node.name)
      const found = volume && volumeDriver(volume)
      if (found) volumes.set(`${found.driver}/${found.handle}`, found.driver)
    }
    for (const driver of volumes.values()) {
      const left = room.get(driver)
      if (left !== undefined) room.set(driver, left - 1)
    }
    return { node, pods, migrated, volumes: new Set(volumes.keys()), room, stale: false }
  }

  #note(key: string, node: string): void {
    const nodes = this.#users.get(key)
    if (nodes === undefined) this.#users.set(key, new Set([node]))
    else nodes.add(node)
  }

  #volume(volumeName: string | undefined, user?: string): PersistentVolume | undefined {
    if (!volumeName) return undefined
    if (user !== undefined) this.#note(volumeKey(volumeName), user)
    return this.#volumes.lister.get(volumeName)
  }

  /** The volumes of the pod that a driver attaches; notes for which node this was looked up. */
  #volumesOf(pod: PodInfo, user?: string): readonly AttachedBy[] {
    const used: AttachedBy[] = []
    for (const volume of pod.pod.spec?.volumes ?? []) {
      const found = inlineDriver(volume)
      if (found) used.push(found)
    }
    for (const { name: claimName } of pod.claims) {
      if (user !== undefined) this.#note(claimKey(pod.namespace, claimName), user)
      const claim = this.#claims.lister.get(claimName, pod.namespace)
      const found = claim && this.#ofClaim(claim, user)
      if (found) used.push(found)
    }
    return used
  }

  #ofClaim(claim: PersistentVolumeClaim, user: string | undefined): AttachedBy | undefined {
    const volume = this.#volume(claim.spec?.volumeName, user)
    if (volume !== undefined) return volumeDriver(volume)
    // Not bound yet: the class says which driver will make it.
    const storageClass = this.#classes.lister.get(claimClass(claim))
    if (!storageClass?.provisioner) return undefined
    const { uid, namespace, name: claimName } = claim.metadata
    return { driver: storageClass.provisioner, handle: `${storageClass.provisioner}-${namespace}/${claimName}-${uid}` }
  }
}

const claimKey = (namespace: string | undefined, claim: string): string => `${namespace ?? ''}/${claim}`
/** Namespaces have no empty names: no claim has this key. */
const volumeKey = (volume: string): string => `/${volume}`

function onAny<T extends KubeObject>(tell: (object: T) => void): InformerHandler<T> {
  return { added: tell, updated: (_old, object) => tell(object), deleted: tell }
}

const none: ReadonlySet<string> = new Set()

/** The plugins whose volumes the node leaves to drivers. */
function migratedTo(csiNode: CSINode | undefined): ReadonlySet<string> {
  const plugins = csiNode?.metadata.annotations?.[MIGRATED]
  return plugins ? new Set(plugins.split(',')) : none
}

/** Adds drivers by volume, by a name that is the same for all pods that share one. */
function namesOf(used: readonly AttachedBy[], migrated: ReadonlySet<string>, names: Map<string, string>): void {
  for (const { driver, handle, plugin } of used) {
    if (plugin === undefined || migrated.has(plugin)) names.set(`${driver}/${handle}`, driver)
  }
}

/** What a pod wants attached. */
interface Wanted {
  /** Drivers by volume. */
  readonly names: ReadonlyMap<string, string>
  /** How many volumes there are of each driver. */
  readonly counts: readonly (readonly [driver: string, count: number])[]
}

function wantedOf(used: readonly AttachedBy[], migrated: ReadonlySet<string>): Wanted {
  const names = new Map<string, string>()
  namesOf(used, migrated, names)
  const counts = new Map<string, number>()
  for (const driver of names.values()) counts.set(driver, (counts.get(driver) ?? 0) + 1)
  return { names, counts: [...counts] }
}

/** Whether the node cannot take all that is wanted; volumes that it has already take no more room. */
function exceeds({ names, counts }: Wanted, { room, volumes }: Attached): boolean {
  for (const [driver, count] of counts) {
    const left = room.get(driver)
    // Most nodes have room for all of them, so that nobody need ask which ones are there already.
    if (left === undefined || count <= left) continue
    let more = 0
    for (const [volume, other] of names) if (other === driver && !volumes.has(volume)) more++
    if (more > Math.max(left, 0)) return true
  }
  return false
}

const usesVolumes = (pod: PodInfo): boolean =>
  pod.claims.length > 0 || (pod.pod.spec?.volumes ?? []).some(each => inlineDriver(each) !== undefined)

/** How many volumes of each driver the node can have; drivers that set no limit are missing. */
function limitsOf(csiNode: CSINode | undefined): Map<string, number> {
  const limits = new Map<string, number>()
  for (const { name: driver, allocatable } of csiNode?.spec?.drivers ?? []) {
    if (allocatable?.count !== undefined) limits.set(driver, allocatable.count)
  }
  return limits
}
