import type { ConfigMap } from '../../generated/core.v1.ts'
import { ConfigMaps } from '../../resources.ts'
import { ageColumn, nameColumn, of, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateConfigMap, validateConfigMapUpdate } from './data-validation.ts'

const count = (map: ConfigMap): number => Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length

export const ConfigMapKind = defineKind<ConfigMap>({
  type: ConfigMaps,
  message: 'core.v1.ConfigMap',
  storagePrefix: 'configmaps',
  strategy: strategyOf({}, { validate: validateConfigMap, validateUpdate: validateConfigMapUpdate }),
  columns: [nameColumn, text('Data', of('core.v1.ConfigMap.data'), count), ageColumn],
})
