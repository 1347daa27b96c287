import type { FlowSchema } from '../../generated/flowcontrol.v1.ts'
import { FlowSchemas } from '../../resources.ts'
import { ageColumn, nameColumn, of, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateFlowSchema, validateFlowStatusUpdate } from './validation.ts'

const missing = (schema: FlowSchema): string =>
  schema.status?.conditions?.find(each => each.type === 'Dangling')?.status ?? '?'

/** In the order in which requests are held against them. */
function byPrecedence(one: FlowSchema, other: FlowSchema): number {
  const difference = one.spec.matchingPrecedence - other.spec.matchingPrecedence
  return difference !== 0 ? difference : one.metadata.name < other.metadata.name ? -1 : 1
}

export const FlowSchemaKind = defineKind<FlowSchema>({
  type: FlowSchemas,
  message: 'flowcontrol.v1.FlowSchema',
  storagePrefix: 'flowschemas',
  strategy: strategyOf<FlowSchema>(
    { spec: true, status: () => ({}), generation: true, statusLeavesMetadata: true },
    {
      validate: validateFlowSchema,
      validateUpdate: validateFlowSchema,
      validateStatusUpdate: validateFlowStatusUpdate,
      default(object) {
        if (object.spec) object.spec.matchingPrecedence ||= 1000
      },
    },
  ),
  columns: [
    nameColumn,
    text(
      'PriorityLevel',
      of('flowcontrol.v1.PriorityLevelConfigurationReference.name'),
      each => each.spec.priorityLevelConfiguration?.name ?? '',
    ),
    text(
      'MatchingPrecedence',
      of('flowcontrol.v1.FlowSchemaSpec.matchingPrecedence'),
      each => each.spec.matchingPrecedence,
    ),
    text(
      'DistinguisherMethod',
      of('flowcontrol.v1.FlowSchemaSpec.distinguisherMethod'),
      each => each.spec.distinguisherMethod?.type ?? '<none>',
    ),
    ageColumn,
    text('MissingPL', 'references a broken or non-existent PriorityLevelConfiguration', missing),
  ],
  rowOrder: byPrecedence,
})
