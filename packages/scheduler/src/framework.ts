import type { Node } from '@canopus/api/core/v1'
import type { KubeObject, Requirement } from '@canopus/apimachinery'
import type { Clock, Logger, Random } from '@canopus/base'
import type { Client, InformerFactory } from '@canopus/client'
import type { EventRecorder } from '@canopus/operator'
import type { ClusterCache } from './cache.ts'
import type { SharedDevices } from './devices/shared-devices.ts'
import type { NodeInfo } from './node-info.ts'
import type { NamespaceLabels, PodInfo } from './pod-info.ts'
import type { SchedulerMetrics } from './scheduler-metrics.ts'

/** Why a node, or every node, does not do. A verdict, not an error: errors are thrown. */
export interface Rejection {
  readonly plugin: string
  readonly reasons: readonly string[]
  /** No eviction of other pods could help (upstream's UnschedulableAndUnresolvable). */
  readonly unresolvable?: boolean
}

/** What plugins may look at. */
export interface ClusterView {
  readonly cache: ClusterCache
  readonly namespaceLabels: NamespaceLabels
  /** What the services and the controller that the pod belongs to select by, for default spreading; empty without any. */
  readonly ownSelector: (pod: PodInfo) => readonly Requirement[]
}

/** A filter that has looked at the pod and the cluster: it can judge nodes one by one. */
export interface NodeFilter {
  /** Only nodes of these names can do; the others need not be asked. */
  readonly only?: ReadonlySet<string>
  check(node: NodeInfo): Rejection | undefined
  /**
   * Set where the verdict depends on nothing but the pod's requests and host ports, the node as it is when it is asked about,
   * and the pods on it.
   */
  readonly isLocal?: true
  /**
   * The same for many nodes at once, by their slots in the cache's figures: moves those that do to the front and answers
   * how many they are. Optional; for filters that every pod goes through.
   */
  keep?(slots: Int32Array, count: number): number
  /** Set where many nodes are alike to the filter, so that the verdict on one of them is that on all. */
  readonly alike?: AlikeVerdict
}

/** The nodes among which the best is sought. */
export interface Candidates {
  /** Their places in the cache's figures and columns. */
  readonly slots: Int32Array
  /** Made when it is first asked for: plugins that have no opinion should not ask. */
  readonly nodes: readonly NodeInfo[]
}

/** A scorer that has looked at the pod and at all nodes that do. */
export interface NodeScorer {
  /** The raw score of a node. */
  score(node: NodeInfo): number
  /** The same for many nodes at once, by their slots in the cache's figures. Optional. */
  scoreAll?(slots: Int32Array, scores: Float64Array): void
  /**
   * Set where the score, a whole number from 0 on that is not normalised, depends on nothing but the pod's requests and the
   * node's figures: the same by the slot.
   */
  readonly bySlot?: (slot: number) => number
  /** Set where many nodes are alike to the scorer, so that the score of one of them is that of all. */
  readonly alike?: Alike
  /** Brings the raw scores, in the order of the nodes, between 0 and 100. */
  normalise?(scores: Float64Array): void
}

/** Which nodes a plugin cannot tell from each other, as it stands. */
export interface NodeKinds {
  /** All that `of` depends on besides the node and the pods on it. */
  readonly key: string
  /** The same for nodes that are alike, by their slots. */
  of(slot: number): string | number
}

export interface AlikeVerdict extends NodeKinds {
  /** Whether the node in the slot does, and with it all that are alike. */
  does(slot: number): boolean
}

/** The raw score of nodes that are alike is the same. */
export interface Alike extends NodeKinds {
  /** Scores one node of each kind, where so many of each (`sizes`) are candidates; brings the scores between 0 and 100. */
  score(slots: Int32Array, sizes: Int32Array): Float64Array
}

export const MAX_SCORE = 100

/** Something that changed in the cluster and may make room for pods that found none. */
export type ClusterEvent =
  | 'NodeAdd'
  | 'NodeAllocatable'
  | 'NodeLabel'
  | 'NodeTaint'
  | 'NodeCondition'
  | 'NodeFeatures'
  | 'NodeDelete'
  | 'AssignedPodAdd'
  | 'AssignedPodUpdate'
  | 'AssignedPodDelete'
  | 'PodUpdate'
  | 'NamespaceUpdate'
  | 'PersistentVolume'
  | 'PersistentVolumeClaim'
  | 'StorageClass'
  | 'CSINode'
  | 'CSIDriver'
  | 'CSIStorageCapacity'
  | 'VolumeAttachmentDelete'
  | 'ResourceClaim'
  | 'ResourceSlice'
  | 'DeviceClass'

/** An event with what it is about: hints look at it. */
export interface ClusterChange {
  readonly event: ClusterEvent
  /** The node after the change; of deletions, the last one seen. */
  readonly node?: Node
  readonly oldNode?: Node
  readonly pod?: PodInfo
  readonly oldPod?: PodInfo
  /** An object of any other kind, after the change and before it; only the old one where it was deleted. */
  readonly object?: KubeObject
  readonly oldObject?: KubeObject
}

/**
 * A plugin is a small object with a name and those of upstream's extension points that it wants. PreFilter and Filter are
 * one function here: `filter` looks at the pod once and answers what judges each node; so do PreScore and Score.
 */
export interface SchedulerPlugin {
  readonly name: string
  /** Called when a run begins and all informers are in sync, before the scheduler itself hears of changes; answers the end. */
  connect?(): () => void
  /**
   * Upstream's PreEnqueue: a rejection keeps the pod out of the queue until the pod itself changes, or one of the plugin's events
   * comes, or the plugin releases it.
   */
  preEnqueue?(pod: PodInfo): Rejection | undefined
  /** Upstream's QueueSort: negative where `a` comes first. Times are when the pods were queued first. */
  compare?(a: QueueOrder, b: QueueOrder): number
  /**
   * Set where what `filter` and `score` (before it is normalised) say depends on nothing but this text and the labels, spec
   * and name of the node: pods of the same key share verdicts until the node changes.
   */
  staticKey?(pod: PodInfo): string
  /** PreFilter and Filter. Nothing: every node does. A rejection: no node does. */
  filter?(pod: PodInfo, cluster: ClusterView): NodeFilter | Rejection | undefined
  /** PostFilter: what to do where no node does. A promise only where somebody outside must be asked: nothing is decided meanwhile. */
  postFilter?(
    pod: PodInfo,
    cluster: ClusterView,
    failure: Failure,
  ): PostFilterResult | Promise<PostFilterResult> | undefined
  /** PreScore and Score. Nothing: no opinion on this pod. */
  score?(pod: PodInfo, cluster: ClusterView, candidates: Candidates): NodeScorer | undefined
  /** Holds what the pod will need on the node; a rejection sends the pod back. */
  reserve?(pod: PodInfo, node: NodeInfo): Rejection | undefined
  unreserve?(pod: PodInfo, node: string): void
  /** May hold the pod back until something else has come about. Rejecting throws nothing: it answers. */
  permit?(pod: PodInfo, node: string, signal: AbortSignal): Promise<Rejection | undefined>
  /** Whether `preBind` has something to do for the pod, which may take its time (upstream's PreBindPreFlight). */
  preBindPreFlight?(pod: PodInfo, node: string): boolean
  preBind?(pod: PodInfo, node: string, signal: AbortSignal): Promise<Rejection | undefined>
  /** True where it has bound the pod; the first one that does ends the row. */
  bind?(pod: PodInfo, node: string, signal: AbortSignal): Promise<boolean>
  postBind?(pod: PodInfo, node: string): void
  /** Which changes may undo a rejection of this plugin. Default: all. */
  readonly events?: readonly ClusterEvent[]
  /** Upstream's queueing hint: whether this very change may undo the rejection of the pod. Default: each of `events` may. */
  hint?(pod: PodInfo, change: ClusterChange): boolean
}

/** What plugins that need more than pods and nodes are made with. */
export interface PluginContext {
  readonly client: Client
  /** Informers asked for while plugins are made are in sync before the first decision. */
  readonly informers: InformerFactory
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly events: EventRecorder
  readonly cluster: ClusterView
  readonly metrics?: SchedulerMetrics
  /** Whether the pod would run on the node, as the cache is at that moment, by all filters of the profile. */
  check(pod: PodInfo, node: NodeInfo): Rejection | undefined
  /** What `check` depends on besides one node and the pods on it; nothing: on more than can be told. */
  localKey(pod: PodInfo): string | undefined
  /** What all profiles know of devices. */
  readonly devices: SharedDevices
  /** Lets extenders choose among the candidates for preemption; nothing where no extender wants to. */
  askExtenders?(
    pod: PodInfo,
    candidates: readonly PreemptionCandidate[],
  ): Promise<readonly PreemptionCandidate[]> | undefined
  /** Ends the binding of a pod that is not written yet, for a more important one; false where it cannot be ended any more. */
  cancelBinding?(pod: PodInfo): boolean
  /** Tries the pod again at once, whatever it waits for. */
  activate(pod: PodInfo): void
  /** A pod that `preEnqueue` keeps out after it was tried in vain may be let in now: it waits for what may help it again. */
  release(pod: PodInfo): void
  /** Something that no informer tells may have made room. */
  changed(change: ClusterChange): void
}

/**
 * Makes a plugin of a profile. `args` are those of the configuration, as they stand there (`undefined`: none).
 *
 * @throws Error with a sentence for the user where the arguments are wrong.
 */
export type PluginFactory = (context: PluginContext, args: unknown) => SchedulerPlugin

export interface QueueOrder {
  readonly pod: PodInfo
  readonly queuedAt: number
  /** Breaks ties in the order of arrival. */
  readonly sequence: number
}

/** Why no node does. */
export interface Failure {
  /** Set where a plugin rejected the pod before any node was asked. */
  readonly early?: Rejection
  readonly rejections: NodeRejections
}

/** Why nodes do not do. Counted once, because most of thousands of nodes are rejected for one and the same reason. */
export interface NodeRejections {
  /** Why this node does not do; as of the decision, so ask before anything else is decided. */
  of(node: NodeInfo): Rejection | undefined
  /** For each rejection, on how many nodes it stands. */
  readonly counts: ReadonlyMap<Rejection, number>
}

export interface PostFilterResult {
  /** Goes into the pod's message. */
  message: string
  /** No other plugin shall look for a way, and what others said does not count. */
  last?: boolean
  /** Waiting for the node that the pod was promised leads nowhere. */
  clearNomination?: boolean
  /** The node that the pod shall wait for, and whom to evict there. */
  nomination?: { node: string; victims: readonly PodInfo[] }
}

/** A node on which a pod would find room if others were evicted. */
export interface PreemptionCandidate {
  readonly node: NodeInfo
  readonly victims: readonly PodInfo[]
  /** How many victims a disruption budget speaks for. */
  readonly violations: number
}

/** A plugin in a profile, with the weight of its scores. */
export interface ProfileEntry {
  plugin: SchedulerPlugin
  weight: number
}

/** Plugins in order: filters and scorers are asked in this order. */
export type Profile = readonly ProfileEntry[]

export function isRejection(value: NodeFilter | Rejection): value is Rejection {
  return 'reasons' in value
}

/** Spreads raw scores over 0 to 100 by the highest (upstream's DefaultNormalizeScore). */
export function normaliseByHighest(scores: Float64Array, reverse: boolean): void {
  let highest = 0
  for (let i = 0; i < scores.length; i++) if (scores[i]! > highest) highest = scores[i]!
  if (highest === 0) {
    scores.fill(reverse ? MAX_SCORE : 0)
    return
  }
  for (let i = 0; i < scores.length; i++) {
    const part = Math.floor((MAX_SCORE * scores[i]!) / highest)
    scores[i] = reverse ? MAX_SCORE - part : part
  }
}
