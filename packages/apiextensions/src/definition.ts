/** Checks definitions of custom resources: what the built-in kind leaves out, since it takes schemas to say. */
import type { Kind } from '@canopus/api'
import { schemas, withExtraChecks } from '@canopus/api'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '@canopus/api/apiextensions/v1'
import {
  clone,
  customResourceSchema,
  decodeValue,
  deepEqual,
  duplicate,
  type FieldError,
  invalid,
  type KubeObject,
  notSupported,
  plainField,
  required,
  type StructSchema,
  type StructuralProps,
  tooMany,
} from '@canopus/apimachinery'
import { parseJsonPath, plainPath } from './json-path.ts'
import { checkRules, type TimeRules, untimed } from './rules/index.ts'
import { validateSchemaRules } from './schema-rules.ts'
import { itemsOf, propertyPath, validateStructural } from './structural.ts'
import { validateValue } from './values.ts'

type Errors = FieldError[]

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string']
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password']
const MOST_SELECTABLE = 8

/** The built-in kind of definitions, which then checks schemas too. */
export function withSchemaValidation(kind: Kind, time: TimeRules = untimed): Kind {
  const create = (object: KubeObject): FieldError[] => validateVersions(object as CustomResourceDefinition, time)
  const specOf = (object: KubeObject): unknown => (object as CustomResourceDefinition).spec
  // What was let in once stays.
  return withExtraChecks(kind, {
    create,
    update: (object, old) => (deepEqual(specOf(object), specOf(old)) ? [] : create(object)),
  })
}

/** What all versions say alike, upstream looks at once and names without the version. */
function validateVersions({ metadata, spec }: CustomResourceDefinition, time: TimeRules): FieldError[] {
  const versions = spec?.versions ?? []
  const errors: Errors = []
  checkApproval(errors, spec?.group ?? '', metadata.annotations?.[APPROVAL])
  const each = (
    field: keyof CustomResourceDefinitionVersion,
    shared: string,
    check: (version: CustomResourceDefinitionVersion, path: string) => void,
  ): void => {
    const alike = versions.every(version => deepEqual(version[field], versions[0]![field]))
    for (const [index, version] of (alike ? versions.slice(0, 1) : versions).entries()) {
      check(version, alike ? `spec.${shared}` : `spec.versions[${index}].${field}`)
    }
  }
  each('schema', 'validation', ({ schema }, path) => {
    if (schema?.openAPIV3Schema !== undefined)
      checkSchema(errors, schema.openAPIV3Schema, `${path}.openAPIV3Schema`, time)
  })
  each('subresources', 'subresources', ({ subresources }, path) => {
    if (subresources?.scale !== undefined) checkScale(errors, subresources.scale, `${path}.scale`)
  })
  each('additionalPrinterColumns', 'additionalPrinterColumns', (version, path) => checkColumns(errors, version, path))
  each('selectableFields', 'selectableFields', (version, path) => checkSelectable(errors, version, path))
  return errors
}

const APPROVAL = 'api-approved.kubernetes.io'

/** Groups of the project itself need its approval (KEP-1111). */
export const isProtectedGroup = (group: string): boolean => /(^|\.)(k8s|kubernetes)\.io$/.test(group)

function checkApproval(errors: Errors, group: string, approval: string | undefined): void {
  if (!isProtectedGroup(group)) return
  const at = `metadata.annotations[${APPROVAL}]`
  if (!approval) {
    const text = `protected groups must have approval annotation "${APPROVAL}", see https://github.com/kubernetes/enhancements/pull/1111`
    errors.push(required(at, text))
  } else if (!approval.startsWith('unapproved') && !/^[a-z][a-z0-9+.-]*:\/\/\S+$/i.test(approval)) {
    const text = `protected groups must have approval annotation "${APPROVAL}" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111`
    errors.push(invalid(at, approval, text))
  }
}

function checkSchema(errors: Errors, schema: JSONSchemaProps, path: string, time: TimeRules): void {
  if (schema.nullable === true) {
    errors.push({
      type: 'FieldValueForbidden',
      field: `${path}.nullable`,
      body: 'Forbidden: nullable cannot be true at the root',
    })
  }
  const before = errors.length
  errors.push(...validateSchemaRules(schema, path))
  const structural = validateStructural(schema, path)
  errors.push(...structural)
  if (structural.length === 0) checkDefaults(errors, schema, path)
  if (errors.length === before) checkRules(errors, schema, path, time)
}

const objectMeta = (): StructSchema => schemas.schemaOf('am.apis.meta.v1.ObjectMeta')

/** Defaults must be valid and hold nothing that pruning would take away. */
function checkDefaults(errors: Errors, schema: JSONSchemaProps, path: string): void {
  if (schema.default !== undefined) {
    const at = `${path}.default`
    if (isPruned(schema)) errors.push(...validateValue(schema, schema.default, '').map(each => below(at, each)))
    else errors.push(invalid(at, schema.default, 'must not have unknown fields'))
  }
  const items = itemsOf(schema)
  if (items !== undefined) checkDefaults(errors, items, `${path}.items`)
  for (const [name, each] of Object.entries(schema.properties ?? {}))
    checkDefaults(errors, each, propertyPath(path, name))
}

const below = (path: string, error: FieldError): FieldError => ({
  ...error,
  field: error.field === '' || error.field === '<nil>' ? path : `${path}.${error.field}`,
})

/** Looks at the default as the one field of an object. */
function isPruned(schema: JSONSchemaProps): boolean {
  const around = { type: 'object', properties: { value: schema } } as StructuralProps
  const struct = customResourceSchema(around, objectMeta(), '')
  const only: StructSchema = {
    ...struct,
    type: 'struct',
    isKind: false,
    name: '',
    fields: new Map([['value', struct.fields.get('value') ?? plainField('value', objectMeta())]]),
  }
  return decodeValue(only, { value: clone(schema.default) }).unknownFields.length === 0
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
  if (!value.startsWith('.')) {
    errors.push(invalid(path, value, 'must be a simple json path starting with .'))
    return false
  }
  if (plainPath(value) !== undefined) return true
  errors.push(invalid(path, value, 'must be a json path in the dot notation'))
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

function checkColumnPath(errors: Errors, path: string | undefined, at: string): void {
  if (!path) {
    errors.push(required(at))
    return
  }
  if (!path.startsWith('.')) {
    errors.push(invalid(at, path, 'must be a simple json path starting with .'))
    return
  }
  try {
    parseJsonPath(path)
  } catch (error) {
    errors.push(invalid(at, path, error instanceof Error ? error.message : String(error)))
  }
}

function checkSelectable(errors: Errors, version: CustomResourceDefinitionVersion, path: string): void {
  const fields = version.selectableFields ?? []
  if (fields.length > MOST_SELECTABLE) errors.push(tooMany(path, fields.length, MOST_SELECTABLE))
  const seen = new Set<string>()
  for (const [index, { jsonPath }] of fields.entries()) {
    const at = `${path}[${index}].jsonPath`
    if (!jsonPath) {
      errors.push(required(at))
      continue
    }
    if (seen.has(jsonPath)) errors.push(duplicate(`${path}[${index}].jsonPath`, jsonPath))
    seen.add(jsonPath)
    checkSelectablePath(errors, version.schema?.openAPIV3Schema, jsonPath, at)
  }
}

const SELECTABLE_TYPES = ['boolean', 'integer', 'string']

function checkSelectablePath(errors: Errors, root: JSONSchemaProps | undefined, path: string, at: string): void {
  const names = plainPath(path)
  if (names === undefined) {
    errors.push(invalid(at, path, 'must be a json path in the dot notation'))
    return
  }
  if (names[0] === 'metadata') {
    errors.push(invalid(at, path, 'must not point to fields in metadata'))
    return
  }
  let schema = root
  for (const name of names) schema = schema?.properties?.[name]
  if (schema === undefined) errors.push(invalid(at, path, 'is an invalid path: does not refer to a valid field'))
  else if (!SELECTABLE_TYPES.includes(schema.type ?? '')) {
    errors.push(notSupported(at, schema.type ?? '', SELECTABLE_TYPES))
  }
}
