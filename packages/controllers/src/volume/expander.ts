/** Notices claims that have become bigger than their volumes (kubernetes pkg/controller/volume/expand). */

import { PersistentVolumeClaims, PersistentVolumes } from '@canopus/api'
import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import { compareQuantities } from '@canopus/apimachinery'
import { splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, primary } from '@canopus/operator'

const requestOf = (claim: PersistentVolumeClaim): string => claim.spec?.resources?.requests?.storage ?? '0'
const capacityOf = (claim: PersistentVolumeClaim): string => claim.status?.capacity?.storage ?? '0'

/** Whether a bound claim asks for more than it has. */
export const wantsMore = (claim: PersistentVolumeClaim): boolean =>
  claim.status?.phase === 'Bound' && compareQuantities(requestOf(claim), capacityOf(claim)) > 0

/** `unbound`: the volume that the claim names is not (yet) its own, so that it is looked at again. */
export type Expansion = 'nothing' | 'tell' | 'unbound'

/** What is to be done about a claim, given the volume that it names. */
export function planExpansion(claim: PersistentVolumeClaim, volume: PersistentVolume | undefined): Expansion {
  if (!wantsMore(claim)) return 'nothing'
  return volume?.spec.claimRef?.uid === claim.metadata.uid ? 'tell' : 'unbound'
}

/** Tells of claims that are to grow. The growing itself is for whoever made the volume: no plugin that could is part of this. */
export function createVolumeExpander(context: ControllerContext): Controller {
  const claims = context.informers.informer(PersistentVolumeClaims)
  const volumes = context.informers.informer(PersistentVolumes)
  return defineController(context, {
    name: 'persistentvolume-expander-controller',
    triggers: [
      primary(PersistentVolumeClaims, ({ object, old, deleted }) => {
        if (deleted || !wantsMore(object)) return false
        return old === undefined || compareQuantities(requestOf(object), requestOf(old)) > 0
      }),
    ],
    async reconcile(key) {
      const { name, namespace } = splitKey(key)
      const claim = claims.lister.get(name, namespace)
      const plan = claim ? planExpansion(claim, volumes.lister.get(claim.spec.volumeName ?? '')) : 'nothing'
      if (plan === 'unbound') throw new Error(`persistent Volume is not bound to PVC being updated : ${key}`)
      if (plan === 'tell') {
        const text = 'waiting for an external controller to expand this PVC'
        context.events.event(claim!, 'Normal', 'ExternalExpanding', text)
      }
      return undefined
    },
  })
}
