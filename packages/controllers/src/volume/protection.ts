/**
 * Keeps claims while pods use them, and volumes while claims are bound to them
 * (kubernetes pkg/controller/volume/{pvcprotection,pvprotection}).
 */

import { PersistentVolumeClaims, PersistentVolumes, Pods } from '@canopus/api'
import type { PersistentVolumeClaim, Pod } from '@canopus/api/core/v1'
import { hasFinalizer } from '@canopus/apimachinery'
import { type Informer, splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, on, primary } from '@canopus/operator'
import { isFinished } from '../common/pods.ts'
import { setFinalizer } from './finalizers.ts'

const CLAIM_FINALIZER = 'kubernetes.io/pvc-protection'
const VOLUME_FINALIZER = 'kubernetes.io/pv-protection'
const BY_CLAIM = 'claim'

/** The claims that a pod mounts: named ones, and those made for it alone. */
export function claimsOf(pod: Pod): string[] {
  const names: string[] = []
  for (const volume of pod.spec?.volumes ?? []) {
    if (volume.persistentVolumeClaim) names.push(volume.persistentVolumeClaim.claimName)
    else if (volume.ephemeral) names.push(`${pod.metadata.name}-${volume.name}`)
  }
  return names
}

const claimKeysOf = (pod: Pod): string[] => claimsOf(pod).map(name => `${pod.metadata.namespace}/${name}`)

/** Lets `podsOfClaim` find pods. */
export const indexPodsByClaim = (pods: Informer<Pod>): void => pods.addIndex(BY_CLAIM, claimKeysOf)

/** The pods that name the claim of this key. */
export const podsOfClaim = (pods: Informer<Pod>, key: string): readonly Pod[] => pods.lister.byIndex(BY_CLAIM, key)

/** A pod that has no node yet will not be started with a claim that is going. */
export const isUsing = (pod: Pod): boolean => Boolean(pod.spec?.nodeName) && !isFinished(pod)

export function createClaimProtectionController(context: ControllerContext): Controller {
  const claims = context.informers.informer(PersistentVolumeClaims)
  const pods = context.informers.informer(Pods)
  indexPodsByClaim(pods)
  const client = context.client.resource(PersistentVolumeClaims)
  const isDue = (claim: PersistentVolumeClaim): boolean =>
    hasFinalizer(claim, CLAIM_FINALIZER) === (claim.metadata.deletionTimestamp !== undefined)
  return defineController(context, {
    name: 'persistentvolumeclaim-protection-controller',
    triggers: [
      primary(PersistentVolumeClaims, ({ object, deleted }) => !deleted && isDue(object)),
      on(Pods, ({ object, deleted }, enqueue) => {
        if (!deleted && isUsing(object)) return
        for (const name of claimsOf(object)) enqueue(`${object.metadata.namespace}/${name}`)
      }),
    ],
    async reconcile(key) {
      const { name, namespace } = splitKey(key)
      const claim = claims.lister.get(name, namespace)
      if (!claim || !isDue(claim)) return undefined
      if (!claim.metadata.deletionTimestamp) await setFinalizer(client, claim, CLAIM_FINALIZER, true)
      else if (!podsOfClaim(pods, key).some(isUsing)) {
        // The cache may lag behind the scheduler: ask once more before it is too late.
        const live = await context.client.resource(Pods).list({ namespace: namespace! })
        if (live.items.some(pod => isUsing(pod) && claimsOf(pod).includes(name))) return { requeueAfter: 1_000 }
        await setFinalizer(client, claim, CLAIM_FINALIZER, false)
      }
      return undefined
    },
  })
}

export function createVolumeProtectionController(context: ControllerContext): Controller {
  const volumes = context.informers.informer(PersistentVolumes)
  const client = context.client.resource(PersistentVolumes)
  return defineController(context, {
    name: 'persistentvolume-protection-controller',
    triggers: [primary(PersistentVolumes, ({ deleted }) => !deleted)],
    async reconcile(name) {
      const volume = volumes.lister.get(name)
      if (!volume) return undefined
      if (!volume.metadata.deletionTimestamp) await setFinalizer(client, volume, VOLUME_FINALIZER, true)
      else if (volume.status?.phase !== 'Bound') await setFinalizer(client, volume, VOLUME_FINALIZER, false)
      return undefined
    },
  })
}
