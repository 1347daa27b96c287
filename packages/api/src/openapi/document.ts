import { allResourceTypes } from '../resources.ts'
import { schemas as builtIn, messageNameOf } from '../schemas.ts'
import { Definitions } from './definitions.ts'
import { type Descriptions, NO_DESCRIPTIONS } from './descriptions.ts'
import { definitionName } from './names.ts'
import { Parameters } from './parameters.ts'
import { discoveryPaths, groupVersionPath, KindPaths } from './paths.ts'
import type { GroupVersionKind, JsonSchema, OpenApiKind, OpenApiOptions, PathItem } from './types.ts'

/** All built-in kinds, as `openApiV2` and `openApiV3` take them. */
export function builtInOpenApiKinds(): OpenApiKind[] {
  return allResourceTypes.map(type => {
    const message = messageNameOf(type)
    if (message === undefined) throw new Error(`no message for ${type.kind} in ${type.group}/${type.version}`)
    return { type, message }
  })
}

const META = 'am.apis.meta.v1'
const LIST_META = `${META}.ListMeta`

/** What both versions of the document are made of. */
export interface Contents {
  paths: PathItem[]
  definitions: Definitions
  /** Definitions that do not come from the table: those of custom kinds and their lists. */
  custom: Record<string, JsonSchema>
  /** Definition name to message name, for everything the table knows. */
  messages: ReadonlyMap<string, string>
}

/** Collects paths and definitions of kinds. `all` are the kinds the server serves at all, which option messages name. */
export function contentsOf(
  version: 2 | 3,
  kinds: readonly OpenApiKind[],
  all: readonly OpenApiKind[],
  options: OpenApiOptions,
): Contents {
  const schemas = options.schemas ?? builtIn
  const descriptions: Descriptions = options.descriptions ?? NO_DESCRIPTIONS
  const parameters = new Parameters(schemas, descriptions)
  // Custom kinds can be thousands: the long sentences are not repeated for each of their requests.
  const bare = new Parameters(schemas, NO_DESCRIPTIONS)
  const definitions = new Definitions(
    version,
    schemas,
    descriptions,
    kindsByMessage(all, groupVersionsOf(version === 3 ? kinds : all)),
    options.withoutEnums,
  )
  const builtInKinds = kinds.filter(({ definition }) => definition === undefined)
  const paths = groupVersionsOf(builtInKinds).map(({ group, version: name }) => groupVersionPath(group, name))
  for (const kind of kinds) paths.push(...new KindPaths(kind, kind.definition ? bare : parameters, messageNameOf).all())
  return {
    paths,
    definitions,
    custom: customDefinitions(version, kinds, definitions, descriptions),
    messages: new Map(schemas.names().map(message => [definitionName(message), message])),
  }
}

/** The discovery paths of all groups of these kinds; no document speaks of those of custom kinds. */
export const discoveryOf = (kinds: readonly OpenApiKind[]): PathItem[] =>
  discoveryPaths([...new Set(kinds.filter(({ definition }) => definition === undefined).map(({ type }) => type.group))])

function groupVersionsOf(kinds: readonly OpenApiKind[]): { group: string; version: string }[] {
  const seen = new Map(kinds.map(({ type }) => [`${type.group}/${type.version}`, type]))
  return [...seen.values()].map(({ group, version }) => ({ group, version }))
}

/** Messages that are kinds, with the kinds they are. `DeleteOptions` and `WatchEvent` belong to every group version of the document. */
function kindsByMessage(
  all: readonly OpenApiKind[],
  groupVersions: readonly { group: string; version: string }[],
): ReadonlyMap<string, readonly GroupVersionKind[]> {
  const found = new Map<string, GroupVersionKind[]>()
  const add = (message: string | undefined, kind: GroupVersionKind): void => {
    if (message === undefined) return
    const known = found.get(message) ?? []
    if (!known.some(each => each.group === kind.group && each.version === kind.version && each.kind === kind.kind))
      found.set(message, [...known, kind])
  }
  for (const kind of ['APIGroup', 'APIGroupList', 'APIResourceList', 'APIVersions', 'Status'])
    add(`${META}.${kind}`, { group: '', kind, version: 'v1' })
  for (const { type, message } of all) {
    const { group, version } = type
    add(message, { group, kind: type.kind, version })
    const list = { group, kind: type.listKind, version }
    if (message !== undefined) add(messageNameOf(list), list)
    for (const { type: other } of Object.values(type.subresources))
      if (other && !other.kind.endsWith('Options'))
        add(messageNameOf(other), { group: other.group, kind: other.kind, version: other.version })
  }
  for (const { group, version } of [{ group: '', version: 'v1' }, ...groupVersions])
    for (const kind of ['DeleteOptions', 'WatchEvent']) add(`${META}.${kind}`, { group, kind, version })
  return found
}

function customDefinitions(
  version: 2 | 3,
  kinds: readonly OpenApiKind[],
  definitions: Definitions,
  descriptions: Descriptions,
): Record<string, JsonSchema> {
  const custom: Record<string, JsonSchema> = {}
  const said = (name: string): JsonSchema => describedAs(descriptions[TYPICAL]?.[name])
  for (const { type, definition } of kinds) {
    if (definition === undefined) continue
    const { group, kind, version: name } = type
    const target = { group, kind, version: name }
    const schema = withMetadata(
      (version === 2 ? definition.schemaV2 : undefined) ?? definition.schema,
      definitions,
      said,
    )
    custom[definition.name] = { ...schema, 'x-kubernetes-group-version-kind': [target] }
    custom[`${definition.name}List`] = {
      description: `${type.listKind} is a list of ${kind}`,
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: { type: 'string', ...said('apiVersion') },
        kind: { type: 'string', ...said('kind') },
        metadata: referring(definitions.reference(LIST_META), describedAs(descriptions[TYPICAL_LIST]?.metadata)),
        items: {
          type: 'array',
          items: { $ref: definitions.path(definition.name) },
          description: `List of ${type.plural}. More info: ${CONVENTIONS}`,
        },
      },
      'x-kubernetes-group-version-kind': [{ ...target, kind: type.listKind }],
      ...definition.extensions,
    }
  }
  return custom
}

/** A kind that has the fields that every kind has, and a description of each. */
const TYPICAL = 'core.v1.ConfigMap'
const TYPICAL_LIST = 'core.v1.PodList'
const CONVENTIONS = 'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md'

const describedAs = (description: string | undefined): JsonSchema => (description === undefined ? {} : { description })

/** A reference with what is said beside it, for which v3 has a form of its own. */
function referring(reference: JsonSchema, said: JsonSchema): JsonSchema {
  if (Object.keys(said).length === 0) return reference
  const inV3 = String(reference.$ref).startsWith('#/components')
  return { ...said, ...(inV3 ? { allOf: [reference] } : reference) }
}

/** A custom kind's properties name everything but `metadata`, which is ObjectMeta. */
function withMetadata(schema: JsonSchema, definitions: Definitions, said: (name: string) => JsonSchema): JsonSchema {
  const properties = schema.properties as Record<string, JsonSchema> | undefined
  if (properties === undefined || properties.metadata !== undefined) return schema
  const { apiVersion, kind, ...rest } = properties
  const reference = definitions.reference(`${META}.ObjectMeta`)
  const inV3 = '$ref' in reference && definitions.path('').startsWith('#/components')
  return {
    ...schema,
    properties: {
      ...(apiVersion === undefined ? {} : { apiVersion: { ...apiVersion, ...said('apiVersion') } }),
      ...(kind === undefined ? {} : { kind: { ...kind, ...said('kind') } }),
      metadata: { ...said('metadata'), ...(inV3 ? { allOf: [reference] } : reference) },
      ...rest,
    },
  }
}

/** Writes the reference to a payload's definition, and remembers that the document needs it. */
export function payloadReference(contents: Contents, definition: string): JsonSchema {
  const message = contents.messages.get(definition)
  return message === undefined
    ? { $ref: contents.definitions.path(definition) }
    : contents.definitions.reference(message)
}

/** Every definition of the document: those of custom kinds and those referred to. */
export function allDefinitions(contents: Contents): Record<string, JsonSchema> {
  const all = { ...contents.definitions.all(), ...contents.custom }
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)))
}
