import type { Namespace, Pod, PodAffinityTerm, WeightedPodAffinityTerm } from '@canopus/api/core/v1'
import {
  deepEqual,
  everything,
  type Labels,
  labelSelector,
  matches,
  nothing,
  type Selector,
} from '@canopus/apimachinery'
import type { EventDetails } from '@canopus/operator'
import { podRequests, podScoringRequests, type Resources } from './resources.ts'
import { type ClaimReference, claimsOf } from './volumes/claims.ts'

/** A host port that a pod takes. */
export interface HostPort {
  ip: string
  protocol: string
  port: number
}

/** A parsed term of pod affinity or anti-affinity. */
export interface AffinityTerm {
  readonly topologyKey: string
  readonly namespaces: ReadonlySet<string>
  readonly namespaceSelector: Selector
  readonly selector: Selector
  /** For preferred terms. */
  readonly weight: number
}

/** A pod with all that the scheduler works out of it, once per version of the pod. */
export interface PodInfo {
  readonly pod: Pod
  /** `namespace/name`. */
  readonly key: string
  readonly uid: string
  readonly namespace: string
  readonly labels: Labels
  readonly priority: number
  readonly requests: Resources
  readonly scoringRequests: Resources
  readonly hostPorts: readonly HostPort[]
  readonly claims: readonly ClaimReference[]
  readonly requiredAffinity: readonly AffinityTerm[]
  readonly requiredAntiAffinity: readonly AffinityTerm[]
  readonly preferredAffinity: readonly AffinityTerm[]
  readonly preferredAntiAffinity: readonly AffinityTerm[]
  /** Whether there are any terms at all. */
  readonly hasAffinity: boolean
}

const known = new WeakMap<Pod, PodInfo>()

/**
 * The facts of a pod. Pods from informers are never changed, so the answer is kept as long as the pod is. `before`: those of
 * its last version, of which all are taken over that cannot have changed.
 */
export function podInfo(pod: Pod, before?: PodInfo): PodInfo {
  let info = known.get(pod)
  if (info === undefined) {
    info =
      before !== undefined && countsAlike(before.pod, pod)
        ? { ...before, pod, labels: labelsOf(pod, before) }
        : build(pod)
    known.set(pod, info)
  }
  return info
}

/**
 * Whether the two versions of a pod ask for the same: what is asked for has the same generation, and no container tells what
 * it was granted. Which node it has is no part of the generation, nor are labels, which pods have of their node's zone.
 */
function countsAlike({ metadata: old, status: oldStatus }: Pod, { metadata, status }: Pod): boolean {
  return (
    old.uid === metadata.uid &&
    old.generation === metadata.generation &&
    metadata.generation !== undefined &&
    old.deletionTimestamp === metadata.deletionTimestamp &&
    isUngranted(oldStatus) &&
    isUngranted(status)
  )
}

const NO_TERMS: readonly AffinityTerm[] = Object.freeze([])
const NO_PORTS: readonly HostPort[] = Object.freeze([])

/** The same object where they are the same labels. */
const labelsOf = ({ metadata: { labels = {} } }: Pod, before: PodInfo): Labels =>
  deepEqual(before.labels, labels) ? before.labels : labels

const isUngranted = (status: Pod['status']): boolean =>
  status?.containerStatuses === undefined &&
  status?.initContainerStatuses === undefined &&
  status?.resources === undefined &&
  status?.allocatedResources === undefined

function build(pod: Pod): PodInfo {
  const { metadata, spec } = pod
  const namespace = metadata.namespace ?? ''
  const affinity = spec?.affinity?.podAffinity
  const anti = spec?.affinity?.podAntiAffinity
  const term = (each: PodAffinityTerm, weight = 0): AffinityTerm => affinityTerm(each, pod, weight)
  const weighed = (each: WeightedPodAffinityTerm): AffinityTerm => term(each.podAffinityTerm, each.weight)
  return {
    pod,
    key: `${namespace}/${metadata.name}`,
    uid: metadata.uid,
    namespace,
    labels: metadata.labels ?? {},
    priority: spec?.priority ?? 0,
    requests: podRequests(pod),
    scoringRequests: podScoringRequests(pod),
    hostPorts: hostPortsOf(pod),
    claims: claimsOf(pod),
    hasAffinity: affinity !== undefined || anti !== undefined,
    // One for all that want nothing: of most pods these would be empty lists.
    requiredAffinity: affinity?.requiredDuringSchedulingIgnoredDuringExecution?.map(each => term(each)) ?? NO_TERMS,
    requiredAntiAffinity: anti?.requiredDuringSchedulingIgnoredDuringExecution?.map(each => term(each)) ?? NO_TERMS,
    preferredAffinity: affinity?.preferredDuringSchedulingIgnoredDuringExecution?.map(weighed) ?? NO_TERMS,
    preferredAntiAffinity: anti?.preferredDuringSchedulingIgnoredDuringExecution?.map(weighed) ?? NO_TERMS,
  }
}

function hostPortsOf(pod: Pod): readonly HostPort[] {
  const containers = [
    ...(pod.spec?.containers ?? []),
    ...(pod.spec?.initContainers ?? []).filter(each => each.restartPolicy === 'Always'),
  ]
  const ports = containers.flatMap(container =>
    (container.ports ?? [])
      .filter(port => (port.hostPort ?? 0) > 0)
      .map(port => ({ ip: port.hostIP || '0.0.0.0', protocol: port.protocol || 'TCP', port: port.hostPort! })),
  )
  return ports.length > 0 ? ports : NO_PORTS
}

/** A selector object, where an invalid one selects nothing. */
export function selectorOf(selector: Parameters<typeof labelSelector>[0]): Selector {
  try {
    return labelSelector(selector)
  } catch {
    return nothing
  }
}

function affinityTerm(term: PodAffinityTerm, pod: Pod, weight: number): AffinityTerm {
  // Without a word about namespaces, the pod's own is meant.
  const own = (term.namespaces ?? []).length === 0 && term.namespaceSelector === undefined
  const namespaces = own ? [pod.metadata.namespace ?? ''] : (term.namespaces ?? [])
  const namespaceSelector = selectorOf(term.namespaceSelector)
  const selector = selectorOf(term.labelSelector)
  return { topologyKey: term.topologyKey, namespaces: new Set(namespaces), namespaceSelector, selector, weight }
}

/** Labels of namespaces, for terms that select namespaces. */
export type NamespaceLabels = (namespace: string) => Labels

export function namespaceLabelsFrom(get: (name: string) => Namespace | undefined): NamespaceLabels {
  return namespace => get(namespace)?.metadata.labels ?? {}
}

/** Whether `pod` is one of those that the term speaks of. */
export function termMatches(term: AffinityTerm, pod: PodInfo, namespaceLabels: NamespaceLabels): boolean {
  if (!matches(term.selector, pod.labels)) return false
  if (term.namespaces.has(pod.namespace)) return true
  if (term.namespaceSelector === nothing) return false
  if (Array.isArray(term.namespaceSelector) && term.namespaceSelector.length === everything.length) return true
  return matches(term.namespaceSelector, namespaceLabels(pod.namespace))
}

/** Whether the pod has run its course, so that it takes up no room any more. */
export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}

/** What events about the pod say beside their note: they come from the scheduler that the pod asks for. */
export function told({ pod }: PodInfo, action: string): EventDetails {
  return { action, component: pod.spec?.schedulerName ?? 'default-scheduler' }
}
