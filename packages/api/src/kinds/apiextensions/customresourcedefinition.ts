import type { CustomResourceDefinition } from '../../generated/apiextensions.v1.ts'
import { CustomResourceDefinitions } from '../../resources.ts'
import { defaultColumns } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

const bornStatus = () => ({ conditions: [], acceptedNames: { plural: '', kind: '' }, storedVersions: [] as string[] })

export const CustomResourceDefinitionKind = defineKind<CustomResourceDefinition>({
  type: CustomResourceDefinitions,
  message: 'apiextensions.v1.CustomResourceDefinition',
  storagePrefix: 'apiextensions.k8s.io/customresourcedefinitions',
  strategy: strategyOf({ status: bornStatus, generation: true }, { allowUnconditionalUpdate: false }),
  columns: defaultColumns,
})
