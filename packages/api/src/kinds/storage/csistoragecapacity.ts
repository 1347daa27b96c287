import type { CSIStorageCapacity } from '../../generated/storage.v1.ts'
import { CSIStorageCapacities } from '../../resources.ts'
import { defaultColumns } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { nodeLabelDeprecation } from '../shared/warnings.ts'
import { validateCSIStorageCapacity, validateCSIStorageCapacityUpdate } from './validation.ts'

function warnings({ nodeTopology }: CSIStorageCapacity): string[] {
  const found: string[] = []
  for (const [index, { key }] of (nodeTopology?.matchExpressions ?? []).entries()) {
    const old = nodeLabelDeprecation(key)
    if (old !== undefined) found.push(`nodeTopology.matchExpressions[${index}].key: ${key} is ${old}`)
  }
  for (const key of Object.keys(nodeTopology?.matchLabels ?? {})) {
    const old = nodeLabelDeprecation(key)
    if (old !== undefined) found.push(`nodeTopology.matchLabels.${key}: ${old}`)
  }
  return found
}

export const CSIStorageCapacityKind = defineKind<CSIStorageCapacity>({
  type: CSIStorageCapacities,
  message: 'storage.v1.CSIStorageCapacity',
  storagePrefix: 'csistoragecapacities',
  strategy: strategyOf(
    {},
    {
      validate: validateCSIStorageCapacity,
      validateUpdate: validateCSIStorageCapacityUpdate,
      allowUnconditionalUpdate: false,
      warnings,
    },
  ),
  columns: defaultColumns,
})
