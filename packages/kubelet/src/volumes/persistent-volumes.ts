import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { PersistentVolume, Pod, Volume } from '@canopus/api/core/v1'
import { messageOf } from '@canopus/base'
import type { Client } from '@canopus/client'
import { volumeOfClaim } from './claims.ts'
import { prepareHostPath } from './host-path.ts'
import { isReachable } from './node-affinity.ts'
import { giveToGroup } from './ownership.ts'
import { VolumeError } from './payload.ts'

/** A persistent volume that cannot be had on this node. */
export class PersistentVolumeError extends VolumeError {
  /** Its own name, not the one that the pod has for it. */
  readonly volume: string
  /** What was being done. */
  readonly step: string

  constructor(message: string, volume: string, step: string) {
    super(message)
    this.volume = volume
    this.step = step
  }
}

/** Where the volumes behind pods' claims are on this node. Only directories of the node itself are supported: hostPath and local. */
export class PersistentVolumePlaces {
  readonly #client: Client
  readonly #podDirectory: (uid: string) => string
  readonly #nodeLabels: () => Readonly<Record<string, string>> | undefined
  /** Pods keep what they have been given: by uid, then by the pod's name for it. */
  readonly #places = new Map<string, Map<string, string>>()

  /** `nodeLabels` answers nothing while the node is not known. */
  constructor(
    client: Client,
    podDirectory: (uid: string) => string,
    nodeLabels: () => Readonly<Record<string, string>> | undefined,
  ) {
    this.#client = client
    this.#podDirectory = podDirectory
    this.#nodeLabels = nodeLabels
  }

  /** The place of a claim's volume. Throws `ClaimError` while the claim has none, `PersistentVolumeError` where it cannot be had. */
  async prepare(pod: Pod, volume: Volume): Promise<string> {
    const { uid } = pod.metadata
    const places = this.#places.get(uid) ?? new Map<string, string>()
    const known = places.get(volume.name)
    if (known !== undefined) return known
    const found = await volumeOfClaim(this.#client, pod, volume)
    const { name } = found.metadata
    const labels = this.#nodeLabels()
    if (labels && !isReachable(found, labels))
      throw new PersistentVolumeError('no matching NodeSelectorTerms', name, 'MountVolume.NodeAffinity check')
    try {
      const path = await this.#setUp(pod, volume, found)
      places.set(volume.name, path)
      this.#places.set(uid, places)
      return path
    } catch (error) {
      throw new PersistentVolumeError(messageOf(error), name, 'MountVolume.SetUp')
    }
  }

  /** The pod's volumes are of no concern any more. */
  forget(uid: string): void {
    this.#places.delete(uid)
  }

  async #setUp(pod: Pod, volume: Volume, { metadata, spec }: PersistentVolume): Promise<string> {
    if (spec.hostPath) {
      prepareHostPath(spec.hostPath)
      return spec.hostPath.path
    }
    if (!spec.local) throw new Error('no volume plugin matched')
    const { path } = spec.local
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory())
      throw new Error(`path ${JSON.stringify(path)} does not exist`)
    await this.#own(pod, volume, metadata.name, path)
    return path
  }

  /** Once per pod, however often the kubelet is started: files that the pod makes later keep the owner that it gives them. */
  async #own(pod: Pod, volume: Volume, name: string, path: string): Promise<void> {
    const done = join(this.#podDirectory(pod.metadata.uid), 'volumes', 'kubernetes.io~local-volume', name)
    if (statSync(done, { throwIfNoEntry: false })) return
    const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {}
    if (fsGroup !== undefined && !volume.persistentVolumeClaim?.readOnly)
      await giveToGroup(path, fsGroup, fsGroupChangePolicy === 'OnRootMismatch')
    mkdirSync(done, { recursive: true })
  }
}
