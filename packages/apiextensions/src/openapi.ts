/** What OpenAPI documents say of custom kinds (k8s.io/apiextensions-apiserver/pkg/controller/openapi/builder). */
import type { OpenApiKind } from '@canopus/api'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '@canopus/api/apiextensions/v1'
import { deepEqual } from '@canopus/apimachinery'

type Writable = Record<string, unknown>

const META_PROPERTIES = {
  apiVersion: {
    type: 'string',
    description:
      'APIVersion defines the version of the schema that this object is written in; servers convert between versions.',
  },
  kind: { type: 'string', description: 'Kind is the kind of resource that this object represents, in CamelCase.' },
}

/** Keys that OpenAPI v2 cannot say. */
const ONLY_V3 = ['oneOf', 'anyOf', 'not', 'nullable', 'default'] as const

export function openApiDefinition(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
): NonNullable<OpenApiKind['definition']> {
  const { group, names } = definition.spec
  const name = [...group.split('.').reverse(), version.name, names.kind].join('.')
  const schema = version.schema?.openAPIV3Schema
  const selectable = selectableFieldsOf(version)
  const any = { ...ANY_OBJECT, ...selectable }
  if (schema === undefined) return { name, schema: any, schemaV2: any, extensions: selectable }
  const isOpen =
    schema['x-kubernetes-preserve-unknown-fields'] === true || definition.spec.preserveUnknownFields === true
  return {
    name,
    schema: { ...rootOf(withIntOrString(schema)), ...selectable },
    schemaV2: isOpen ? any : { ...rootOf(withoutV3(schema)), ...selectable },
    extensions: selectable,
  }
}

/** Which fields lists are selected by; said of the object and of the list. */
function selectableFieldsOf({ selectableFields = [] }: CustomResourceDefinitionVersion): Writable {
  if (selectableFields.length === 0) return {}
  return {
    'x-kubernetes-selectable-fields': selectableFields.map(({ jsonPath }) => ({
      fieldPath: jsonPath.replace(/^\./, ''),
    })),
  }
}

/** Nothing else may be said in OpenAPI v2: kubectl takes fields that are not listed beside listed ones for unknown. */
const ANY_OBJECT: Writable = { type: 'object' }

/** `metadata` is left to the document, which knows how to refer to ObjectMeta. */
function rootOf(schema: JSONSchemaProps): Writable {
  const { metadata: _, ...properties } = schema.properties ?? {}
  return { ...schema, properties: { ...META_PROPERTIES, ...properties } }
}

const INT_OR_STRING: readonly JSONSchemaProps[] = [{ type: 'integer' }, { type: 'string' }]

/** Values of either type are said to be so in OpenAPI's own words too (k8s.io/apiextensions-apiserver/pkg/apiserver/schema/unfold.go). */
function withIntOrString(schema: JSONSchemaProps): JSONSchemaProps {
  const { properties, additionalProperties, items } = schema
  return {
    ...schema,
    ...(schema['x-kubernetes-int-or-string'] === true && unfolded(schema)),
    ...(properties !== undefined && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, withIntOrString(each)])),
    }),
    ...(typeof additionalProperties === 'object' && { additionalProperties: withIntOrString(additionalProperties) }),
    ...(items !== undefined && !Array.isArray(items) && { items: withIntOrString(items) }),
  }
}

function unfolded({ anyOf, allOf = [] }: JSONSchemaProps): Partial<JSONSchemaProps> {
  const isSaid = (each: readonly JSONSchemaProps[] | undefined): boolean => deepEqual(each, INT_OR_STRING)
  if (isSaid(anyOf) || isSaid(allOf[0]?.anyOf)) return {}
  return anyOf === undefined ? { anyOf: [...INT_OR_STRING] } : { allOf: [{ anyOf: [...INT_OR_STRING] }, ...allOf] }
}

function withoutV3(schema: JSONSchemaProps): JSONSchemaProps {
  const result: Writable = { ...schema }
  for (const key of ONLY_V3) delete result[key]
  if (schema['x-kubernetes-int-or-string'] === true || schema.nullable === true) {
    delete result.type
    delete result.items
    delete result.properties
    delete result.additionalProperties
    return result as JSONSchemaProps
  }
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) {
    delete result.items
    delete result.properties
    delete result.type
    return result as JSONSchemaProps
  }
  if (schema.properties !== undefined) {
    result.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, each]) => [name, withoutV3(each)]),
    )
  }
  if (typeof schema.additionalProperties === 'object')
    result.additionalProperties = withoutV3(schema.additionalProperties)
  if (schema.items !== undefined && !Array.isArray(schema.items)) result.items = withoutV3(schema.items)
  return result as JSONSchemaProps
}
