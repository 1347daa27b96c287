/** Checks definitions of custom resources: what the built-in kind leaves out, since it takes schemas to say. */
import { type DetailFindings, goJson, type Kind, validateDefinition } from '@canopus/api'
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
  givenField,
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
  const { strategy } = kind
  return {
    ...kind,
    strategy: {
      ...strategy,
      warnings: (object, old) => [
        ...(strategy.warnings?.(object, old) ?? []),
        ...formatWarnings(object as Definition, old as Definition | undefined),
      ],
      validate: object =>
        validateDefinition(object as Definition, detailsOf(object as Definition, NO_ALLOWANCES, time)),
      validateUpdate: (object, old) => {
        const [now, before] = [object as Definition, old as Definition]
        return validateDefinition(now, detailsOf(now, allowancesOf(now, before), time), before)
      },
    },
  }
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

const SHARED_NAMES = {
  schema: 'validation',
  subresources: 'subresources',
  additionalPrinterColumns: 'additionalPrinterColumns',
  selectableFields: 'selectableFields',
} as const
type Detail = keyof typeof SHARED_NAMES

/** What all versions say alike, upstream looks at once and names without the version. */
function detailsOf(definition: CustomResourceDefinition, allowed: Allowances, time: TimeRules): DetailFindings {
  const versions = definition.spec?.versions ?? []
  const schemas = versions.flatMap(({ schema }) => schema?.openAPIV3Schema ?? [])
  const some = (test: (schema: JSONSchemaProps) => boolean): boolean => schemas.some(each => someSchema(each, test))
  const preserves = definition.spec?.preserveUnknownFields === true
  const hasDefaults = some(({ default: value }) => value !== undefined)
  const how: How = {
    allowed,
    time,
    mustBeStructural: !allowed.notStructural || !preserves || hasDefaults || some(hasExtensions),
    hasStatus: alike(versions, 'subresources')
      ? () => versions[0]?.subresources?.status !== undefined
      : ({ subresources }) => subresources?.status !== undefined,
  }
  const anyStatus = (): boolean => versions.some(({ subresources }) => subresources?.status !== undefined)
  const details = Object.keys(SHARED_NAMES) as Detail[]
  const shared = new Set(details.filter(each => alike(versions, each)))
  // A schema that stands but once is not found by fields that stand with each version, nor the other way round.
  const apart = shared.has('schema') !== shared.has('selectableFields')
  const check = (detail: Detail, version: CustomResourceDefinitionVersion, path: string, look: How): FieldError[] => {
    const { schema: _, ...bare } = version
    return CHECKS[detail](apart && detail === 'selectableFields' ? bare : version, path, look)
  }
  return {
    hasDefaults,
    versions: versions.map((version, index) =>
      details.flatMap(each => (shared.has(each) ? [] : check(each, version, `spec.versions[${index}].${each}`, how))),
    ),
    shared: versions
      .slice(0, 1)
      .flatMap(first =>
        details.flatMap(each =>
          shared.has(each) ? check(each, first, `spec.${SHARED_NAMES[each]}`, { ...how, hasStatus: anyStatus }) : [],
        ),
      ),
    approval: allowed.sameApproval ? [] : approvalErrors(definition),
  }
}

/** How the versions of a definition are looked at. */
interface How {
  readonly allowed: Allowances
  readonly time: TimeRules
  readonly mustBeStructural: boolean
  readonly hasStatus: (version: CustomResourceDefinitionVersion) => boolean
}

type Check = (version: CustomResourceDefinitionVersion, path: string, how: How) => FieldError[]

const CHECKS: Readonly<Record<Detail, Check>> = {
  schema: (version, path, { allowed, time, mustBeStructural, hasStatus }) => {
    const schema = version.schema?.openAPIV3Schema
    return schema === undefined
      ? []
      : schemaErrors(schema, {
          path: `${path}.openAPIV3Schema`,
          hasStatus: hasStatus(version),
          mustBeStructural,
          anyCost: allowed.unchangedSchemas.has(version.name),
          allowed,
          time,
        })
  },
  subresources: ({ subresources }, path) =>
    subresources?.scale === undefined ? [] : scaleErrors(subresources.scale, `${path}.scale`),
  additionalPrinterColumns: columnErrors,
  selectableFields: selectableErrors,
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

function approvalErrors(definition: CustomResourceDefinition): FieldError[] {
  if (!isProtectedGroup(definition.spec?.group ?? '')) return []
  const state = approvalState(definition)
  const at = `metadata.annotations[${APPROVAL}]`
  if (state === 'missing') {
    const text = `protected groups must have approval annotation "${APPROVAL}", see https://github.com/kubernetes/enhancements/pull/1111`
    return [required(at, text)]
  }
  if (state === 'invalid') {
    const text = `protected groups must have approval annotation "${APPROVAL}" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111`
    return [invalid(at, definition.metadata.annotations?.[APPROVAL], text)]
  }
  return []
}

/** Where a schema is, and what is asked of it. */
interface SchemaPlace {
  readonly path: string
  readonly hasStatus: boolean
  readonly mustBeStructural: boolean
  /** Single rules may cost what they like; all of them together may not. */
  readonly anyCost: boolean
  readonly allowed: Allowances
  readonly time: TimeRules
}

function schemaErrors(schema: JSONSchemaProps, place: SchemaPlace): FieldError[] {
  const { path, allowed, anyCost, time, mustBeStructural } = place
  const errors: Errors = []
  if (place.hasStatus) checkRootFields(errors, schema, path)
  if (schema.nullable === true) errors.push(forbidden(`${path}.nullable`, 'nullable cannot be true at the root'))
  const shape = mustBeStructural ? validateStructural(schema, path) : []
  if (mustBeStructural && shape.length === 0) checkDefaults(shape, schema, path, allowed.unprunedDefaults, time)
  const rules = validateSchemaRules(schema, path, allowed)
  errors.push(...shape, ...rules)
  if (mustBeStructural && shape.length === 0) checkRules(errors, schema, path, { time, anyCost, broken: rules })
  return errors
}

/** Kubernetes' extensions mean something in structural schemas only; what maps are is none of these. */
const hasExtensions = (schema: JSONSchemaProps): boolean =>
  schema['x-kubernetes-embedded-resource'] === true ||
  schema['x-kubernetes-preserve-unknown-fields'] !== undefined ||
  schema['x-kubernetes-int-or-string'] === true ||
  (schema['x-kubernetes-list-map-keys'] ?? []).length > 0 ||
  schema['x-kubernetes-list-type'] !== undefined ||
  (schema['x-kubernetes-validations'] ?? []).length > 0

/** Go's names of what a schema may say of a whole object that has a status: that of the status is looked at alone. */
const ROOT_FIELDS =
  'Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations'
const ROOT_NAMES: ReadonlySet<string> = new Set([
  ...ROOT_FIELDS.split(' ').map(name => name[0]!.toLowerCase() + name.slice(1)),
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
])
/** Lists and maps that may not even be empty there, which says something to Go. */
const NOT_EVEN_EMPTY = [
  'allOf',
  'anyOf',
  'definitions',
  'dependencies',
  'enum',
  'oneOf',
  'patternProperties',
  'x-kubernetes-list-map-keys',
] as const

function checkRootFields(errors: Errors, schema: JSONSchemaProps, path: string): void {
  if (schema.type !== undefined && schema.type !== 'object') {
    const text = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
    errors.push(invalid(`${path}.type`, schema.type, text))
    return
  }
  const isEmpty = (value: unknown): boolean => !value || (Array.isArray(value) && value.length === 0)
  const isFine = Object.entries(schema).every(([name, value]) => ROOT_NAMES.has(name) || isEmpty(value))
  if (isFine && NOT_EVEN_EMPTY.every(name => givenField(schema, name) === undefined)) return
  const text = `only [${ROOT_FIELDS}] fields are allowed at the root of the schema if the status subresource is enabled`
  errors.push(invalid(path, goJson('apiextensions.v1.JSONSchemaProps', schema), text))
}

function scaleErrors(
  scale: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath?: string },
  path: string,
): FieldError[] {
  const errors: Errors = []
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
  return errors
}

function isSimple(errors: Errors, value: string, path: string): boolean {
  if (value.startsWith('.')) return true
  errors.push(invalid(path, value, 'must be a simple json path starting with .'))
  return false
}

function columnErrors(version: CustomResourceDefinitionVersion, path: string): FieldError[] {
  const errors: Errors = []
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
  return errors
}

/** Whether it is a path at all nobody asks before objects are shown. */
function checkColumnPath(errors: Errors, path: string | undefined, at: string): void {
  if (!path) errors.push(required(at))
  else if (!path.startsWith('.')) errors.push(invalid(at, path, 'must be a simple json path starting with .'))
}

function selectableErrors(version: CustomResourceDefinitionVersion, path: string, { allowed }: How): FieldError[] {
  const errors: Errors = []
  const fields = version.selectableFields ?? []
  const root = version.schema?.openAPIV3Schema
  if (root === undefined) {
    const schemas = path.startsWith('spec.versions') ? NO_SCHEMA : NO_SHARED_SCHEMA
    if (fields.length > 0) errors.push(invalid(path, '', schemas))
    return errors
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
  const anyNumber = allowed.unchangedSelectable.has(version.name)
  if (seen.size > MOST_SELECTABLE && !anyNumber) errors.push(tooMany(path, seen.size, MOST_SELECTABLE))
  return errors
}

const NO_SCHEMA = 'may only be set when `version.schema.openAPIV3Schema` is not included'
const NO_SHARED_SCHEMA = 'may only be set when validations.schema is included'

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
