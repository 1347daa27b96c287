import type { ResourceClaimTemplate } from '../../generated/resource.v1.ts'
import { ResourceClaimTemplates } from '../../resources.ts'
import { ageColumn, nameColumn } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { defaultClaimSpec } from './defaults.ts'
import { validateTemplate, validateTemplateUpdate } from './validation.ts'

export const ResourceClaimTemplateKind = defineKind<ResourceClaimTemplate>({
  type: ResourceClaimTemplates,
  message: 'resource.v1.ResourceClaimTemplate',
  storagePrefix: 'resourceclaimtemplates',
  strategy: strategyOf(
    { spec: true },
    {
      validate: validateTemplate,
      validateUpdate: validateTemplateUpdate,
      default: object => defaultClaimSpec(object.spec?.spec),
    },
  ),
  columns: [nameColumn, ageColumn],
})
