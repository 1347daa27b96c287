import type { StorageClass } from '../../generated/storage.v1.ts'
import { StorageClasses } from '../../resources.ts'
import { ageColumn, nameColumn, of, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { nodeLabelDeprecation } from '../shared/warnings.ts'
import { validateStorageClass, validateStorageClassUpdate } from './validation.ts'

const DEFAULT = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']

function nameText({ metadata }: StorageClass): string {
  const isDefault = DEFAULT.some(key => metadata.annotations?.[key] === 'true')
  return isDefault ? `${metadata.name} (default)` : metadata.name
}

function warnings({ allowedTopologies = [] }: StorageClass): string[] {
  return allowedTopologies.flatMap(({ matchLabelExpressions = [] }, index) =>
    matchLabelExpressions.flatMap(({ key }, i) => {
      const old = nodeLabelDeprecation(key)
      return old === undefined ? [] : [`allowedTopologies[${index}].matchLabelExpressions[${i}].key: ${old}`]
    }),
  )
}

export const StorageClassKind = defineKind<StorageClass>({
  type: StorageClasses,
  message: 'storage.v1.StorageClass',
  storagePrefix: 'storageclasses',
  strategy: strategyOf(
    {},
    {
      validate: validateStorageClass,
      validateUpdate: validateStorageClassUpdate,
      warnings,
      default(object) {
        object.reclaimPolicy ??= 'Delete'
        object.volumeBindingMode ??= 'Immediate'
      },
    },
  ),
  columns: [
    { ...nameColumn, value: nameText },
    text('Provisioner', of('storage.v1.StorageClass.provisioner'), each => each.provisioner),
    text('ReclaimPolicy', of('storage.v1.StorageClass.reclaimPolicy'), each => each.reclaimPolicy ?? 'Delete'),
    text(
      'VolumeBindingMode',
      of('storage.v1.StorageClass.volumeBindingMode'),
      each => each.volumeBindingMode ?? 'Immediate',
    ),
    text(
      'AllowVolumeExpansion',
      of('storage.v1.StorageClass.allowVolumeExpansion'),
      each => each.allowVolumeExpansion ?? false,
    ),
    ageColumn,
  ],
})
