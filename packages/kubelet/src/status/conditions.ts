import type { ContainerStatus, Pod, PodCondition } from '@canopus/api/core/v1'
import { RESIZE_CONDITIONS, type ResizeCondition } from '../pods/pod-allocation.ts'
import { isRestartable } from '../pods/pod-text.ts'
import type { PodPhase } from './phase.ts'

type Verdict = Pick<PodCondition, 'status' | 'reason' | 'message'>

export interface ConditionFacts {
  phase: PodPhase
  init: readonly ContainerStatus[]
  regular: readonly ContainerStatus[]
  sandboxReady: boolean
  /** RFC 3339. */
  now: string
  /** How far a resize has come. Default: there is none. */
  resize?: readonly ResizeCondition[]
  /** Why the kubelet ended the pod in favour of another. Default: it did not. */
  disruption?: Verdict | undefined
}

/** The conditions that are the kubelet's to set. */
export const OWN_CONDITIONS = [
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
  ...RESIZE_CONDITIONS,
]

const OK: Verdict = { status: 'True' }

/** A pod's conditions: the kubelet's own anew, those of others as they are (upstream pkg/kubelet/status/generate.go). */
export function podConditions(pod: Pod, facts: ConditionFacts): PodCondition[] {
  const containersReady = judgeContainers(pod, facts)
  const own: [string, Verdict & Pick<PodCondition, 'observedGeneration'>][] = [
    ...(facts.resize ?? []).map(({ type, ...verdict }): [string, Verdict] => [type, verdict]),
    ['PodReadyToStartContainers', facts.sandboxReady ? OK : { status: 'False' }],
    ['Initialized', judgeInitialized(pod, facts)],
    ['Ready', judgeReady(pod, containersReady)],
    ['ContainersReady', containersReady],
    ['PodScheduled', OK],
    ...(facts.disruption ? [['DisruptionTarget', facts.disruption] satisfies [string, Verdict]] : []),
  ]
  const old = pod.status?.conditions ?? []
  const names = new Set([...OWN_CONDITIONS, ...own.map(([type]) => type)])
  const generation = pod.metadata.generation
  const fresh = own.map(([type, verdict]): PodCondition => {
    const before = old.find(each => each.type === type)
    const transition = before?.status === verdict.status ? before.lastTransitionTime : undefined
    return {
      type,
      ...(generation !== undefined && { observedGeneration: generation }),
      ...verdict,
      lastTransitionTime: transition ?? facts.now,
    }
  })
  return [...fresh, ...old.filter(each => !names.has(each.type))]
}

function judgeInitialized(pod: Pod, { phase, init, regular }: ConditionFacts): Verdict {
  const containers = pod.spec.initContainers ?? []
  if (containers.length === 0) return OK
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' }
  if (regular.some(status => status.state?.running || status.state?.terminated || status.lastState?.terminated))
    return OK
  const incomplete = containers.filter(container => {
    const status = init.find(each => each.name === container.name)
    return isRestartable(container) ? status?.started !== true : status?.ready !== true
  })
  if (incomplete.length === 0) return OK
  const names = incomplete.map(container => container.name).join(' ')
  return {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${names}]`,
  }
}

function judgeContainers(pod: Pod, { phase, init, regular }: ConditionFacts): Verdict {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' }
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' }
  const sidecars = (pod.spec.initContainers ?? []).filter(isRestartable)
  const unready = [...sidecars, ...pod.spec.containers].filter(
    container => [...init, ...regular].find(status => status.name === container.name)?.ready !== true,
  )
  if (unready.length === 0) return OK
  const names = unready.map(container => container.name).join(' ')
  return { status: 'False', reason: 'ContainersNotReady', message: `containers with unready status: [${names}]` }
}

function judgeReady(pod: Pod, containersReady: Verdict): Verdict {
  if (containersReady.status !== 'True') return containersReady
  const missing = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const condition = pod.status?.conditions?.find(each => each.type === conditionType)
    if (condition === undefined)
      return [`corresponding condition of pod readiness gate ${JSON.stringify(conditionType)} does not exist.`]
    return condition.status === 'True'
      ? []
      : [`the status of pod readiness gate ${JSON.stringify(conditionType)} is not "True", but ${condition.status}`]
  })
  if (missing.length === 0) return OK
  const message = missing.length === 1 ? missing[0]! : `[${missing.join(', ')}]`
  return { status: 'False', reason: 'ReadinessGatesNotReady', message }
}
