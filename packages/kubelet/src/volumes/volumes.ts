import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Pod, ProjectedVolumeSource, Volume } from '@canopus/api/core/v1'
import { type Clock, messageOf, type Random } from '@canopus/base'
import type { Client } from '@canopus/client'
import type { DownwardFacts } from '../env/downward.ts'
import type { ReferencedObjects } from '../env/environment.ts'
import { type Payload, type ProjectedFile, writeAtomically } from './atomic-writer.ts'
import { ClaimError, claimName, usesOf } from './claims.ts'
import { ensureTmpfs, mountsBelow, prepareEmptyDir, unmountBelow } from './empty-dir.ts'
import { prepareHostPath } from './host-path.ts'
import { configMapFiles, downwardFiles, secretFiles, VolumeError } from './payload.ts'
import { PersistentVolumeError, PersistentVolumePlaces } from './persistent-volumes.ts'
import type { TokenCache } from './service-account-token.ts'

const DEFAULT_MODE = 0o644

export interface VolumesOptions {
  /** The kubelet's directory. */
  root: string
  clock: Clock
  random: Random
  tokens: TokenCache
  client: Client
  /** Labels of the node, once it is known; volumes of other nodes are refused then. */
  nodeLabels?: () => Readonly<Record<string, string>> | undefined
}

/** Some of a pod's volumes cannot be had (now). */
export class PodVolumesError extends VolumeError {
  /** Their names. */
  readonly unmounted: readonly string[]

  constructor(message: string, unmounted: readonly string[]) {
    super(message)
    this.unmounted = unmounted
  }
}

/** Makes pods' volumes on the node, keeps their content current, and removes them. */
export class Volumes {
  readonly #options: VolumesOptions
  readonly #persistent: PersistentVolumePlaces
  #secretsReady: Promise<void> | undefined

  constructor(options: VolumesOptions) {
    this.#options = options
    this.#persistent = new PersistentVolumePlaces(
      options.client,
      uid => this.podDirectory(uid),
      options.nodeLabels ?? (() => undefined),
    )
  }

  /** Where a pod's directory is. */
  podDirectory(uid: string): string {
    return join(this.#options.root, 'pods', uid)
  }

  /**
   * Prepares every volume, or brings it up to date. Returns their places on the node by name. Throws `PodVolumesError` where
   * some cannot be had, with upstream's words for claims that are not ready, or else for the first volume that failed.
   */
  async prepare(pod: Pod, objects: ReferencedObjects, facts: DownwardFacts): Promise<Map<string, string>> {
    const volumes = (pod.spec.volumes ?? []).filter(volume => isNeeded(pod, volume))
    const tried = await Promise.allSettled(volumes.map(volume => this.#prepare(pod, volume, objects, facts)))
    const paths = new Map<string, string>()
    const failures: { volume: string; error: unknown }[] = []
    tried.forEach((result, index) => {
      const { name } = volumes[index]!
      if (result.status === 'fulfilled') paths.set(name, result.value)
      else failures.push({ volume: name, error: result.reason })
    })
    if (failures.length > 0) throw podVolumesError(failures)
    return paths
  }

  /** Removes everything of a pod. Its containers must be gone. */
  async remove(uid: string): Promise<void> {
    await this.unmount(uid)
    rmSync(this.podDirectory(uid), { recursive: true, force: true })
  }

  /** Removes a pod's volumes. Its containers must have ended; what they said last is kept. */
  async unmount(uid: string): Promise<void> {
    const directories = [join(this.podDirectory(uid), 'volumes'), join(this.#secrets, uid)]
    for (const directory of directories) {
      if (mountsBelow(directory).length > 0) await unmountBelow(directory)
      rmSync(directory, { recursive: true, force: true })
    }
    this.#options.tokens.forget(uid)
    this.#persistent.forget(uid)
  }

  get #secrets(): string {
    return join(this.#options.root, 'secrets')
  }

  async #prepare(pod: Pod, volume: Volume, objects: ReferencedObjects, facts: DownwardFacts): Promise<string> {
    const { uid, namespace = '' } = pod.metadata
    const place = (plugin: string): string =>
      join(this.podDirectory(uid), 'volumes', `kubernetes.io~${plugin}`, volume.name)
    if (volume.hostPath) {
      prepareHostPath(volume.hostPath)
      return volume.hostPath.path
    }
    if (volume.emptyDir) {
      const path = place('empty-dir')
      await prepareEmptyDir(path, volume.emptyDir, pod.spec.securityContext?.fsGroup)
      return path
    }
    if (volume.configMap) {
      const { name = '', items, optional, defaultMode = DEFAULT_MODE } = volume.configMap
      const map = await objects.configMap(namespace, name)
      return this.#write(pod, place('configmap'), configMapFiles(map, name, { items, optional, defaultMode }))
    }
    if (volume.downwardAPI) {
      const { items = [], defaultMode = DEFAULT_MODE } = volume.downwardAPI
      return this.#write(pod, place('downward-api'), downwardFiles(items, defaultMode, pod, facts))
    }
    if (volume.secret) {
      const { secretName = '', items, optional, defaultMode = DEFAULT_MODE } = volume.secret
      const secret = await objects.secret(namespace, secretName)
      const files = secretFiles(secret, secretName, { items, optional, defaultMode })
      return this.#write(pod, await this.#secretPlace(uid, volume.name), files)
    }
    if (volume.projected) {
      const files = await this.#project(pod, volume.projected, objects, facts)
      return this.#write(pod, await this.#secretPlace(uid, volume.name), files)
    }
    if (claimName(pod, volume) !== undefined) return this.#persistent.prepare(pod, volume)
    const kind = Object.keys(volume).find(key => key !== 'name') ?? 'unknown'
    throw new VolumeError(`no volume plugin matched: ${kind} volumes are not supported on this node`)
  }

  async #secretPlace(uid: string, name: string): Promise<string> {
    this.#secretsReady ??= ensureTmpfs(this.#secrets)
    await this.#secretsReady
    return join(this.#secrets, uid, name)
  }

  #write(pod: Pod, path: string, payload: Payload): string {
    const gid = pod.spec.securityContext?.fsGroup
    mkdirSync(path, { recursive: true })
    chmodSync(path, gid === undefined ? 0o777 : 0o2777)
    writeAtomically(path, payload, gid === undefined ? {} : { gid }, this.#options.clock, this.#options.random)
    return path
  }

  async #project(
    pod: Pod,
    source: ProjectedVolumeSource,
    objects: ReferencedObjects,
    facts: DownwardFacts,
  ): Promise<Map<string, ProjectedFile>> {
    const namespace = pod.metadata.namespace ?? ''
    const defaultMode = source.defaultMode ?? DEFAULT_MODE
    const files = new Map<string, ProjectedFile>()
    for (const { configMap, secret, downwardAPI, serviceAccountToken, ...others } of source.sources ?? []) {
      let some: ReadonlyMap<string, ProjectedFile>
      if (configMap) {
        const { name = '', items, optional } = configMap
        some = configMapFiles(await objects.configMap(namespace, name), name, { items, optional, defaultMode })
      } else if (secret) {
        const { name = '', items, optional } = secret
        some = secretFiles(await objects.secret(namespace, name), name, { items, optional, defaultMode })
      } else if (downwardAPI) some = downwardFiles(downwardAPI.items ?? [], defaultMode, pod, facts)
      else if (serviceAccountToken) {
        const text = await this.#options.tokens.get(pod, serviceAccountToken)
        some = new Map([[serviceAccountToken.path, tokenFile(pod, text, defaultMode)]])
      } else throw new VolumeError(`projected source ${Object.keys(others).join()} is not supported on this node`)
      for (const [path, file] of some) files.set(path, file)
    }
    return files
  }
}

/** A claim that no container uses need not even be there. */
function isNeeded(pod: Pod, volume: Volume): boolean {
  // Images are pulled with those of the containers, and mounted by the runtime.
  if (volume.image !== undefined) return false
  if (claimName(pod, volume) === undefined) return true
  const { files, device } = usesOf(pod, volume.name)
  return files || device
}

function podVolumesError(failures: readonly { volume: string; error: unknown }[]): PodVolumesError {
  const unmounted = failures.map(({ volume }) => volume)
  const unprocessed = failures.filter(({ error }) => error instanceof ClaimError)
  if (unprocessed.length > 0)
    return new PodVolumesError(
      unmountedMessage(
        unmounted,
        unprocessed.map(({ volume }) => volume),
        unprocessed.map(({ error }) => messageOf(error)).join('; '),
      ),
      unmounted,
    )
  const { volume, error } = failures[0]!
  const [name, step] =
    error instanceof PersistentVolumeError ? [error.volume, error.step] : [volume, 'MountVolume.SetUp']
  return new PodVolumesError(`${step} failed for volume ${JSON.stringify(name)} : ${messageOf(error)}`, unmounted)
}

/** What is told of volumes that a pod waits for (upstream pkg/kubelet/volumemanager/volume_manager.go). */
export function unmountedMessage(unmounted: readonly string[], unprocessed: readonly string[], why: string): string {
  const list = (names: readonly string[]): string => `[${names.join(' ')}]`
  const lists = `unmounted volumes=${list(unmounted)}, unattached volumes=[], failed to process volumes=${list(unprocessed)}`
  return `Unable to attach or mount volumes: ${lists}: ${why}`
}

/** A token is for the pod's user alone where that is known, and for its group where it has one. */
function tokenFile(pod: Pod, text: string, defaultMode: number): ProjectedFile {
  const users = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].map(
    container => container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser,
  )
  const user = users.every(each => each === users[0]) ? users[0] : undefined
  const content = Buffer.from(text)
  if (user !== undefined) return { content, mode: 0o600, uid: user }
  return { content, mode: pod.spec.securityContext?.fsGroup === undefined ? defaultMode : 0o600 }
}
