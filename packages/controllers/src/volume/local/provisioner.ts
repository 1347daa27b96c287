/**
 * Makes directories of one node into volumes and removes them again. It follows the protocol of external provisioners that run
 * on every node (sigs.k8s.io/sig-storage-lib-external-provisioner, k8s.io CSI external-provisioner's node deployment), so
 * nothing else of the cluster needs to know it.
 */

import { Nodes, PersistentVolumeClaims, PersistentVolumes, StorageClasses } from '@canopus/api'
import type { Node, PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import type { StorageClass } from '@canopus/api/storage/v1'
import { clone, hasReason } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { keyOf, splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, on, primary } from '@canopus/operator'
import { PROVISIONER_FINALIZER, SELECTED_NODE } from '../annotations.ts'
import { wantsMore } from '../expander.ts'
import { setFinalizer } from '../finalizers.ts'
import { classOfClaim, isDelayed } from '../storage-classes.ts'
import { directoryNameOf, isOwnVolume, localVolume, planLocalClaim, planLocalVolume, volumeNameOf } from './plan.ts'

/** The directories themselves. */
export interface VolumeDirectories {
  /** Makes a directory that everybody may write to; answers its path. It may be there already. */
  make(name: string): Promise<string>
  /** Removes one with all that is in it; it may be gone already. Throws where the path is none of them. */
  remove(path: string): Promise<void>
}

export interface LocalProvisionerOptions {
  nodeName: string
  directories: VolumeDirectories
}

export function createLocalProvisioner(context: ControllerContext, options: LocalProvisionerOptions): Controller {
  const provisioner = new LocalProvisioner(context, options)
  return defineController(context, {
    name: 'local-volume-provisioner',
    triggers: [
      primary(PersistentVolumeClaims, ({ deleted }) => !deleted),
      primary(PersistentVolumes, ({ deleted }) => !deleted),
      on(StorageClasses, ({ object, deleted }, enqueue) => {
        if (deleted) return
        for (const claim of context.informers.informer(PersistentVolumeClaims).lister.list())
          if (classOfClaim(claim) === object.metadata.name && !claim.spec.volumeName) enqueue(keyOf(claim))
      }),
    ],
    // Claims have a namespace in their key, volumes have not.
    reconcile: async key => {
      await (key.includes('/') ? provisioner.syncClaim(key) : provisioner.syncVolume(key))
      return undefined
    },
  })
}

class LocalProvisioner {
  readonly #context: ControllerContext
  readonly #options: LocalProvisionerOptions

  constructor(context: ControllerContext, options: LocalProvisionerOptions) {
    this.#context = context
    this.#options = options
  }

  async syncClaim(key: string): Promise<void> {
    const { client, informers, events } = this.#context
    const { name, namespace } = splitKey(key)
    const claim = informers.informer(PersistentVolumeClaims).lister.get(name, namespace)
    if (!claim) return
    if (wantsMore(claim)) return this.#grow(claim)
    const storageClass = informers.informer(StorageClasses).lister.get(classOfClaim(claim))
    if (!storageClass || claim.spec.volumeName) return
    const node = await this.#node()
    const plan = planLocalClaim(claim, storageClass, node)
    if (plan.action === 'refuse') events.event(claim, 'Warning', 'ProvisioningFailed', failed(storageClass, plan.why))
    // The first node that writes its name has the volume; the others are told of the conflict and leave it.
    if (plan.action === 'offer')
      await client.resource(PersistentVolumeClaims).update(withSelectedNode(claim, this.#options.nodeName))
    if (plan.action === 'make') await this.#make(claim, storageClass, node!)
  }

  async syncVolume(name: string): Promise<void> {
    const volume = this.#context.informers.informer(PersistentVolumes).lister.get(name)
    if (!volume?.spec.local) return
    const node = await this.#node()
    if (!node || !isOwnVolume(volume, node)) return
    const client = this.#context.client.resource(PersistentVolumes)
    switch (planLocalVolume(volume)) {
      case 'remove':
        return this.#remove(volume)
      case 'protect':
        return setFinalizer(client, volume, PROVISIONER_FINALIZER, true)
      case 'let-go':
        return setFinalizer(client, volume, PROVISIONER_FINALIZER, false)
      case 'leave':
    }
  }

  /** The node as it is now. It is asked for seldom, and watching all nodes for it would not be worth it. */
  async #node(): Promise<Node | undefined> {
    try {
      return await this.#context.client.resource(Nodes).get(this.#options.nodeName)
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined
      throw error
    }
  }

  async #make(claim: PersistentVolumeClaim, storageClass: StorageClass, node: Node): Promise<void> {
    const { events, client, informers } = this.#context
    if (informers.informer(PersistentVolumes).lister.get(volumeNameOf(claim))) return
    const message = `External provisioner is provisioning volume for claim ${JSON.stringify(keyOf(claim))}`
    events.event(claim, 'Normal', 'Provisioning', message)
    try {
      const path = await this.#options.directories.make(directoryNameOf(claim))
      await client.resource(PersistentVolumes).create(localVolume(claim, storageClass, node, path))
    } catch (error) {
      if (hasReason(error, 'AlreadyExists')) return
      const why = messageOf(error)
      events.event(claim, 'Warning', 'ProvisioningFailed', failed(storageClass, why))
      // Another node may be able to: the scheduler chooses again.
      if (isDelayed(storageClass))
        await client.resource(PersistentVolumeClaims).update(withSelectedNode(claim, undefined))
      throw error
    }
    events.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${volumeNameOf(claim)}`)
  }

  async #remove(volume: PersistentVolume): Promise<void> {
    const { client, events } = this.#context
    const volumes = client.resource(PersistentVolumes)
    const { name, uid } = volume.metadata
    try {
      await this.#options.directories.remove(volume.spec.local!.path)
    } catch (error) {
      events.event(volume, 'Warning', 'VolumeFailedDelete', messageOf(error))
      throw error
    }
    try {
      if (!volume.metadata.deletionTimestamp) await volumes.delete(name, { body: { preconditions: { uid } } })
      const rest = await volumes.get(name)
      if (rest.metadata.uid === uid) await setFinalizer(volumes, rest, PROVISIONER_FINALIZER, false)
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error
    }
  }

  /** A directory has the size of its disk: to grow is a matter of words. */
  async #grow(claim: PersistentVolumeClaim): Promise<void> {
    const { client, events, informers } = this.#context
    const volume = informers.informer(PersistentVolumes).lister.get(claim.spec.volumeName ?? '')
    if (!volume?.spec.local || volume.spec.claimRef?.uid !== claim.metadata.uid) return
    const node = await this.#node()
    if (!node || !isOwnVolume(volume, node)) return
    const storage = claim.spec.resources!.requests!.storage!
    const { name } = volume.metadata
    events.event(claim, 'Normal', 'Resizing', `External resizer is resizing volume ${name}`)
    const grown = clone(volume)
    grown.spec.capacity = { ...grown.spec.capacity, storage }
    if (volume.spec.capacity?.storage !== storage) await client.resource(PersistentVolumes).update(grown)
    const next = clone(claim)
    next.status = { ...next.status, capacity: { ...next.status?.capacity, storage } }
    await client.resource(PersistentVolumeClaims).updateStatus(next)
    events.event(claim, 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded')
  }
}

const failed = (storageClass: StorageClass, why: string): string =>
  `failed to provision volume with StorageClass ${JSON.stringify(storageClass.metadata.name)}: ${why}`

function withSelectedNode(claim: PersistentVolumeClaim, node: string | undefined): PersistentVolumeClaim {
  const { [SELECTED_NODE]: _, ...annotations } = claim.metadata.annotations ?? {}
  const next = node === undefined ? annotations : { ...annotations, [SELECTED_NODE]: node }
  return { ...claim, metadata: { ...claim.metadata, annotations: next } }
}
