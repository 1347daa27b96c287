/** What a kubelet would do next for a pod, and what it would then say of it: pure, told by the pod's own status. */
import type { ContainerState, ContainerStatus, Pod, PodCondition, PodStatus } from '@canopus/api/core/v1'
import { findCondition, formatTime, parseTime } from '@canopus/apimachinery'

/** Annotations of a pod (or of a workload's pod template) that say how it behaves on simulated nodes. */
export const SIMULATION_ANNOTATIONS = {
  /** From being bound to running, for example `5s`: pulling images, starting containers. */
  startDelay: 'simulation.canopus/start-delay',
  /** From running to ready. */
  readyDelay: 'simulation.canopus/ready-delay',
  /** How long its containers run before they end by themselves. Without it a job's pod ends at once, any other runs on. */
  runFor: 'simulation.canopus/run-for',
  /** With which status they then end; 0 where missing. */
  exitCode: 'simulation.canopus/exit-code',
  /** How likely it is, from 0 to 1, that they end with status 1 instead. */
  failureChance: 'simulation.canopus/failure-chance',
  /** How long its containers take to end once it is deleted, within its grace period. */
  stopDelay: 'simulation.canopus/stop-delay',
  /**
   * What it uses while it runs, as quantities (`250m`, `64Mi`); its containers share that alike. On a Deployment or StatefulSet
   * itself: the load that all its ready pods share alike which say nothing themselves.
   */
  cpu: 'simulation.canopus/cpu',
  memory: 'simulation.canopus/memory',
} as const

/** Times in milliseconds. */
export interface PodBehaviour {
  startDelay: number
  readyDelay: number
  runFor: number | undefined
  exitCode: number
  failureChance: number
  stopDelay: number
}

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** `90s`, `1m30s` or `250ms` in milliseconds; nothing where it is no such text. */
export function parseDuration(text: string): number | undefined {
  if (/^0+$/.test(text)) return 0
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined
  let sum = 0
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g))
    sum += Number(count) * UNITS[unit as keyof typeof UNITS]
  return sum
}

/** How the pod behaves by its annotations; what they do not say, or say wrongly, is as in `defaults`. */
export function behaviourOf(pod: Pod, defaults: Partial<PodBehaviour> = {}): PodBehaviour {
  const annotations = pod.metadata.annotations ?? {}
  const time = (name: string): number | undefined => parseDuration(annotations[name] ?? '')
  const figure = (name: string): number | undefined => {
    const text = annotations[name]
    return text === undefined || !Number.isFinite(Number(text)) ? undefined : Number(text)
  }
  const known = SIMULATION_ANNOTATIONS
  return {
    startDelay: time(known.startDelay) ?? defaults.startDelay ?? 0,
    readyDelay: time(known.readyDelay) ?? defaults.readyDelay ?? 0,
    runFor: time(known.runFor) ?? defaults.runFor ?? (isJobPod(pod) ? 0 : undefined),
    exitCode: figure(known.exitCode) ?? defaults.exitCode ?? 0,
    failureChance: figure(known.failureChance) ?? defaults.failureChance ?? 0,
    stopDelay: time(known.stopDelay) ?? defaults.stopDelay ?? 0,
  }
}

/**
 * `observe` says that a spec that has changed was seen; `finish` ends a pod that is being deleted and that somebody still has to
 * count; `remove` takes it away.
 */
export type StepKind = 'run' | 'ready' | 'observe' | 'exit' | 'restart' | 'finish' | 'remove'

export interface Step {
  readonly kind: StepKind
  /** In so many milliseconds. */
  readonly after: number
}

/** What comes next for a pod on its node by the node's clock, if anything. */
export function nextStep(pod: Pod, behaviour: PodBehaviour, now: number): Step | undefined {
  const phase = pod.status?.phase ?? 'Pending'
  const ended = phase === 'Succeeded' || phase === 'Failed'
  if (pod.metadata.deletionTimestamp !== undefined) return ending(pod, behaviour, ended)
  if (ended) return undefined
  if (phase === 'Pending') return { kind: 'run', after: behaviour.startDelay }
  const [first] = pod.status?.containerStatuses ?? []
  if (first?.state?.waiting) return { kind: 'restart', after: until(endOf(first), backOff(first.restartCount), now) }
  if (pod.metadata.generation !== pod.status?.observedGeneration) return { kind: 'observe', after: 0 }
  const startedAt = parseTime(first?.state?.running?.startedAt ?? '') ?? now
  const exit: Step | undefined =
    behaviour.runFor === undefined ? undefined : { kind: 'exit', after: until(startedAt, behaviour.runFor, now) }
  if (findCondition(pod.status?.conditions, 'Ready')?.status === 'True') return exit
  const ready: Step = { kind: 'ready', after: until(startedAt, behaviour.readyDelay, now) }
  return exit && exit.after <= ready.after ? exit : ready
}

function ending({ metadata }: Pod, { stopDelay }: PodBehaviour, ended: boolean): Step | undefined {
  const after = Math.min(stopDelay, (metadata.deletionGracePeriodSeconds ?? 30) * 1000)
  if (!ended && (metadata.finalizers ?? []).length > 0) return { kind: 'finish', after }
  // The server takes it away by itself.
  if (metadata.deletionGracePeriodSeconds === 0) return undefined
  return { kind: 'remove', after: ended ? 0 : after }
}

const until = (from: number, span: number, now: number): number => Math.max(0, from + span - now)

/** Ten seconds, twice as long each time, five minutes at most (pkg/kubelet/kubelet.go). */
const backOff = (restarts: number): number => Math.min(300_000, 10_000 * 2 ** Math.min(10, Math.max(0, restarts - 1)))

const endOf = (status: ContainerStatus): number => parseTime(status.lastState?.terminated?.finishedAt ?? '') ?? 0

const isJobPod = (pod: Pod): boolean =>
  pod.metadata.ownerReferences?.some(owner => owner.kind === 'Job' && owner.controller) ?? false

/** The pod's status after its containers have started, ready or not. */
export function runningStatus(pod: Pod, milliseconds: number, address: string, ready: boolean): PodStatus {
  const now = formatTime(milliseconds)
  const ip = pod.status?.podIP ?? address
  return {
    ...observed(pod),
    phase: 'Running',
    conditions: conditions(pod, now, ready, ready ? undefined : 'ContainersNotReady'),
    startTime: pod.status?.startTime ?? now,
    podIP: ip,
    podIPs: [{ ip }],
    containerStatuses: containers(pod, ready, old => ({
      restartCount: old?.restartCount ?? 0,
      ...(old?.lastState ? { lastState: old.lastState } : {}),
      state: old?.state?.running ? old.state : { running: { startedAt: now } },
    })),
  }
}

/** The same after they ended with `exitCode`: they wait to start again where the pod's restart policy says so. */
export function exitedStatus(pod: Pod, milliseconds: number, exitCode: number): PodStatus {
  const policy = pod.spec.restartPolicy ?? 'Always'
  const again =
    pod.metadata.deletionTimestamp === undefined && (policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0))
  const now = formatTime(milliseconds)
  const state = (old: ContainerStatus | undefined): ContainerState => ({
    terminated: {
      exitCode,
      reason: exitCode === 0 ? 'Completed' : 'Error',
      startedAt: old?.state?.running?.startedAt ?? now,
      finishedAt: now,
    },
  })
  if (!again) {
    const succeeded = exitCode === 0
    return {
      ...observed(pod),
      phase: succeeded ? 'Succeeded' : 'Failed',
      conditions: conditions(pod, now, false, succeeded ? 'PodCompleted' : 'PodFailed'),
      startTime: pod.status?.startTime ?? now,
      containerStatuses: containers(pod, false, old => ({ restartCount: old?.restartCount ?? 0, state: state(old) })),
    }
  }
  return {
    ...observed(pod),
    phase: 'Running',
    conditions: conditions(pod, now, false, 'ContainersNotReady'),
    containerStatuses: containers(pod, false, old => ({
      restartCount: (old?.restartCount ?? 0) + 1,
      lastState: state(old),
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off restarting failed container' } },
    })),
  }
}

const observed = ({ metadata: { generation } }: Pod): { observedGeneration?: number } =>
  generation === undefined ? {} : { observedGeneration: generation }

function conditions(pod: Pod, now: string, ready: boolean, reason?: string): PodCondition[] {
  const condition = (type: string, holds: boolean): PodCondition => {
    const status = holds ? 'True' : 'False'
    const old = findCondition(pod.status?.conditions, type)
    const since = old?.status === status && old.lastTransitionTime ? old.lastTransitionTime : now
    return { type, ...observed(pod), status, lastTransitionTime: since, ...(reason && !holds ? { reason } : {}) }
  }
  const own = ['PodScheduled', 'PodReadyToStartContainers', 'Initialized', 'ContainersReady', 'Ready']
  const others = (pod.status?.conditions ?? []).filter(each => !own.includes(each.type))
  return [
    condition('PodScheduled', true),
    condition('PodReadyToStartContainers', ready || reason === 'ContainersNotReady'),
    condition('Initialized', true),
    condition('ContainersReady', ready),
    condition('Ready', ready),
    ...others,
  ]
}

function containers(
  pod: Pod,
  ready: boolean,
  rest: (old: ContainerStatus | undefined) => Pick<ContainerStatus, 'restartCount' | 'state' | 'lastState'>,
): ContainerStatus[] {
  return pod.spec.containers.map((container, index) => {
    const old = pod.status?.containerStatuses?.[index]
    const own = rest(old)
    return {
      name: container.name,
      image: container.image ?? '',
      imageID: '',
      containerID: `simulated://${pod.metadata.uid}-${index}-${own.restartCount}`,
      ready,
      started: own.state?.running !== undefined,
      ...own,
    }
  })
}
