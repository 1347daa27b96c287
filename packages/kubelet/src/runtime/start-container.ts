import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Container, EphemeralContainer, Pod } from '@canopus/api/core/v1'
import { abortable, messageOf, uuid } from '@canopus/base'
import { type ContainerConfig, CriError, type ImageSpec, type Mount, type PodSandboxConfig } from '@canopus/cri'
import { DownwardError } from '../env/downward.ts'
import { ContainerConfigError, makeEnvironment, type ReferencedObjects } from '../env/environment.ts'
import { serviceEnvironment } from '../env/service-env.ts'
import { writeManagedHosts } from '../files/write-hosts.ts'
import type { LocalImage } from '../images/puller.ts'
import type { StartAction } from '../pods/plan.ts'
import { podText } from '../pods/pod-text.ts'
import type { Services } from '../services.ts'
import { readOnlyVolumes } from '../volumes/claims.ts'
import { mountedImages } from '../volumes/image-volumes.ts'
import { containerMounts } from '../volumes/mounts.ts'
import { attemptByLogs } from './attempt-by-logs.ts'
import { containerConfig, DEFAULT_TERMINATION_PATH } from './container-config.ts'
import { HookError, runHook } from './hooks.ts'
import { latest, type PodRuntime, type SandboxRecord } from './pod-runtime.ts'
import { containerResources } from './resources.ts'
import { podLogDirectory } from './sandbox-config.ts'
import { containerSecurity, verifyRunAsNonRoot } from './security.ts'
import { StartError } from './start-error.ts'

const MAX_TERMINATION_FILE_MODE = 0o666

/** What all containers of a pod are started with. */
export interface StartContext {
  pod: Pod
  runtime: PodRuntime
  sandbox: SandboxRecord
  sandboxConfig: PodSandboxConfig
  volumes: ReadonlyMap<string, string>
  objects: ReferencedObjects
  /** Addresses of the pod: the sandbox's, or the node's on its network. */
  ips: readonly string[]
  /** Aborts when the pod is to be ended. */
  signal: AbortSignal
  onPull(): void
}

/** Pulls images where needed, makes the container, starts it, runs its postStart hook. Throws `StartError`. */
export async function startContainer(services: Services, context: StartContext, action: StartAction): Promise<void> {
  const { pod } = context
  const container = action.container as Container
  const images = await volumeImages(services, context, container)
  const image = await services.puller.ensure(context, container)
  const attempt = action.previous ? action.attempt : attemptByLogs(logDirectory(services, pod, container))
  const config = await configure(services, context, { ...action, attempt }, image, images)
  // before the next sandbox: a pod that has one is nearer to running
  const containerId = await services.starts.use(() => createAndStart(services, context, container, config), true)
  const hook = container.lifecycle?.postStart
  if (hook) await postStart(services, context, container, containerId, hook)
}

/** The images that a container mounts as volumes, by volume. */
async function volumeImages(
  services: Services,
  context: StartContext,
  container: Container,
): Promise<Map<string, ImageSpec>> {
  const { pod } = context
  const images = new Map<string, ImageSpec>()
  for (const [volume, { reference = '', pullPolicy = 'IfNotPresent' }] of mountedImages(pod, container)) {
    try {
      const { id } = await services.puller.ensure(context, { image: reference, imagePullPolicy: pullPolicy })
      images.set(volume, { image: id, userSpecifiedImage: reference, annotations: pod.metadata.annotations ?? {} })
    } catch (error) {
      if (error instanceof StartError) services.events.warning(pod, 'Failed', `Error: ${error.message}`, container.name)
      throw error
    }
  }
  return images
}

function logDirectory({ logs }: Services, { metadata }: Pod, container: Container): string {
  return join(podLogDirectory(logs, metadata.namespace ?? '', metadata.name, metadata.uid), container.name)
}

async function createAndStart(
  services: Services,
  context: StartContext,
  container: Container,
  config: ContainerConfig,
): Promise<string> {
  const { cri, events } = services
  const { pod, sandboxConfig } = context
  let containerId: string
  try {
    const request = { podSandboxId: context.sandbox.id, config, sandboxConfig }
    containerId = (await cri.createContainer(request)).containerId
  } catch (error) {
    throw failed(services, pod, container, 'CreateContainerError', error)
  }
  events.normal(pod, 'Created', 'Container created', container.name)
  try {
    await cri.startContainer({ containerId })
  } catch (error) {
    throw failed(services, pod, container, 'RunContainerError', error)
  }
  events.normal(pod, 'Started', 'Container started', container.name)
  return containerId
}

function failed(services: Services, pod: Pod, container: Container, reason: string, error: unknown): StartError {
  const message = error instanceof CriError ? error.message : messageOf(error)
  services.events.warning(pod, 'Failed', `Error: ${message}`, container.name)
  return new StartError(reason, message)
}

async function configure(
  services: Services,
  context: StartContext,
  action: StartAction,
  image: LocalImage,
  images: ReadonlyMap<string, ImageSpec>,
): Promise<ContainerConfig> {
  const { pod } = context
  const container = action.container as Container
  const targetName = (action.container as EphemeralContainer).targetContainerName
  const target = targetName ? latest(context.runtime, targetName)?.id : undefined
  try {
    verifyRunAsNonRoot(podText(pod), pod, container, image.user)
    const links = pod.spec.enableServiceLinks !== false
    const known = serviceEnvironment(services.clusterServices(), pod.metadata.namespace ?? '', links)
    const facts = services.downwardFacts(context.ips)
    const environment = await makeEnvironment(pod, container, known, context.objects, facts)
    const mounts = [
      ...containerMounts(container, context.volumes, environment, readOnlyVolumes(pod), images),
      ...managedMounts(services, context, container),
    ]
    return containerConfig(pod, container, {
      attempt: action.attempt,
      imageRef: image.id,
      environment,
      mounts,
      resources: containerResources(pod, container.resources, services.memoryCapacity),
      security: containerSecurity(pod, container, image.user, services.seccompRoot, target),
    })
  } catch (error) {
    if (error instanceof ContainerConfigError || error instanceof DownwardError)
      throw failed(services, pod, container, 'CreateContainerConfigError', error)
    throw error
  }
}

/** /etc/hosts and the termination message file, unless the container mounts something there itself. */
function managedMounts(services: Services, context: StartContext, container: Container): Mount[] {
  const { pod } = context
  const taken = new Set((container.volumeMounts ?? []).map(mount => mount.mountPath.replace(/\/+$/, '')))
  const mounts: Mount[] = []
  const directory = services.volumes.podDirectory(pod.metadata.uid)
  if (!taken.has('/etc/hosts')) {
    const hostPath = writeManagedHosts(directory, pod, context.ips, services.dns.domain)
    mounts.push({
      containerPath: '/etc/hosts',
      hostPath,
      readonly: container.securityContext?.readOnlyRootFilesystem ?? false,
    })
  }
  const messagePath = container.terminationMessagePath ?? DEFAULT_TERMINATION_PATH
  if (messagePath !== '' && !taken.has(messagePath)) {
    const own = join(directory, 'containers', container.name)
    mkdirSync(own, { recursive: true })
    const hostPath = join(own, uuid(services.random).slice(0, 8))
    writeFileSync(hostPath, '')
    chmodSync(hostPath, MAX_TERMINATION_FILE_MODE)
    mounts.push({ containerPath: messagePath, hostPath })
  }
  return mounts
}

async function postStart(
  services: Services,
  context: StartContext,
  container: Container,
  containerId: string,
  hook: NonNullable<NonNullable<Container['lifecycle']>['postStart']>,
): Promise<void> {
  try {
    const target = { containerId, ip: context.ips[0] ?? '', container }
    await abortable(runHook(services.cri, services.clock, hook, target, 0), context.signal)
  } catch (error) {
    if (!(error instanceof HookError)) throw error
    const { pod } = context
    services.events.warning(pod, 'FailedPostStartHook', `PostStartHook failed: ${error.message}`, container.name)
    services.events.normal(pod, 'Killing', 'FailedPostStartHook', container.name)
    const timeout = pod.spec.terminationGracePeriodSeconds ?? 30
    await services.cri.stopContainer({ containerId, timeout }, { deadline: (timeout + 120) * 1000 })
    throw new StartError('PostStartHookError', `PostStartHook failed: ${error.message}`)
  }
}
