import type { Container, EphemeralContainer, Pod } from '@canopus/api/core/v1'
import { containerHash } from '../runtime/hash.ts'
import { activeSandbox, type ContainerRecord, latest, type PodRuntime } from '../runtime/pod-runtime.ts'
import { isRestartable } from './pod-text.ts'
import { judgeContainerResize } from './resize.ts'

export type ContainerKind = 'init' | 'regular' | 'ephemeral'

/** What has to be done so that the runtime has what the pod's spec says. In this order: stop, sandbox, update, start. */
export interface PodPlan {
  /** Everything of the pod that still runs is stopped, its sandbox too. */
  readonly killPod: boolean
  readonly createSandbox: boolean
  /** The attempt number of the sandbox to create. */
  readonly attempt: number
  readonly stop: readonly StopAction[]
  readonly start: readonly StartAction[]
  /** Running containers that get other resources. */
  readonly update: readonly UpdateAction[]
}

export interface UpdateAction {
  readonly container: Container
  readonly record: ContainerRecord
}

export interface StopAction {
  readonly container: ContainerRecord
  /** Why, as the Killing event says. */
  readonly message: string
  readonly cause: 'liveness' | 'startup' | 'changed' | 'resized' | 'unknown'
}

export interface StartAction {
  readonly kind: ContainerKind
  readonly container: Container | EphemeralContainer
  /** The restart count that it will have. */
  readonly attempt: number
  /** The run that this one follows, for the back-off. */
  readonly previous: ContainerRecord | undefined
}

/** What probes say about containers, by container id. Absent means no such probe, or none has ended yet. */
export interface ProbeVerdicts {
  liveness(containerId: string): boolean | undefined
  startup(containerId: string): boolean | undefined
}

/** After upstream pkg/kubelet/kuberuntime/kuberuntime_manager.go, computePodActions. */
export function planPod(pod: Pod, runtime: PodRuntime, probes: ProbeVerdicts): PodPlan {
  const sandbox = activeSandbox(runtime)
  const readySandboxes = runtime.sandboxes.filter(each => each.ready).length
  const hostNetwork = pod.spec.hostNetwork === true
  const usable =
    sandbox !== undefined &&
    readySandboxes === 1 &&
    sandbox.hostNetwork === hostNetwork &&
    (hostNetwork || sandbox.ips.length > 0)
  return usable ? planInSandbox(pod, runtime, probes, sandbox.id) : planWithoutSandbox(pod, runtime)
}

function planWithoutSandbox(pod: Pod, runtime: PodRuntime): PodPlan {
  const attempt = runtime.sandboxes[0] ? runtime.sandboxes[0].attempt + 1 : 0
  const nothing: PodPlan = { killPod: true, createSandbox: false, attempt, stop: [], start: [], update: [] }
  const policy = pod.spec.restartPolicy ?? 'Always'
  if (policy === 'Never' && attempt > 0 && runtime.containers.length > 0) return nothing
  const wanted = pod.spec.containers.filter(container => {
    const record = latest(runtime, container.name)
    return !(policy === 'OnFailure' && record?.state === 'exited' && record.exitCode === 0)
  })
  if (wanted.length === 0) return nothing
  const init = pod.spec.initContainers?.[0]
  const start = init
    ? [startAction('init', init, runtime)]
    : wanted.map(container => startAction('regular', container, runtime))
  return { killPod: true, createSandbox: true, attempt, stop: [], start, update: [] }
}

function planInSandbox(pod: Pod, runtime: PodRuntime, probes: ProbeVerdicts, sandboxId: string): PodPlan {
  const stop: StopAction[] = []
  const start: StartAction[] = []
  const attempt = runtime.sandboxes[0]!.attempt
  const kill: PodPlan = { killPod: true, createSandbox: false, attempt, stop: [], start: [], update: [] }

  for (const container of pod.spec.ephemeralContainers ?? [])
    if (latest(runtime, container.name) === undefined) start.push(startAction('ephemeral', container, runtime))

  const active: PodRuntime = { ...runtime, containers: runtime.containers.filter(each => each.sandboxId === sandboxId) }
  const init = planInit(pod, runtime, active, probes)
  if (init.failed) return kill
  stop.push(...init.stop)
  start.push(...init.start)
  if (!init.done) return { killPod: false, createSandbox: false, attempt, stop, start, update: [] }

  let alive = 0
  for (const container of pod.spec.containers) {
    const verdict = judgeRegular(pod, container, runtime, probes)
    if (verdict.stop) stop.push(verdict.stop)
    if (verdict.start) start.push(startAction('regular', container, runtime))
    if (verdict.start || verdict.keep) alive++
  }
  if (alive === 0) return kill
  const resize = planResize(pod, active, stop)
  return {
    killPod: false,
    createSandbox: false,
    attempt,
    stop: [...stop, ...resize.stop],
    start: [...start, ...resize.stop.map(each => startAction(...kindOf(pod, each.container.name), runtime))],
    update: resize.update,
  }
}

/** Running containers that do not have the resources that they were granted, but for those that are stopped anyway. */
function planResize(
  pod: Pod,
  active: PodRuntime,
  stop: readonly StopAction[],
): { stop: StopAction[]; update: UpdateAction[] } {
  const plan: { stop: StopAction[]; update: UpdateAction[] } = { stop: [], update: [] }
  for (const container of [...(pod.spec.initContainers ?? []).filter(isRestartable), ...pod.spec.containers]) {
    const record = latest(active, container.name)
    if (record?.state !== 'running' || stop.some(each => each.container.id === record.id)) continue
    const verdict = judgeContainerResize(container, record)
    if (verdict === 'update') plan.update.push({ container, record })
    const message = `Container ${container.name} resize requires restart`
    if (verdict === 'restart') plan.stop.push({ container: record, message, cause: 'resized' })
  }
  return plan
}

function kindOf(pod: Pod, name: string): [ContainerKind, Container] {
  const sidecar = pod.spec.initContainers?.find(each => each.name === name)
  if (sidecar) return ['init', sidecar]
  return ['regular', pod.spec.containers.find(each => each.name === name)!]
}

interface RegularVerdict {
  keep?: boolean
  start?: boolean
  stop?: StopAction
}

function judgeRegular(pod: Pod, container: Container, runtime: PodRuntime, probes: ProbeVerdicts): RegularVerdict {
  const record = latest(runtime, container.name)
  if (record === undefined) return { start: true }
  if (record.state !== 'running') {
    const start = shouldRestart(pod, record)
    const stop: StopAction | undefined =
      record.state === 'unknown'
        ? { container: record, message: `Container ${record.name} is in unknown state`, cause: 'unknown' }
        : undefined
    return { start, ...(stop && { stop }) }
  }
  const never = pod.spec.restartPolicy === 'Never'
  if (record.hash !== containerHash(container))
    return {
      start: true,
      stop: { container: record, message: `Container ${container.name} definition changed`, cause: 'changed' },
    }
  const failed = failedProbe(container.name, record, probes)
  if (failed) return { start: !never, stop: failed, keep: never }
  return { keep: true }
}

function failedProbe(name: string, record: ContainerRecord, probes: ProbeVerdicts): StopAction | undefined {
  if (probes.startup(record.id) === false)
    return { container: record, message: `Container ${name} failed startup probe`, cause: 'startup' }
  if (probes.liveness(record.id) === false)
    return { container: record, message: `Container ${name} failed liveness probe`, cause: 'liveness' }
  return undefined
}

/** Whether a container that does not run (any more) is to be started again (pkg/kubelet/container/helpers.go). */
export function shouldRestart(pod: Pod, record: ContainerRecord | undefined): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false
  if (record === undefined) return true
  if (record.state === 'running') return false
  if (record.state === 'unknown' || record.state === 'created') return true
  if (pod.spec.restartPolicy === 'Never') return false
  return !(pod.spec.restartPolicy === 'OnFailure' && record.exitCode === 0)
}

interface InitPlan {
  done: boolean
  failed: boolean
  stop: StopAction[]
  start: StartAction[]
}

/**
 * Init containers run one after the other to their end; restartable ones (sidecars) only have to be started, and are kept
 * running as long as the pod does. `active` has the containers of the present sandbox alone: a new one starts all over.
 */
function planInit(pod: Pod, runtime: PodRuntime, active: PodRuntime, probes: ProbeVerdicts): InitPlan {
  const plan: InitPlan = { done: true, failed: false, stop: [], start: [] }
  const initialized = pod.spec.containers.some(container => latest(active, container.name) !== undefined)
  for (const container of pod.spec.initContainers ?? []) {
    const record = latest(active, container.name)
    const step = isRestartable(container)
      ? judgeSidecar(container, record, probes)
      : initialized
        ? 'passed'
        : judgeInit(pod, record)
    if (step === 'failed') return { ...plan, done: false, failed: true }
    if (typeof step === 'object') plan.stop.push(step)
    if (step === 'start' || typeof step === 'object') plan.start.push(startAction('init', container, runtime))
    if (step !== 'passed' && !initialized) return { ...plan, done: false }
  }
  return plan
}

type InitStep = 'passed' | 'wait' | 'start' | 'failed'

function judgeInit(pod: Pod, record: ContainerRecord | undefined): InitStep {
  if (record === undefined || record.state === 'created') return 'start'
  if (record.state === 'running') return 'wait'
  if (record.state === 'exited' && record.exitCode === 0) return 'passed'
  return pod.spec.restartPolicy === 'Never' ? 'failed' : 'start'
}

function judgeSidecar(
  container: Container,
  record: ContainerRecord | undefined,
  probes: ProbeVerdicts,
): InitStep | StopAction {
  if (record === undefined || record.state !== 'running') return 'start'
  if (record.hash !== containerHash(container))
    return { container: record, message: `Container ${container.name} definition changed`, cause: 'changed' }
  const failed = failedProbe(container.name, record, probes)
  if (failed) return failed
  return container.startupProbe !== undefined && probes.startup(record.id) !== true ? 'wait' : 'passed'
}

function startAction(kind: ContainerKind, container: Container | EphemeralContainer, runtime: PodRuntime): StartAction {
  const previous = latest(runtime, container.name)
  return { kind, container, previous, attempt: previous ? previous.attempt + 1 : 0 }
}
