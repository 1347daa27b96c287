import type { Container, LifecycleHandler, Pod } from '@canopus/api/core/v1'
import { hasCode } from '@canopus/cri'
import { isRestartable } from '../pods/pod-text.ts'
import type { Services } from '../services.ts'
import { HookError, runHook } from './hooks.ts'
import { PRE_STOP } from './labels.ts'
import type { ContainerRecord, PodRuntime } from './pod-runtime.ts'

/** However long a preStop hook took, the container gets so many seconds to react to SIGTERM. */
const LEAST_GRACE_SECONDS = 2
const RUNTIME_SLACK = 120_000

export interface StopOptions {
  /** Nothing where the pod is known to the runtime alone. */
  pod: Pod | undefined
  /** Seconds for hook and SIGTERM together; then SIGKILL. */
  grace: number
  /** What the Killing event says. */
  message?: string
  signal?: AbortSignal
}

/** Stops one container: preStop hook, SIGTERM, and SIGKILL when the grace is over. */
export async function stopContainer(services: Services, record: ContainerRecord, options: StopOptions): Promise<void> {
  const { pod, grace, signal } = options
  const startedAt = services.clock.monotonic()
  if (pod) services.events.normal(pod, 'Killing', options.message ?? `Stopping container ${record.name}`, record.name)
  const container = containerOf(pod, record.name)
  const hook = container ? container.lifecycle?.preStop : hookOf(record)
  if (hook && grace > 0 && record.state === 'running') await preStop(services, record, hook, container, options)
  const spent = Math.floor((services.clock.monotonic() - startedAt) / 1000)
  const timeout = grace === 0 ? 0 : Math.max(LEAST_GRACE_SECONDS, grace - spent)
  try {
    const deadline = timeout * 1000 + RUNTIME_SLACK
    await services.cri.stopContainer({ containerId: record.id, timeout }, { deadline, ...(signal && { signal }) })
  } catch (error) {
    if (!hasCode(error, 'NOT_FOUND')) throw error
  }
}

async function preStop(
  services: Services,
  record: ContainerRecord,
  hook: LifecycleHandler,
  container: Container | undefined,
  { pod, grace }: StopOptions,
): Promise<void> {
  const runtime = pod ? services.view.get(pod.metadata.uid) : undefined
  const ip = runtime?.sandboxes[0]?.ips[0] ?? services.nodeIps[0] ?? ''
  const target = { containerId: record.id, ip, container: container ?? { name: record.name } }
  let timer: { cancel(): void } | undefined
  const limit = new Promise<void>(resolve => {
    timer = services.clock.setTimer(grace * 1000, resolve)
  })
  try {
    await Promise.race([runHook(services.cri, services.clock, hook, target, grace * 1000), limit])
  } catch (error) {
    if (!(error instanceof HookError)) throw error
    if (pod) services.events.warning(pod, 'FailedPreStopHook', 'PreStopHook failed', record.name)
    services.logger.warn('a preStop hook failed', { container: record.name, error: error.message })
  } finally {
    timer?.cancel()
  }
}

/**
 * Stops everything of a pod that runs: its containers together, then its sidecars in reverse order, then its sandboxes.
 * Returns once nothing runs.
 */
export async function stopPod(services: Services, runtime: PodRuntime, options: StopOptions): Promise<void> {
  const startedAt = services.clock.monotonic()
  const alive = runtime.containers.filter(record => record.state === 'running' || record.state === 'unknown')
  const sidecars = (options.pod?.spec.initContainers ?? []).filter(isRestartable).map(container => container.name)
  const isSidecar = (record: ContainerRecord): boolean => sidecars.includes(record.name)
  await Promise.all(alive.filter(record => !isSidecar(record)).map(record => stopContainer(services, record, options)))
  for (const name of sidecars.toReversed()) {
    const spent = Math.floor((services.clock.monotonic() - startedAt) / 1000)
    const grace = options.grace === 0 ? 0 : Math.max(LEAST_GRACE_SECONDS, options.grace - spent)
    const records = alive.filter(record => record.name === name)
    await Promise.all(records.map(record => stopContainer(services, record, { ...options, grace })))
  }
  for (const [index, sandbox] of runtime.sandboxes.entries()) {
    // the newest also where it is down already: it may still hold the pod's address
    if (!sandbox.ready && index > 0) continue
    await services.starts.use(() => services.cri.stopPodSandbox({ podSandboxId: sandbox.id }))
  }
}

/** Removes a pod's sandboxes with all containers in them. They must have been stopped. */
export async function removePod(services: Services, runtime: PodRuntime): Promise<void> {
  for (const container of runtime.containers) {
    if (runtime.sandboxes.some(sandbox => sandbox.id === container.sandboxId)) continue
    await services.cri.removeContainer({ containerId: container.id })
  }
  for (const sandbox of runtime.sandboxes) {
    await services.starts.use(async () => {
      // also where it is down already: only stopping it frees its network
      await services.cri.stopPodSandbox({ podSandboxId: sandbox.id })
      await services.cri.removePodSandbox({ podSandboxId: sandbox.id })
    })
  }
}

function containerOf(pod: Pod | undefined, name: string): Container | undefined {
  return [...(pod?.spec.containers ?? []), ...(pod?.spec.initContainers ?? [])].find(each => each.name === name)
}

function hookOf(record: ContainerRecord): LifecycleHandler | undefined {
  const text = record.annotations[PRE_STOP]
  return text === undefined ? undefined : (JSON.parse(text) as LifecycleHandler)
}
