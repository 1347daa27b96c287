/** Keeps volume attributes classes while claims or volumes name them (kubernetes pkg/controller/volume/vacprotection). */

import { PersistentVolumeClaims, PersistentVolumes, VolumeAttributesClasses } from '@canopus/api'
import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import { type Controller, type ControllerContext, defineController, mapped, primary } from '@canopus/operator'
import { setFinalizer } from './finalizers.ts'

const FINALIZER = 'kubernetes.io/vac-protection'
const BY_ATTRIBUTES = 'attributes'

function namedBy({ spec, status }: PersistentVolumeClaim): string[] {
  const names = [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ]
  return [...new Set(names.flatMap(name => name || []))]
}

const namedByVolume = ({ spec }: PersistentVolume): string[] =>
  spec.volumeAttributesClassName ? [spec.volumeAttributesClassName] : []

export function createAttributesClassProtectionController(context: ControllerContext): Controller {
  const classes = context.informers.informer(VolumeAttributesClasses)
  const claims = context.informers.informer(PersistentVolumeClaims)
  const volumes = context.informers.informer(PersistentVolumes)
  claims.addIndex(BY_ATTRIBUTES, namedBy)
  volumes.addIndex(BY_ATTRIBUTES, namedByVolume)
  const client = context.client.resource(VolumeAttributesClasses)
  return defineController(context, {
    name: 'volumeattributesclass-protection-controller',
    triggers: [
      primary(VolumeAttributesClasses, ({ deleted }) => !deleted),
      mapped(PersistentVolumeClaims, namedBy),
      mapped(PersistentVolumes, namedByVolume),
    ],
    async reconcile(name) {
      const attributes = classes.lister.get(name)
      if (!attributes) return undefined
      const isUsed = [claims, volumes].some(each => each.lister.byIndex(BY_ATTRIBUTES, name).length > 0)
      if (!attributes.metadata.deletionTimestamp) await setFinalizer(client, attributes, FINALIZER, true)
      else if (!isUsed) await setFinalizer(client, attributes, FINALIZER, false)
      return undefined
    },
  })
}
