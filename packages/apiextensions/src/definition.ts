/** Checks definitions of custom resources: what the built-in kind leaves out, since it takes schemas to say. */
import type { Kind } from '@canopus/api'
import { withExtraChecks } from '@canopus/api'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '@canopus/api/apiextensions/v1'
import {
  deepEqual,
  duplicate,
  type FieldError,
  forbidden,
  goQuote,
  invalid,
  type KubeObject,
  required,
  tooMany,
} from '@canopus/apimachinery'
import { type Allowances, APPROVAL, allowancesOf, approvalState, NO_ALLOWANCES, someSchema } from './allowances.ts'
import { isFormatOf } from './formats.ts'
import { checkRules, type TimeRules, untimed } from './rules/index.ts'
import { checkDefaults } from './schema-defaults.ts'
import { validateSchemaRules } from './schema-rules.ts'
import { validateStructural } from './structural.ts'

type Errors = FieldError[]

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string']
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password']
const MOST_SELECTABLE = 8

/** The built-in kind of definitions, which then checks schemas too. */
export function withSchemaValidation(kind: Kind, time: TimeRules = untimed): Kind {
  type Definition = KubeObject & CustomResourceDefinition
  const { warnings } = kind.strategy
  const warned: Kind = {
    ...kind,
    strategy: {
      ...kind.strategy,
      warnings: (object, old) => [
        ...(warnings?.(object, old) ?? []),
        ...formatWarnings(object as Definition, old as Definition | undefined),
      ],
    },
  }
  return withExtraChecks(warned, {
    create: object => validateVersions(object as Definition, NO_ALLOWANCES, time),
    update: (object, old) => {
      const [now, before] = [object as Definition, old as Definition]
      // What was let in once stays.
      return deepEqual(now.spec, before.spec) ? [] : validateVersions(now, allowancesOf(now, before), time)
    },
  })
}

/** Formats that nobody holds values to (pkg/registry/customresourcedefinition/strategy.go), but for those that were there. */
function formatWarnings(definition: CustomResourceDefinition, old: CustomResourceDefinition | undefined): string[] {
  const before = new Set(old === undefined ? [] : unknownFormats(old))
  return unknownFormats(definition)
    .filter(format => !before.has(format))
    .map(format => `unrecognized format ${goQuote(format)}`)
}

/** Upstream keeps a schema that all versions share once, and looks at it once. */
function unknownFormats({ spec }: CustomResourceDefinition): string[] {
  const versions = spec?.versions ?? []
  const found: string[] = []
  for (const { schema } of alike(versions, 'schema') ? versions.slice(0, 1) : versions) {
    const root = schema?.openAPIV3Schema
    if (root === undefined) continue
    someSchema(root, ({ type, format }) => {
      if (format && !isFormatOf(type, format)) found.push(format)
      return false
    })
  }
  return found
}

/** What all versions say alike, upstream looks at once and names without the version. */
function validateVersions(definition: CustomResourceDefinition, allowed: Allowances, time: TimeRules): FieldError[] {
  const { spec } = definition
  const versions = spec?.versions ?? []
  const errors: Errors = []
  if (!allowed.sameApproval) checkApproval(errors, definition)
  const each = (
    field: keyof CustomResourceDefinitionVersion,
    shared: string,
    check: (version: CustomResourceDefinitionVersion, path: string) => void,
  ): void => {
    const same = alike(versions, field)
    for (const [index, version] of (same ? versions.slice(0, 1) : versions).entries()) {
      check(version, same ? `spec.${shared}` : `spec.versions[${index}].${field}`)
    }
  }
  const hasStatus = alike(versions, 'schema')
    ? versions.some(({ subresources }) => subresources?.status !== undefined)
    : undefined
  each('schema', 'validation', ({ name, schema, subresources }, path) => {
    if (schema?.openAPIV3Schema === undefined) return
    checkSchema(errors, schema.openAPIV3Schema, {
      path: `${path}.openAPIV3Schema`,
      hasStatus: hasStatus ?? subresources?.status !== undefined,
      preservesUnknown: spec.preserveUnknownFields === true,
      anyCost: allowed.unchangedSchemas.has(name),
      allowed,
      time,
    })
  })
  each('subresources', 'subresources', ({ subresources }, path) => {
    if (subresources?.scale !== undefined) checkScale(errors, subresources.scale, `${path}.scale`)
  })
  each('additionalPrinterColumns', 'additionalPrinterColumns', (version, path) => checkColumns(errors, version, path))
  each('selectableFields', 'selectableFields', (version, path) =>
    checkSelectable(errors, version, path, allowed.unchangedSelectable.has(version.name)),
  )
  return errors
}

/** Whether a field is the same in all versions: upstream then keeps it once, for all of them. */
function alike(
  versions: readonly CustomResourceDefinitionVersion[],
  field: keyof CustomResourceDefinitionVersion,
): boolean {
  return versions.every(version => deepEqual(version[field], versions[0]![field]))
}

/** Groups of the project itself need its approval (KEP-1111). */
export const isProtectedGroup = (group: string): boolean => /(^|\.)(k8s|kubernetes)\.io$/.test(group)

function checkApproval(errors: Errors, definition: CustomResourceDefinition): void {
  if (!isProtectedGroup(definition.spec?.group ?? '')) return
  const state = approvalState(definition)
  const at = `metadata.annotations[${APPROVAL}]`
  if (state === 'missing') {
    const text = `protected groups must have approval annotation "${APPROVAL}", see https://github.com/kubernetes/enhancements/pull/1111`
    errors.push(required(at, text))
  } else if (state === 'invalid') {
    const text = `protected groups must have approval annotation "${APPROVAL}" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111`
    errors.push(invalid(at, definition.metadata.annotations?.[APPROVAL], text))
  }
}

/** Where a schema is, and what is asked of it. */
interface SchemaPlace {
  readonly path: string
  readonly hasStatus: boolean
  readonly preservesUnknown: boolean
  /** Single rules may cost what they like; all of them together may not. */
  readonly anyCost: boolean
  readonly allowed: Allowances
  readonly time: TimeRules
}

function checkSchema(errors: Errors, schema: JSONSchemaProps, place: SchemaPlace): void {
  const { path, allowed, anyCost, time } = place
  if (place.hasStatus) checkRootFields(errors, schema, path)
  if (schema.nullable === true) errors.push(forbidden(`${path}.nullable`, 'nullable cannot be true at the root'))
  const mustBeStructural = !allowed.notStructural || !place.preservesUnknown || someSchema(schema, needsStructure)
  const shape = mustBeStructural ? validateStructural(schema, path) : []
  if (mustBeStructural && shape.length === 0) checkDefaults(shape, schema, path, allowed.unprunedDefaults, time)
  const rules = validateSchemaRules(schema, path, allowed)
  errors.push(...shape, ...rules)
  if (mustBeStructural && shape.length === 0) checkRules(errors, schema, path, { time, anyCost, broken: rules })
}

/** Defaults and Kubernetes' extensions mean something in structural schemas only. */
const needsStructure = (schema: JSONSchemaProps): boolean =>
  schema.default !== undefined || Object.keys(schema).some(key => key.startsWith('x-kubernetes-'))

/** Go's names of what a schema may say of a whole object that has a status: that of the status is looked at alone. */
const ROOT_FIELDS =
  'Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations'
const ROOT_NAMES: ReadonlySet<string> = new Set([
  ...ROOT_FIELDS.split(' ').map(name => name[0]!.toLowerCase() + name.slice(1)),
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
])

function checkRootFields(errors: Errors, schema: JSONSchemaProps, path: string): void {
  if (schema.type !== undefined && schema.type !== 'object') {
    const text = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
    errors.push(invalid(`${path}.type`, schema.type, text))
    return
  }
  const isEmpty = (value: unknown): boolean => !value || (Array.isArray(value) && value.length === 0)
  if (Object.entries(schema).every(([name, value]) => ROOT_NAMES.has(name) || isEmpty(value))) return
  const text = `only [${ROOT_FIELDS}] fields are allowed at the root of the schema if the status subresource is enabled`
  errors.push(invalid(path, schema, text))
}

function checkScale(
  errors: Errors,
  scale: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath?: string },
  path: string,
): void {
  const check = (name: string, value: string | undefined, roots: readonly string[], text: string): void => {
    if (!value) errors.push(required(`${path}.${name}`))
    else if (!isSimple(errors, value, `${path}.${name}`)) return
    else if (!roots.some(root => value.startsWith(root))) errors.push(invalid(`${path}.${name}`, value, text))
  }
  check('specReplicasPath', scale.specReplicasPath, ['.spec.'], 'should be a json path under .spec')
  check('statusReplicasPath', scale.statusReplicasPath, ['.status.'], 'should be a json path under .status')
  if (scale.labelSelectorPath) {
    const text = 'should be a json path under either .spec or .status'
    check('labelSelectorPath', scale.labelSelectorPath, ['.spec.', '.status.'], text)
  }
}

function isSimple(errors: Errors, value: string, path: string): boolean {
  if (value.startsWith('.')) return true
  errors.push(invalid(path, value, 'must be a simple json path starting with .'))
  return false
}

function checkColumns(errors: Errors, version: CustomResourceDefinitionVersion, path: string): void {
  for (const [index, column] of (version.additionalPrinterColumns ?? []).entries()) {
    const at = `${path}[${index}]`
    if (!column.name) errors.push(required(`${at}.name`))
    if (!column.type) errors.push(required(`${at}.type`, `must be one of ${COLUMN_TYPES.join(',')}`))
    else if (!COLUMN_TYPES.includes(column.type)) {
      errors.push(invalid(`${at}.type`, column.type, `must be one of ${COLUMN_TYPES.join(',')}`))
    }
    if (column.format && !COLUMN_FORMATS.includes(column.format)) {
      errors.push(invalid(`${at}.format`, column.format, `must be one of ${COLUMN_FORMATS.join(',')}`))
    }
    checkColumnPath(errors, column.jsonPath, `${at}.JSONPath`)
  }
}

/** Whether it is a path at all nobody asks before objects are shown. */
function checkColumnPath(errors: Errors, path: string | undefined, at: string): void {
  if (!path) errors.push(required(at))
  else if (!path.startsWith('.')) errors.push(invalid(at, path, 'must be a simple json path starting with .'))
}

function checkSelectable(
  errors: Errors,
  version: CustomResourceDefinitionVersion,
  path: string,
  anyNumber: boolean,
): void {
  const fields = version.selectableFields ?? []
  const root = version.schema?.openAPIV3Schema
  if (root === undefined) {
    const text = 'may only be set when `version.schema.openAPIV3Schema` is not included'
    if (fields.length > 0) errors.push(invalid(path, '', text))
    return
  }
  const seen = new Set<string>()
  for (const [index, { jsonPath }] of fields.entries()) {
    const at = `${path}[${index}].jsonPath`
    if (!jsonPath) errors.push(required(at))
    else if (checkSelectablePath(errors, root, jsonPath, at)) {
      if (seen.has(jsonPath)) errors.push(duplicate(at, jsonPath))
      seen.add(jsonPath)
    }
  }
  if (seen.size > MOST_SELECTABLE && !anyNumber) errors.push(tooMany(path, seen.size, MOST_SELECTABLE))
}

const SELECTABLE_TYPES = ['boolean', 'integer', 'string']

/** Whether the path leads to a field. */
function checkSelectablePath(errors: Errors, root: JSONSchemaProps, path: string, at: string): boolean {
  const found = selectedSchema(root, path)
  if (typeof found === 'string') {
    errors.push(invalid(at, path, `is an invalid path: ${found}`))
    return false
  }
  if (/^\.metadata(?:\.|$)/.test(path)) errors.push(invalid(at, path, 'must not point to fields in metadata'))
  if (!SELECTABLE_TYPES.includes(found.type ?? '')) {
    const text =
      'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.'
    errors.push(invalid(at, path, text))
  }
  return true
}

/** The schema of what a path leads to, or why it leads nowhere (apiserver/schema/cel, ValidFieldPath). */
function selectedSchema(root: JSONSchemaProps, path: string): JSONSchemaProps | string {
  const first = /^[^.[\]]+/.exec(path)?.[0]
  if (first !== undefined) return `expected [ or . but got: ${first}`
  let schema = root
  for (const [, dot, name = ''] of path.matchAll(/(\.|\[)([^.[\]]*)/g)) {
    if (dot === '[') return 'array notation is not allowed'
    if (name === '' && path.endsWith('.')) return 'unexpected end of JSON path'
    const { properties, additionalProperties } = schema
    const next =
      properties !== undefined && Object.hasOwn(properties, name)
        ? properties[name]
        : properties === undefined && typeof additionalProperties === 'object'
          ? additionalProperties
          : undefined
    if (next === undefined) return 'does not refer to a valid field'
    schema = next
  }
  return schema
}
