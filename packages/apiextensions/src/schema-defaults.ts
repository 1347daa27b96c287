/** Defaults in schemas (k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting/validation.go, prune.go). */
import { schemas } from '@canopus/api'
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import {
  clone,
  customResourceSchema,
  decodeValue,
  type FieldError,
  invalid,
  plainField,
  type StructSchema,
  type StructuralProps,
} from '@canopus/apimachinery'
import { itemsOf, propertyPath } from './structural.ts'
import { validateValue } from './values.ts'

type Errors = FieldError[]

const objectMeta = (): StructSchema => schemas.schemaOf('am.apis.meta.v1.ObjectMeta')

/** Defaults must be valid and, unless `unpruned` are let through, hold nothing that pruning would take away. */
export function checkDefaults(errors: Errors, schema: JSONSchemaProps, path: string, unpruned: boolean): void {
  if (schema.default !== undefined) {
    const at = `${path}.default`
    if (unpruned || isPruned(schema))
      errors.push(...validateValue(schema, schema.default, '').map(each => below(at, each)))
    else errors.push(invalid(at, schema.default, 'must not have unknown fields'))
  }
  const items = itemsOf(schema)
  if (items !== undefined) checkDefaults(errors, items, `${path}.items`, unpruned)
  for (const [name, each] of Object.entries(schema.properties ?? {}))
    checkDefaults(errors, each, propertyPath(path, name), unpruned)
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

/** Whether a default somewhere in a schema holds what pruning would take away. */
export function hasUnprunedDefaults(schema: JSONSchemaProps): boolean {
  if (schema.default !== undefined && !isPruned(schema)) return true
  const items = itemsOf(schema)
  if (items !== undefined && hasUnprunedDefaults(items)) return true
  return Object.values(schema.properties ?? {}).some(hasUnprunedDefaults)
}
