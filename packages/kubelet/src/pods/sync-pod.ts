import { mkdirSync } from 'node:fs'
import type { Pod } from '@canopus/api/core/v1'
import { StatusError } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { CriError, type PodSandboxConfig } from '@canopus/cri'
import { podDns } from '../files/dns.ts'
import { kernelHostname } from '../files/hostname.ts'
import { activeSandbox, latest, type PodRuntime, type SandboxRecord } from '../runtime/pod-runtime.ts'
import { ResizeError, resizeContainers } from '../runtime/resize-containers.ts'
import { podLogDirectory, sandboxConfig } from '../runtime/sandbox-config.ts'
import { type StartContext, startContainer } from '../runtime/start-container.ts'
import { StartError } from '../runtime/start-error.ts'
import { stopContainer, stopPod } from '../runtime/stop-containers.ts'
import type { Services } from '../services.ts'
import { mountedImages } from '../volumes/image-volumes.ts'
import { VolumeError } from '../volumes/payload.ts'
import { PodVolumesError, unmountedMessage } from '../volumes/volumes.ts'
import { hasHostPorts, takenHostPorts } from './host-ports.ts'
import { type PodPlan, planPod, type StartAction } from './plan.ts'
import type { PodMemory } from './pod-memory.ts'
import { goDuration, podText } from './pod-text.ts'

/** What a look at a pod came to. */
export interface SyncResult {
  runtime: PodRuntime
  /** Milliseconds until the next look, where one is needed without anything changing. */
  again?: number
}

const RETRY_AT_FIRST = 500
const RETRY_AT_LAST = 16_000
/** A container that failed to start for a reason of its own spec. */
const START_RETRY = 10_000
const RESIZE_RETRY = 10_000
/** Upstream's kubelets wait so long for a pod's volumes before they say which are missing. */
const MOUNT_WITHIN = 123_000

export interface SyncHooks {
  /** Aborts when the pod is to be ended: what takes long must not hold that up. */
  signal: AbortSignal
  /** Told of each change worth a status: what the runtime has now. */
  progress(runtime: PodRuntime): void
  /** Told of a resize that was tried, with what went wrong with it. */
  resized(error: string | undefined): void
}

/** Brings one pod from what the runtime has to what its spec says, as far as that goes now. */
export async function syncPod(
  services: Services,
  pod: Pod,
  runtime: PodRuntime,
  memory: PodMemory,
  hooks: SyncHooks,
): Promise<SyncResult> {
  const plan = planPod(pod, runtime, services.probes)
  if (isIdle(plan, runtime)) return refreshVolumes(services, pod, runtime)
  return act(services, pod, runtime, plan, memory, hooks)
}

function isIdle(plan: PodPlan, runtime: PodRuntime): boolean {
  const nothingRuns = !plan.killPod || !anythingRuns(runtime)
  return (
    nothingRuns && !plan.createSandbox && plan.stop.length === 0 && plan.start.length === 0 && plan.update.length === 0
  )
}

function anythingRuns(runtime: PodRuntime): boolean {
  return runtime.sandboxes.some(sandbox => sandbox.ready) || runtime.containers.some(each => each.state === 'running')
}

async function act(
  services: Services,
  pod: Pod,
  runtime: PodRuntime,
  plan: PodPlan,
  memory: PodMemory,
  hooks: SyncHooks,
): Promise<SyncResult> {
  const grace = pod.spec.terminationGracePeriodSeconds ?? 30
  if (plan.killPod && runtime.sandboxes.length > 0) {
    if (plan.createSandbox)
      services.events.normal(pod, 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.')
    await stopPod(services, runtime, { pod, grace })
  }
  await Promise.all(plan.stop.map(action => stopForRestart(services, pod, action)))
  if (plan.update.length > 0 || plan.stop.some(action => action.cause === 'resized')) {
    const error = await resize(services, pod, plan)
    hooks.resized(error)
    if (error !== undefined) return { runtime: await refresh(services, pod), again: RESIZE_RETRY }
  }
  if (!plan.createSandbox && plan.start.length === 0) return { runtime: await refresh(services, pod) }
  const due = plan.start.filter(action => mayStart(services, pod, action, memory))
  const again = nextTry(services, pod, plan.start, memory)
  if (!plan.createSandbox && due.length === 0) {
    const present = plan.stop.length > 0 ? await refresh(services, pod) : runtime
    return { ...(await refreshVolumes(services, pod, present)), ...(again > 0 && { again }) }
  }
  return start(services, pod, runtime, plan, due, again, memory, hooks)
}

/** Returns why it could not be done, where it could not. */
async function resize(services: Services, pod: Pod, plan: PodPlan): Promise<string | undefined> {
  try {
    await resizeContainers(services, pod, plan.update)
    return undefined
  } catch (error) {
    if (!(error instanceof ResizeError)) throw error
    services.logger.warn('a pod could not be resized', { pod: podText(pod), error: error.message })
    return error.message
  }
}

async function stopForRestart(services: Services, pod: Pod, action: PodPlan['stop'][number]): Promise<void> {
  const { container, cause } = action
  const spec = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(each => each.name === container.name)
  const probe = cause === 'liveness' ? spec?.livenessProbe : cause === 'startup' ? spec?.startupProbe : undefined
  const grace = probe?.terminationGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30
  const willRestart = pod.spec.restartPolicy !== 'Never' || cause === 'changed'
  const message = willRestart && cause !== 'resized' ? `${action.message}, will be restarted` : action.message
  await stopContainer(services, container, { pod, grace, message })
}

async function start(
  services: Services,
  pod: Pod,
  runtime: PodRuntime,
  plan: PodPlan,
  due: readonly StartAction[],
  again: number,
  memory: PodMemory,
  hooks: SyncHooks,
): Promise<SyncResult> {
  const { objects } = services
  let volumes: Map<string, string>
  const prepare = (): Promise<Map<string, string>> =>
    services.volumes.prepare(pod, objects, services.downwardFacts(podIps(services, pod, runtime)))
  const config = configOf(services, pod, plan.attempt)
  try {
    services.cgroups.create(pod)
    volumes = await prepare()
  } catch (error) {
    services.events.warning(pod, 'FailedMount', messageOf(error))
    if (!(error instanceof VolumeError))
      services.logger.warn('a pod could not be prepared', { pod: podText(pod), error })
    tellUnmounted(services, pod, memory, error)
    return { runtime, again: retryDelay(memory) }
  }
  memory.unmountedSince = undefined
  let current = runtime
  let sandbox = activeSandbox(runtime)
  if (plan.createSandbox || sandbox === undefined) {
    const created = await createSandbox(services, pod, config)
    if (created === undefined) return { runtime: await refresh(services, pod), again: retryDelay(memory) }
    current = await refresh(services, pod)
    sandbox = activeSandbox(current)
    if (sandbox === undefined) return { runtime: current, again: retryDelay(memory) }
    if (usesOwnIp(pod))
      volumes = await services.volumes.prepare(pod, objects, services.downwardFacts(podIps(services, pod, current)))
  }
  memory.failures = 0
  const context: StartContext = {
    pod,
    runtime: current,
    sandbox,
    sandboxConfig: config,
    volumes,
    objects,
    ips: podIps(services, pod, current),
    signal: hooks.signal,
    onPull: () => hooks.progress(current),
  }
  const failed = await startAll(services, context, due, memory)
  const after = await refresh(services, pod)
  const wait = failed ? nextTry(services, pod, plan.start, memory) : again
  return { runtime: after, ...(wait > 0 && { again: wait }) }
}

/** Starts containers one after the other, as upstream does. One that fails does not hold up the others. */
async function startAll(
  services: Services,
  context: StartContext,
  actions: readonly StartAction[],
  memory: PodMemory,
): Promise<boolean> {
  let failed = false
  for (const action of actions) {
    context.signal.throwIfAborted()
    const { name } = action.container
    try {
      if (action.previous) memory.backOff.next(backOffKey(action), finishedAt(action), services.clock.now())
      await startContainer(services, context, action)
      memory.waiting.delete(name)
      memory.held.delete(name)
    } catch (error) {
      if (!(error instanceof StartError)) throw error
      failed = true
      memory.waiting.set(name, { reason: error.reason, message: error.message })
      // Its message may be another one each time, and what then is written of the pod would bring us here again at once.
      if (error.reason === 'CreateContainerError')
        memory.held.set(name, {
          until: services.clock.monotonic() + START_RETRY,
          generation: context.pod.metadata.generation,
        })
      if (['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull'].includes(error.reason))
        services.events.warning(context.pod, 'Failed', `Error: ${error.reason}`, name)
      if (error.reason === 'InvalidImageName')
        services.events.warning(context.pod, 'Failed', 'Error: InvalidImageName', name)
    }
  }
  return failed
}

/** Says anew every two minutes which volumes a pod waits for. */
function tellUnmounted({ clock, events }: Services, pod: Pod, memory: PodMemory, error: unknown): void {
  const now = clock.monotonic()
  memory.unmountedSince ??= now
  if (!(error instanceof PodVolumesError) || now - memory.unmountedSince < MOUNT_WITHIN) return
  memory.unmountedSince = now
  events.warning(pod, 'FailedMount', unmountedMessage(error.unmounted, [], 'context deadline exceeded'))
}

/** Longer with every failure in a row. */
function retryDelay(memory: PodMemory): number {
  return Math.min(RETRY_AT_LAST, RETRY_AT_FIRST * 2 ** memory.failures++)
}

async function createSandbox(services: Services, pod: Pod, config: PodSandboxConfig): Promise<string | undefined> {
  const { name, namespace = '', uid } = pod.metadata
  mkdirSync(podLogDirectory(services.logs, namespace, name, uid), { recursive: true, mode: 0o755 })
  try {
    const runtimeHandler = await services.runtimeHandler(pod)
    if (hasHostPorts(pod)) await tellTakenHostPorts(services, pod)
    const { podSandboxId } = await services.starts.use(() => services.cri.runPodSandbox({ config, runtimeHandler }))
    return podSandboxId
  } catch (error) {
    if (!(error instanceof CriError || error instanceof StatusError)) throw error
    const text = error instanceof CriError ? error.goText : error.message
    services.events.warning(pod, 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${text}`)
    services.logger.warn('a sandbox could not be made', { pod: podText(pod), error: error.message })
    return undefined
  }
}

/** The pod is started all the same: it may be reached under another address of the machine, or the other may go. */
async function tellTakenHostPorts(services: Services, pod: Pod): Promise<void> {
  const own = new Set([...services.view.all()].flatMap(each => each.sandboxes.map(sandbox => sandbox.id)))
  for (const port of takenHostPorts(pod, await services.usedHostPorts(), id => own.has(id))) {
    const message = `host port ${port} leads to a pod of another cluster on this machine already, which may go on getting its packets`
    services.events.warning(pod, 'HostPortTaken', message)
    services.logger.warn(message, { pod: podText(pod) })
  }
}

function configOf(services: Services, pod: Pod, attempt: number): PodSandboxConfig {
  return sandboxConfig(pod, {
    attempt,
    hostname: kernelHostname(pod, services.dns.domain),
    dns: podDns(pod, services.hostDns(), services.dns),
    logs: services.logs,
    cgroupParent: services.cgroups.parentOf(pod),
  })
}

const finishedAt = (action: StartAction): number => action.previous?.finishedAt || action.previous?.createdAt || 0
const backOffKey = (action: StartAction): string => `${action.container.name}/${action.container.image ?? ''}`

/** Milliseconds until a container may be tried again that could not be created, unless the pod has changed since. */
function heldFor({ clock }: Services, pod: Pod, name: string, memory: PodMemory): number {
  const held = memory.held.get(name)
  if (held === undefined || held.generation !== pod.metadata.generation) return 0
  return Math.max(0, held.until - clock.monotonic())
}

/** Whether the back-off after a crash is over; where not, the container's status says so. */
function mayStart(services: Services, pod: Pod, action: StartAction, memory: PodMemory): boolean {
  const { previous, container } = action
  if (heldFor(services, pod, container.name, memory) > 0) return false
  if (previous === undefined || previous.state !== 'exited') return true
  const left = memory.backOff.remaining(backOffKey(action), finishedAt(action), services.clock.now())
  if (left === 0) return true
  const delay = goDuration(memory.backOff.delay(backOffKey(action)))
  const message = `back-off ${delay} restarting failed container=${container.name} pod=${podText(pod)}`
  if (memory.waiting.get(container.name)?.message !== message)
    services.events.warning(
      pod,
      'BackOff',
      `Back-off restarting failed container ${container.name} in pod ${podText(pod)}`,
      container.name,
    )
  memory.waiting.set(container.name, { reason: 'CrashLoopBackOff', message })
  return false
}

/** Milliseconds until the first of the containers that wait may be tried again; 0 where none waits. */
function nextTry(services: Services, pod: Pod, actions: readonly StartAction[], memory: PodMemory): number {
  const waits = actions.flatMap(action => {
    const crash =
      action.previous?.state === 'exited'
        ? memory.backOff.remaining(backOffKey(action), finishedAt(action), services.clock.now())
        : 0
    const images = [...mountedImages(pod, action.container).values()].map(({ reference }) => reference)
    const pull = Math.max(
      ...[action.container.image, ...images].map(image => services.puller.remaining(pod, image ?? '')),
    )
    const other = memory.waiting.has(action.container.name) ? START_RETRY : 0
    const held = heldFor(services, pod, action.container.name, memory)
    const wait = Math.max(crash, pull, held) || other
    return wait > 0 ? [wait] : []
  })
  return waits.length === 0 ? 0 : Math.min(...waits)
}

/** Running pods' volumes are brought up to date with what they show. */
async function refreshVolumes(services: Services, pod: Pod, runtime: PodRuntime): Promise<SyncResult> {
  const live = runtime.containers.some(each => each.state === 'running')
  if (
    !live ||
    !(pod.spec.volumes ?? []).some(
      volume => volume.configMap ?? volume.secret ?? volume.projected ?? volume.downwardAPI,
    )
  )
    return { runtime }
  try {
    await services.volumes.prepare(pod, services.objects, services.downwardFacts(podIps(services, pod, runtime)))
  } catch (error) {
    services.events.warning(pod, 'FailedMount', messageOf(error))
  }
  return { runtime }
}

export function podIps(services: Services, pod: Pod, runtime: PodRuntime): readonly string[] {
  if (pod.spec.hostNetwork) return services.nodeIps
  return (activeSandbox(runtime) as SandboxRecord | undefined)?.ips ?? []
}

function usesOwnIp(pod: Pod): boolean {
  return JSON.stringify(pod.spec.volumes ?? []).includes('"status.podIP')
}

function refresh(services: Services, pod: Pod): Promise<PodRuntime> {
  const { uid, name, namespace = '' } = pod.metadata
  return services.view.refresh(uid, name, namespace)
}

/** Whether every container of the pod has come to its end and none is to be started again. */
export function isOver(pod: Pod, runtime: PodRuntime): boolean {
  const policy = pod.spec.restartPolicy ?? 'Always'
  if (policy === 'Always') return false
  return pod.spec.containers.every(container => {
    const record = latest(runtime, container.name)
    return record?.state === 'exited' && (policy === 'Never' || record.exitCode === 0)
  })
}
