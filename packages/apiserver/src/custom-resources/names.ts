/**
 * Which names a definition may have, and what its status says of it
 * (k8s.io/apiextensions-apiserver/pkg/controller/status/naming_controller.go and controller/establish).
 */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionStatus,
} from '@canopus/api/apiextensions/v1'
import { isProtectedGroup } from '@canopus/apiextensions'
import { isConditionTrue, removeCondition, setCondition } from '@canopus/apimachinery'
import { bundleProblem } from '../certificates/kind-checks.ts'
import { NON_STRUCTURAL, structuralCondition } from './structural-condition.ts'

type Condition = Omit<CustomResourceDefinitionCondition, 'lastTransitionTime'>

/** Names that other definitions of the group hold. */
interface Taken {
  readonly resources: ReadonlySet<string>
  readonly kinds: ReadonlySet<string>
}

function takenNames(group: string, name: string, all: readonly CustomResourceDefinition[]): Taken {
  const resources = new Set<string>()
  const kinds = new Set<string>()
  for (const { metadata, spec, status } of all) {
    if (spec.group !== group || metadata.name === name || status === undefined) continue
    const { plural, singular, shortNames = [], kind, listKind } = status.acceptedNames
    for (const each of [plural, singular, ...shortNames]) if (each) resources.add(each)
    for (const each of [kind, listKind]) if (each) kinds.add(each)
  }
  return { resources, kinds }
}

const inUse = (text: string): string => `${JSON.stringify(text)} is already in use`

/** The names that are free; what is taken stays as it was. */
function acceptNames(
  wanted: CustomResourceDefinitionNames,
  before: CustomResourceDefinitionNames,
  { resources, kinds }: Taken,
): { names: CustomResourceDefinitionNames; condition: Condition } {
  const names: CustomResourceDefinitionNames = { ...before }
  let conflict: { reason: string; message: string } | undefined
  const take = <K extends keyof CustomResourceDefinitionNames>(field: K, reason: string, clash: string | undefined) => {
    if (clash !== undefined) conflict = { reason, message: inUse(clash) }
    else if (wanted[field] === undefined) delete names[field]
    else names[field] = wanted[field]
  }
  const clashOf = (held: ReadonlySet<string>, text: string | undefined): string | undefined =>
    text !== undefined && held.has(text) ? text : undefined
  take('plural', 'PluralConflict', clashOf(resources, wanted.plural))
  take('singular', 'SingularConflict', clashOf(resources, wanted.singular))
  take(
    'shortNames',
    'ShortNamesConflict',
    wanted.shortNames?.find(each => resources.has(each)),
  )
  take('kind', 'KindConflict', clashOf(kinds, wanted.kind))
  take('listKind', 'ListKindConflict', clashOf(kinds, wanted.listKind))
  take('categories', '', undefined)
  const condition: Condition =
    conflict === undefined
      ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
      : { type: 'NamesAccepted', status: 'False', ...conflict }
  return { names, condition }
}

/** The status that the definition should have, `now` in RFC 3339; the very status it has where nothing changes. */
export function statusOf(
  definition: CustomResourceDefinition,
  all: readonly CustomResourceDefinition[],
  now: string,
): CustomResourceDefinitionStatus {
  const { spec, metadata } = definition
  const status = definition.status ?? { conditions: [], storedVersions: [], acceptedNames: { plural: '', kind: '' } }
  const taken = takenNames(spec.group, metadata.name, all)
  const { names, condition } = acceptNames(spec.names, status.acceptedNames, taken)
  let conditions: readonly CustomResourceDefinitionCondition[] = status.conditions ?? []
  const structural = structuralCondition(definition)
  if (structural === undefined) conditions = removeCondition(conditions, NON_STRUCTURAL)
  // In the order in which upstream's controllers come to it: that of approvals has the least to ask.
  for (const each of [
    approvedBy(definition),
    condition,
    establishedBy(conditions, condition, definition),
    structural,
  ]) {
    if (each !== undefined) conditions = setCondition<CustomResourceDefinitionCondition>(conditions, each, now)
  }
  const same = conditions === status.conditions && JSON.stringify(names) === JSON.stringify(status.acceptedNames)
  return same ? status : { ...status, acceptedNames: names, conditions: [...conditions] }
}

/** Once established, always established. Nobody can convert where the webhook's certificate cannot be trusted by anything. */
function establishedBy(
  conditions: readonly CustomResourceDefinitionCondition[],
  names: Condition,
  definition: CustomResourceDefinition,
): Condition | undefined {
  if (isConditionTrue(conditions, 'Established')) return undefined
  if (names.status === 'True' && bundleProblem(definition) !== undefined) {
    const message = 'The conversion webhook CABundle is invalid'
    return { type: 'Established', status: 'False', reason: 'InvalidCABundle', message }
  }
  return names.status === 'True'
    ? {
        type: 'Established',
        status: 'True',
        reason: 'InitialNamesAccepted',
        message: 'the initial names have been accepted',
      }
    : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' }
}

function approvedBy({ spec, metadata }: CustomResourceDefinition): Condition | undefined {
  if (!isProtectedGroup(spec.group)) return undefined
  const approval = metadata.annotations?.['api-approved.kubernetes.io'] ?? ''
  const type = 'KubernetesAPIApprovalPolicyConformant'
  if (approval.startsWith('unapproved')) {
    return {
      type,
      status: 'False',
      reason: 'UnapprovedAnnotation',
      message: `not approved: ${JSON.stringify(approval)}`,
    }
  }
  if (!URL.canParse(approval)) {
    const message = `protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111`
    return { type, status: 'False', reason: 'MissingAnnotation', message }
  }
  return { type, status: 'True', reason: 'ApprovedAnnotation', message: `approved in ${approval}` }
}
