/** Notices claims that have become bigger than their volumes (kubernetes pkg/controller/volume/expand). */

import { PersistentVolumeClaims, PersistentVolumes } from '@canopus/api'
import type { PersistentVolumeClaim } from '@canopus/api/core/v1'
import { compareQuantities } from '@canopus/apimachinery'
import { splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, primary } from '@canopus/operator'

const requestOf = (claim: PersistentVolumeClaim): string => claim.spec?.resources?.requests?.storage ?? '0'
const capacityOf = (claim: PersistentVolumeClaim): string => claim.status?.capacity?.storage ?? '0'

/** Whether a bound claim asks for more than it has. */
export const wantsMore = (claim: PersistentVolumeClaim): boolean =>
  claim.status?.phase === 'Bound' && compareQuantities(requestOf(claim), capacityOf(claim)) > 0

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
      if (!claim || !wantsMore(claim)) return undefined
      const volume = volumes.lister.get(claim.spec.volumeName ?? '')
      if (volume?.spec.claimRef?.uid !== claim.metadata.uid)
        throw new Error(`persistent Volume is not bound to PVC being updated : ${key}`)
      context.events.event(
        claim,
        'Normal',
        'ExternalExpanding',
        'waiting for an external controller to expand this PVC',
      )
      return undefined
    },
  })
}
