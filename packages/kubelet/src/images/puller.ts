import type { Pod, Secret } from '@canopus/api/core/v1'
import { abortable, type Clock } from '@canopus/base'
import { type AuthConfig, type Cri, CriError, type PodSandboxConfig } from '@canopus/cri'
import type { ReferencedObjects } from '../env/environment.ts'
import type { PodEvents } from '../events.ts'
import { KeyedBackOff } from '../pods/back-off.ts'
import { goDuration } from '../pods/pod-text.ts'
import type { ImageUser as RunAs } from '../runtime/security.ts'
import { StartError } from '../runtime/start-error.ts'
import { credentialsFor } from './credentials.ts'
import { withDefaultTag } from './reference.ts'

/** On whose behalf an image is pulled. */
export interface PullContext {
  pod: Pod
  objects: ReferencedObjects
  sandboxConfig: PodSandboxConfig
  /** Ends the waiting; the pull itself goes on for whoever else wants the image. */
  signal: AbortSignal
  /** Called before a pull, which may take long. */
  onPull(): void
}

/** What wants an image: a container, or a volume of the pod, which has no name here since events about it are the pod's. */
export interface ImageUser {
  name?: string
  image?: string
  imagePullPolicy?: string
}

export interface LocalImage {
  /** What a container is made from. */
  id: string
  user: RunAs
}

/** Sees to it that an image of a container or volume is on the node (upstream pkg/kubelet/images/image_manager.go). */
export class ImagePuller {
  readonly #cri: Cri
  readonly #events: PodEvents
  readonly #clock: Clock
  readonly #backOff = new KeyedBackOff()
  /** What went wrong last, by the key of the back-off. */
  readonly #errors = new Map<string, string>()
  readonly #running = new Map<string, Promise<void>>()

  constructor(cri: Cri, events: PodEvents, clock: Clock) {
    this.#cri = cri
    this.#events = events
    this.#clock = clock
  }

  /** Milliseconds until a container's image may be pulled again; 0 where nothing speaks against it. */
  remaining(pod: Pod, image: string): number {
    return this.#backOff.remainingSinceUpdate(key(pod, image), this.#clock.now())
  }

  forget(uid: string): void {
    this.#backOff.forget(`${uid}/`)
    for (const known of this.#errors.keys()) if (known.startsWith(`${uid}/`)) this.#errors.delete(known)
  }

  /** Throws `StartError` with the reasons that pods show. */
  async ensure(context: PullContext, container: ImageUser): Promise<LocalImage> {
    const { pod } = context
    const wanted = container.image ?? ''
    const image = withDefaultTag(wanted)
    if (image === undefined) {
      const message = `Failed to apply default image tag ${JSON.stringify(wanted)}: couldn't parse image name ${JSON.stringify(wanted)}: invalid reference format`
      this.#events.warning(pod, 'InspectFailed', message, container.name)
      throw new StartError('InvalidImageName', message)
    }
    const present = await this.#inspect(pod, container, image)
    const policy = container.imagePullPolicy ?? (image.endsWith(':latest') ? 'Always' : 'IfNotPresent')
    if (present !== undefined && policy !== 'Always') {
      const message = `Container image ${JSON.stringify(wanted)} already present on machine and can be accessed by the pod`
      this.#events.normal(pod, 'Pulled', message, container.name)
      return present
    }
    if (policy === 'Never') {
      const message = `Container image ${JSON.stringify(wanted)} is not present with pull policy of Never`
      this.#events.warning(pod, 'ErrImageNeverPull', message, container.name)
      throw new StartError('ErrImageNeverPull', message)
    }
    this.#checkBackOff(pod, container)
    context.onPull()
    await this.#pull(context, container, image)
    const pulled = await this.#inspect(pod, container, image)
    if (pulled === undefined)
      throw new StartError('ErrImagePull', `image ${JSON.stringify(image)} vanished after the pull`)
    return pulled
  }

  async #inspect(pod: Pod, container: ImageUser, image: string): Promise<LocalImage | undefined> {
    try {
      const { image: found } = await this.#cri.imageStatus({ image: { image } })
      if (found === undefined) return undefined
      return { id: found.id, user: { uid: found.uid?.value, username: found.username } }
    } catch (error) {
      const message = `Failed to inspect image ${JSON.stringify(container.image)}: ${textOf(error)}`
      this.#events.warning(pod, 'InspectFailed', message, container.name)
      throw new StartError('ImageInspectError', message)
    }
  }

  #checkBackOff(pod: Pod, container: ImageUser): void {
    const backOffKey = key(pod, container.image ?? '')
    if (this.#backOff.remainingSinceUpdate(backOffKey, this.#clock.now()) === 0) return
    const message = `Back-off pulling image ${JSON.stringify(container.image)}`
    this.#events.normal(pod, 'BackOff', message, container.name)
    throw new StartError('ImagePullBackOff', `${message}: ErrImagePull: ${this.#errors.get(backOffKey) ?? ''}`)
  }

  async #pull(context: PullContext, container: ImageUser, image: string): Promise<void> {
    const { pod, objects, sandboxConfig, signal } = context
    const quoted = JSON.stringify(container.image)
    this.#events.normal(pod, 'Pulling', `Pulling image ${quoted}`, container.name)
    const startedAt = this.#clock.monotonic()
    try {
      await abortable(this.#pullOnce(image, await pullSecrets(pod, objects), sandboxConfig), signal)
    } catch (error) {
      if (signal.aborted) throw error
      const message = textOf(error)
      this.#events.warning(pod, 'Failed', `Failed to pull image ${quoted}: ${message}`, container.name)
      const now = this.#clock.now()
      this.#backOff.next(key(pod, container.image ?? ''), now, now)
      this.#errors.set(key(pod, container.image ?? ''), message)
      throw new StartError('ErrImagePull', message)
    }
    const took = goDuration(Math.round(this.#clock.monotonic() - startedAt))
    const { image: pulled } = await this.#cri.imageStatus({ image: { image } })
    const message = `Successfully pulled image ${quoted} in ${took} (${took} including waiting). Image size: ${pulled?.size ?? 0} bytes.`
    this.#events.normal(pod, 'Pulled', message, container.name)
  }

  /** Pods that want the same image with the same credentials wait for one pull. */
  #pullOnce(image: string, secrets: readonly Secret[], sandboxConfig: PodSandboxConfig): Promise<void> {
    const credentials = credentialsFor(image, secrets)
    const same = JSON.stringify([image, credentials])
    let pull = this.#running.get(same)
    if (pull === undefined) {
      pull = this.#tryAll(image, credentials, sandboxConfig).finally(() => this.#running.delete(same))
      this.#running.set(same, pull)
    }
    return pull
  }

  async #tryAll(image: string, credentials: readonly AuthConfig[], sandboxConfig: PodSandboxConfig): Promise<void> {
    let failure: unknown
    for (const auth of credentials.length > 0 ? credentials : [undefined]) {
      try {
        await this.#cri.pullImage({ image: { image }, sandboxConfig, ...(auth && { auth }) })
        return
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }
}

const key = (pod: Pod, image: string): string => `${pod.metadata.uid}/${image}`
const textOf = (error: unknown): string => (error instanceof CriError ? error.goText : String(error))

async function pullSecrets(pod: Pod, objects: ReferencedObjects): Promise<Secret[]> {
  const found = await Promise.all(
    (pod.spec.imagePullSecrets ?? []).map(({ name = '' }) => objects.secret(pod.metadata.namespace ?? '', name)),
  )
  return found.filter(secret => secret !== undefined)
}
