import type { CustomResourceDefinition } from '../../generated/apiextensions.v1.ts'
import { CustomResourceDefinitions } from '../../resources.ts'
import { defaultColumns } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateDefinition, validateDefinitionStatus } from './validation.ts'

const storageVersions = ({ versions }: CustomResourceDefinition['spec']): string[] =>
  (versions ?? []).filter(version => version.storage).map(version => version.name)

const bornStatus = ({ spec }: CustomResourceDefinition) => ({
  conditions: null,
  acceptedNames: { plural: '', kind: '' },
  storedVersions: storageVersions(spec).slice(0, 1),
})

function defaultDefinition({ spec, status }: CustomResourceDefinition): void {
  spec.names ??= { plural: '', kind: '' }
  spec.names.singular ||= (spec.names.kind ?? '').toLowerCase()
  if (spec.names.kind) spec.names.listKind ||= `${spec.names.kind}List`
  spec.conversion ??= { strategy: 'None' }
  const service = spec.conversion.webhook?.clientConfig?.service
  if (service) service.port ??= 443
  if (status && !status.storedVersions?.length) status.storedVersions = storageVersions(spec).slice(0, 1)
}

/** Every version that was ever the stored one stays listed until somebody has migrated its objects. */
function rememberStorageVersion(object: CustomResourceDefinition): void {
  const { spec, status } = object
  const name = (spec.versions ?? []).find(version => version.storage)?.name
  if (name === undefined || status === undefined) return
  const stored = status.storedVersions ?? []
  if (!stored.includes(name)) object.status = { ...status, storedVersions: [...stored, name] }
}

export const CustomResourceDefinitionKind = defineKind<CustomResourceDefinition>({
  type: CustomResourceDefinitions,
  message: 'apiextensions.v1.CustomResourceDefinition',
  storagePrefix: 'apiextensions.k8s.io/customresourcedefinitions',
  strategy: strategyOf(
    { spec: true, status: bornStatus, generation: true },
    {
      validate: definition => validateDefinition(definition),
      validateUpdate: (definition, old) => validateDefinition(definition, undefined, old),
      validateStatusUpdate: validateDefinitionStatus,
      default: defaultDefinition,
      prepareForUpdate: rememberStorageVersion,
      allowUnconditionalUpdate: false,
    },
  ),
  columns: defaultColumns,
})
