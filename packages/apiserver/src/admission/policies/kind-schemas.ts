/** Schemas of kinds as the API server publishes them (OpenAPI v3), in the form that expressions are declared by. */
import type { ValueSchema } from '@canopus/cel'
import { errorOf, type Transport } from '@canopus/client'
import type { KindSchemas, PolicyKind } from './type-checking.ts'

interface OpenApiSchema extends Omit<ValueSchema, 'properties' | 'items' | 'additionalProperties'> {
  readonly $ref?: string
  readonly allOf?: readonly OpenApiSchema[]
  readonly properties?: Readonly<Record<string, OpenApiSchema>>
  readonly items?: OpenApiSchema
  readonly additionalProperties?: OpenApiSchema | boolean
  readonly 'x-kubernetes-group-version-kind'?: readonly PolicyKind[]
}

type Schemas = Readonly<Record<string, OpenApiSchema>>

/** Reads what is served through `transport`; nothing is kept, for kinds come and go. */
export function createKindSchemas(transport: Transport): KindSchemas {
  const base = (group: string, version: string): string =>
    group === '' ? `api/${version}` : `apis/${group}/${version}`
  return {
    async kindOf(group, version, resource) {
      const list = await read<{ resources?: { name: string; kind: string }[] }>(transport, `/${base(group, version)}`)
      const found = list?.resources?.find(each => each.name === resource)
      return found && { group, version, kind: found.kind }
    },
    async schemaOf(kind) {
      const path = `/openapi/v3/${base(kind.group, kind.version)}`
      const document = await read<{ components?: { schemas?: Schemas } }>(transport, path)
      const schemas = document?.components?.schemas ?? {}
      const isKind = (each: PolicyKind): boolean =>
        each.group === kind.group && each.version === kind.version && each.kind === kind.kind
      const root = Object.values(schemas).find(each => each['x-kubernetes-group-version-kind']?.some(isKind))
      return root && resolved(root, schemas, [])
    },
  }
}

async function read<T>(transport: Transport, path: string): Promise<T | undefined> {
  const response = await transport.send({ method: 'GET', path, headers: { accept: 'application/json' } })
  if (response.status === 404) {
    await response.bytes()
    return undefined
  }
  if (response.status !== 200) throw await errorOf(response)
  return JSON.parse(new TextDecoder().decode(await response.bytes())) as T
}

/** The schema without references. One that refers to itself is open where it does: no end would be found. */
export function resolved(schema: OpenApiSchema, schemas: Schemas, path: readonly string[]): ValueSchema {
  const reference = schema.$ref ?? (schema.allOf?.length === 1 ? schema.allOf[0]!.$ref : undefined)
  if (reference !== undefined) {
    const name = reference.slice(reference.lastIndexOf('/') + 1)
    const target = schemas[name]
    if (target === undefined || path.includes(name)) return { 'x-kubernetes-int-or-string': true }
    return resolved(target, schemas, [...path, name])
  }
  const { properties, items, additionalProperties, allOf: _all, $ref: _reference, ...rest } = schema
  // Built-in kinds have the format, definitions of custom ones the mark.
  if (schema.format === 'int-or-string') return { ...rest, 'x-kubernetes-int-or-string': true }
  const nested = (each: OpenApiSchema): ValueSchema => resolved(each, schemas, path)
  return {
    ...rest,
    ...(properties === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, nested(each)])) }),
    ...(items === undefined ? {} : { items: nested(items) }),
    ...(additionalProperties === undefined
      ? {}
      : {
          additionalProperties:
            typeof additionalProperties === 'boolean' ? additionalProperties : nested(additionalProperties),
        }),
  }
}
