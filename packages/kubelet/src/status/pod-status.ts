import type { Pod, PodStatus } from '@canopus/api/core/v1'
import { formatTime } from '@canopus/apimachinery'
import type { ResizeCondition } from '../pods/pod-allocation.ts'
import { qosClass } from '../pods/qos.ts'
import { activeSandbox, type PodRuntime } from '../runtime/pod-runtime.ts'
import { type ConditionFacts, podConditions } from './conditions.ts'
import { type ContainerKnowledge, containerStatuses } from './container-status.ts'
import { type PodPhase, podPhase } from './phase.ts'

export interface StatusFacts extends Omit<ContainerKnowledge, 'over'> {
  /** Milliseconds since the epoch. */
  now: number
  hostIps: readonly string[]
  /** The pod is being ended for good: deleted, evicted, past its deadline. */
  terminal: boolean
  /** Set where the kubelet ended or refused the pod: `DeadlineExceeded`, `OutOfcpu`, ... */
  verdict?: { reason: string; message: string } | undefined
  /** How far a resize has come. */
  resize?: readonly ResizeCondition[]
  /** Set where the kubelet ended the pod in favour of another. */
  disruption?: ConditionFacts['disruption']
}

/** What the API is told of a pod. */
export function podStatus(pod: Pod, runtime: PodRuntime, facts: StatusFacts): PodStatus {
  const { spec } = pod
  const sandbox = activeSandbox(runtime)
  const knowledge = { ...facts, over: facts.terminal || isEnded(pod.status?.phase) }
  const init = containerStatuses(pod, spec.initContainers ?? [], runtime, knowledge, 'init')
  const regular = containerStatuses(pod, spec.containers, runtime, knowledge, 'regular')
  const ephemeral = containerStatuses(pod, spec.ephemeralContainers ?? [], runtime, knowledge, 'ephemeral')
  // a pod that was refused never had any
  const refused =
    facts.verdict !== undefined && runtime.containers.length === 0 && pod.status?.containerStatuses === undefined
  const initialized = spec.containers.some(container =>
    runtime.containers.some(record => record.name === container.name),
  )
  const computed = podPhase(pod, init, regular, facts.terminal, initialized)
  const phase = facts.verdict ? 'Failed' : keepTerminal(pod.status?.phase, computed)
  const now = formatTime(facts.now)
  const ips = ipsOf(pod, runtime, facts.hostIps)
  const sandboxReady = sandbox !== undefined && (sandbox.hostNetwork || sandbox.ips.length > 0)
  const { generation } = pod.metadata
  const { resize = [] } = facts
  return {
    ...(generation !== undefined && { observedGeneration: generation }),
    phase,
    conditions: podConditions(pod, { phase, init, regular, sandboxReady, now, resize, disruption: facts.disruption }),
    ...(facts.verdict ?? carriedVerdict(pod)),
    hostIP: facts.hostIps[0] ?? '',
    hostIPs: facts.hostIps.map(ip => ({ ip })),
    ...(ips.length > 0 && { podIP: ips[0]!, podIPs: ips.map(ip => ({ ip })) }),
    startTime: pod.status?.startTime ?? now,
    ...(!refused && init.length > 0 && { initContainerStatuses: init }),
    ...(!refused && { containerStatuses: regular }),
    ...(!refused && ephemeral.length > 0 && { ephemeralContainerStatuses: ephemeral }),
    qosClass: qosClass(pod),
    ...othersOf(pod.status),
  }
}

function carriedVerdict(pod: Pod): { reason?: string; message?: string } {
  const { phase, reason, message } = pod.status ?? {}
  if (phase !== 'Failed') return {}
  return { ...(reason !== undefined && { reason }), ...(message !== undefined && { message }) }
}

/** Whether a pod of this phase is over for good. */
export function isEnded(phase: string | undefined): phase is 'Failed' | 'Succeeded' {
  return phase === 'Failed' || phase === 'Succeeded'
}

/** Phases never go back from an end. */
function keepTerminal(old: string | undefined, computed: PodPhase): PodPhase {
  return isEnded(old) ? old : computed
}

/** Of the active sandbox; an ended pod keeps the address that it had. */
function ipsOf(pod: Pod, runtime: PodRuntime, hostIps: readonly string[]): readonly string[] {
  if (pod.spec.hostNetwork) return runtime.sandboxes.length > 0 || pod.status?.podIP ? hostIps : []
  const sandbox = activeSandbox(runtime)
  if (sandbox && sandbox.ips.length > 0) return sandbox.ips
  return (pod.status?.podIPs ?? []).map(each => each.ip)
}

/** Fields that are not the kubelet's. */
function othersOf(status: PodStatus | undefined): Partial<PodStatus> {
  const { nominatedNodeName, resourceClaimStatuses, extendedResourceClaimStatus } = status ?? {}
  return {
    ...(nominatedNodeName !== undefined && { nominatedNodeName }),
    ...(resourceClaimStatuses !== undefined && { resourceClaimStatuses }),
    ...(extendedResourceClaimStatus !== undefined && { extendedResourceClaimStatus }),
  }
}
