/**
 * What an update of a definition need not put right, because it was so before: rules were made stricter over the years, and
 * what older servers stored must stay changeable (validationOptions of
 * k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go).
 */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '@canopus/api/apiextensions/v1'
import { deepEqual, isObject } from '@canopus/apimachinery'
import { hasUnprunedDefaults } from './schema-defaults.ts'
import { hasLooseMapKeys, hasNonAtomicSets, isKnownType } from './schema-rules.ts'
import { validateStructural } from './structural.ts'
import { versionsOf } from './versions.ts'

export interface Allowances {
  /** Names of versions whose schemas are the same as before: their rules may cost as much as they did. */
  readonly unchangedSchemas: ReadonlySet<string>
  /** Names of versions that have as many selectable fields as before. */
  readonly unchangedSelectable: ReadonlySet<string>
  readonly unknownTypes: boolean
  readonly notStructural: boolean
  readonly unprunedDefaults: boolean
  readonly nonAtomicSets: boolean
  readonly looseMapKeys: boolean
  /** The approval of a protected group is as good or bad as it was. */
  readonly sameApproval: boolean
}

/** What new definitions get. */
export const NO_ALLOWANCES: Allowances = {
  unchangedSchemas: new Set(),
  unchangedSelectable: new Set(),
  unknownTypes: false,
  notStructural: false,
  unprunedDefaults: false,
  nonAtomicSets: false,
  looseMapKeys: false,
  sameApproval: false,
}

export function allowancesOf(object: CustomResourceDefinition, old: CustomResourceDefinition): Allowances {
  const before = versionsOf(old).flatMap(({ schema }) => schema?.openAPIV3Schema ?? [])
  const anyBefore = (test: (schema: JSONSchemaProps) => boolean): boolean => before.some(each => someSchema(each, test))
  return {
    unchangedSchemas: unchanged(object, old, 'schema'),
    unchangedSelectable: unchanged(object, old, 'selectableFields'),
    unknownTypes: anyBefore(({ type }) => !!type && !isKnownType(type)),
    notStructural: before.some(schema => validateStructural(schema, '').length > 0),
    unprunedDefaults: before.some(hasUnprunedDefaults),
    nonAtomicSets: anyBefore(hasNonAtomicSets),
    looseMapKeys: anyBefore(hasLooseMapKeys),
    sameApproval: approvalState(object) === approvalState(old),
  }
}

function unchanged(
  object: CustomResourceDefinition,
  old: CustomResourceDefinition,
  field: keyof CustomResourceDefinitionVersion,
): Set<string> {
  const same = versionsOf(object).filter(version => {
    const before = versionsOf(old).find(each => each.name === version.name)
    return before !== undefined && deepEqual(before[field], version[field])
  })
  return new Set(same.map(({ name }) => name))
}

/** Whether a schema or one that is in it passes the test. */
export function someSchema(schema: JSONSchemaProps, test: (schema: JSONSchemaProps) => boolean): boolean {
  const { properties, patternProperties, definitions, dependencies, allOf, anyOf, oneOf, not } = schema
  const { items, additionalProperties, additionalItems } = schema
  const inner: unknown[] = [
    ...(Array.isArray(items) ? items : [items]),
    ...[allOf, anyOf, oneOf].flatMap(each => each ?? []),
    ...[properties, patternProperties, definitions, dependencies].flatMap(each => Object.values(each ?? {})),
    ...[not, additionalProperties, additionalItems],
  ]
  return test(schema) || inner.some(each => isSchema(each) && someSchema(each, test))
}

/** Besides schemas, there may be booleans and lists of names. */
const isSchema = (value: unknown): value is JSONSchemaProps => isObject(value)

export const APPROVAL = 'api-approved.kubernetes.io'

/** Whether a definition of a protected group says that it may be there (apihelpers.GetAPIApprovalState). */
export function approvalState({ metadata }: CustomResourceDefinition): 'missing' | 'bypassed' | 'approved' | 'invalid' {
  const approval = metadata.annotations?.[APPROVAL]
  if (!approval) return 'missing'
  if (approval.startsWith('unapproved')) return 'bypassed'
  return /^[a-z][a-z0-9+.-]*:\/\/[^\s/]+\S*$/i.test(approval) ? 'approved' : 'invalid'
}
