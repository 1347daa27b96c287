/** Merging and converting OpenAPI v2 documents; pure. Upstream: k8s.io/kube-openapi pkg/aggregator and pkg/openapiconv. */
import { deepEqual } from '@canopus/apimachinery'

type Json = Record<string, unknown>

/** The parts of an OpenAPI v2 document that are merged; everything else is taken from the first. */
export interface Swagger extends Json {
  paths?: Record<string, unknown>
  definitions?: Record<string, unknown>
  parameters?: Record<string, unknown>
}

const SECTIONS = ['definitions', 'parameters'] as const
type Section = (typeof SECTIONS)[number]

/** Only the paths below `prefix`, and what they refer to. */
export function onlyPaths(document: Swagger, prefix: string): Swagger {
  const paths = Object.fromEntries(Object.entries(document.paths ?? {}).filter(([path]) => path.startsWith(prefix)))
  const result: Swagger = { ...document, paths, definitions: {}, parameters: {} }
  const waiting: unknown[] = [paths]
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    for (const { section, name } of referencesIn(value)) {
      const found = document[section]?.[name]
      if (found === undefined || Object.hasOwn(result[section]!, name)) continue
      result[section]![name] = found
      waiting.push(found)
    }
  }
  return result
}

/**
 * The first document with the others' paths and definitions added. Paths that are there already stay as they are; a
 * definition of the same name and another content gets a new name (`_v2`, `_v3` and so on).
 */
export function mergeSwagger(first: Swagger, others: readonly Swagger[]): Swagger {
  const merged: Swagger = {
    ...first,
    paths: { ...first.paths },
    definitions: { ...first.definitions },
    ...(first.parameters === undefined && others.every(each => Object.keys(each.parameters ?? {}).length === 0)
      ? {}
      : { parameters: { ...first.parameters } }),
  }
  for (const other of others) addTo(merged, other)
  return merged
}

function addTo(merged: Swagger, other: Swagger): void {
  const names: Record<Section, Map<string, string>> = { definitions: new Map(), parameters: new Map() }
  for (const section of SECTIONS) {
    for (const [name, content] of Object.entries(other[section] ?? {})) {
      const own = merged[section] ?? {}
      let wanted = name
      // The next free name, or one under which the same has come in before.
      for (let count = 2; Object.hasOwn(own, wanted) && !deepEqual(own[wanted], content); count++) {
        wanted = `${name}_v${count}`
      }
      if (wanted !== name) names[section].set(name, wanted)
    }
  }
  for (const section of SECTIONS) {
    for (const [name, content] of Object.entries(other[section] ?? {})) {
      const target = names[section].get(name) ?? name
      if (merged[section] === undefined) merged[section] = {}
      if (!Object.hasOwn(merged[section], target)) merged[section][target] = renamed(content, names)
    }
  }
  for (const [path, item] of Object.entries(other.paths ?? {})) {
    if (!Object.hasOwn(merged.paths!, path)) merged.paths![path] = renamed(item, names)
  }
}

const REFERENCE = /^#\/(definitions|parameters)\/(.+)$/

function* referencesIn(value: unknown): Iterable<{ section: Section; name: string }> {
  if (Array.isArray(value)) for (const each of value) yield* referencesIn(each)
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    const match = key === '$ref' && typeof inner === 'string' ? REFERENCE.exec(inner) : null
    if (match !== null) yield { section: match[1] as Section, name: match[2]! }
    else yield* referencesIn(inner)
  }
}

function renamed(value: unknown, names: Record<Section, Map<string, string>>): unknown {
  if (names.definitions.size === 0 && names.parameters.size === 0) return value
  return mapReferences(value, text => {
    const match = REFERENCE.exec(text)
    const name = match && names[match[1] as Section].get(match[2]!)
    return name ? `#/${match![1]}/${name}` : text
  })
}

function mapReferences(value: unknown, map: (reference: string) => string): unknown {
  if (Array.isArray(value)) return value.map(each => mapReferences(each, map))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === '$ref' && typeof inner === 'string' ? map(inner) : mapReferences(inner, map),
    ]),
  )
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch']

/** An OpenAPI v2 document in the form of v3, for servers that have no v3 documents. Something is lost, as upstream. */
export function toOpenApiV3(document: Swagger): Json {
  const convert = (value: unknown): unknown =>
    mapReferences(value, text => text.replace('#/definitions/', '#/components/schemas/'))
  const paths = Object.entries(document.paths ?? {}).map(([path, item]) => {
    const { parameters, ...rest } = item as Json & { parameters?: unknown[] }
    const operations = Object.entries(rest).map(([method, operation]) => [
      method,
      METHODS.includes(method) ? operationV3(document, operation as Json, convert) : operation,
    ])
    const own = parametersV3(document, parameters ?? [], convert)
    return [path, { ...Object.fromEntries(operations), ...(own.length > 0 ? { parameters: own } : {}) }]
  })
  return {
    openapi: '3.0.0',
    info: document.info,
    paths: Object.fromEntries(paths),
    components: { schemas: convert(document.definitions ?? {}) },
  }
}

function operationV3(document: Swagger, operation: Json, convert: (value: unknown) => unknown): Json {
  const { consumes, produces, schemes: _, parameters = [], responses = {}, ...rest } = operation
  const all = resolved(document, parameters as Json[])
  const body = all.find(each => each.in === 'body')
  const content = (types: unknown, schema: unknown): Json =>
    Object.fromEntries(((types as string[] | undefined) ?? ['*/*']).map(type => [type, { schema: convert(schema) }]))
  const answers = Object.entries(responses as Record<string, Json>).map(([code, { schema, ...answer }]) => [
    code,
    { ...answer, ...(schema === undefined ? {} : { content: content(produces, schema) }) },
  ])
  const own = parametersV3(document, parameters as unknown[], convert)
  return {
    ...rest,
    ...(own.length > 0 ? { parameters: own } : {}),
    ...(body === undefined ? {} : { requestBody: { content: content(consumes, body.schema) } }),
    responses: Object.fromEntries(answers),
  }
}

function resolved(document: Swagger, parameters: readonly unknown[]): Json[] {
  return parameters.map(each => {
    const reference = (each as Json).$ref
    const match = typeof reference === 'string' ? REFERENCE.exec(reference) : null
    return (match === null ? each : (document.parameters?.[match[2]!] ?? {})) as Json
  })
}

function parametersV3(document: Swagger, parameters: readonly unknown[], convert: (value: unknown) => unknown): Json[] {
  return resolved(document, parameters)
    .filter(each => each.in !== 'body' && each.in !== undefined)
    .map(({ name, in: where, description, required, ...schema }) => ({
      name,
      in: where,
      ...(description === undefined ? {} : { description }),
      ...(required === undefined ? {} : { required }),
      schema: convert(schema),
    }))
}
