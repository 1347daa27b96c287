import {
  allDefinitions,
  builtInOpenApiKinds,
  type Contents,
  contentsOf,
  discoveryOf,
  payloadReference,
} from './document.ts'
import type { JsonSchema, OpenApiKind, OpenApiOptions, Operation, Parameter, PathItem, Payload } from './types.ts'
import { VERSION_DEFINITION, VERSION_PATH, VERSION_SCHEMA } from './version.ts'
import { WELL_KNOWN_PATHS } from './well-known.ts'

const CUSTOM_INFO = { title: 'Kubernetes CRD Swagger', version: 'v0.1.0' }

const RESPONSES: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted', 401: 'Unauthorized' }

/** The path of a group version in the index of `/openapi/v3`: `api/v1`, `apis/apps/v1`. */
export const openApiV3Path = (type: { group: string; version: string }): string =>
  type.group === '' ? `api/${type.version}` : `apis/${type.group}/${type.version}`

/** What `/openapi/v3` answers: the documents there are, each with a hash of its content by which clients cache it. */
export function openApiV3Index(documents: readonly { path: string; hash: string }[]): Record<string, unknown> {
  const paths: Record<string, unknown> = {}
  for (const { path, hash } of documents) paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }
  return { paths }
}

/**
 * The OpenAPI v3 document of one group version (`apis/apps/v1`) or of what is above them (`apis`), or undefined where there is
 * no such thing. `kinds` are all kinds that the server serves.
 */
export function openApiV3(
  groupVersionPath: string,
  kinds: readonly OpenApiKind[] = builtInOpenApiKinds(),
  options: OpenApiOptions = {},
): Record<string, unknown> | undefined {
  const own = kinds.filter(kind => openApiV3Path(kind.type) === groupVersionPath)
  if (own.length === 0) return rootDocument(groupVersionPath, kinds, options)
  const contents = contentsOf(3, own, kinds, options)
  return documentOf(contents, contents.paths, options)
}

/** The paths in the index of what is in no group version: `api`, `apis`, `apis/apps`, `version`, `openid/v1/jwks`. */
export const openApiV3RootPaths = (kinds: readonly OpenApiKind[]): string[] =>
  rootItems(kinds).map(({ path }) => path.slice(1, -1))

const rootItems = (kinds: readonly OpenApiKind[]): PathItem[] => [
  ...discoveryOf(kinds),
  VERSION_PATH,
  ...WELL_KNOWN_PATHS,
]

function rootDocument(
  name: string,
  kinds: readonly OpenApiKind[],
  options: OpenApiOptions,
): Record<string, unknown> | undefined {
  const item = rootItems(kinds).find(({ path }) => path === `/${name}/`)
  if (item === undefined) return undefined
  const contents = contentsOf(3, [], kinds, options)
  if (item === VERSION_PATH) contents.custom[VERSION_DEFINITION] = VERSION_SCHEMA
  return documentOf(contents, [item], options)
}

function documentOf(contents: Contents, items: PathItem[], options: OpenApiOptions): Record<string, unknown> {
  const paths: Record<string, unknown> = {}
  for (const item of items.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const written: Record<string, unknown> = {}
    for (const operation of item.operations) written[operation.method] = writeOperation(contents, operation)
    if (item.parameters.length > 0) written.parameters = item.parameters.map(writeParameter)
    paths[item.path] = written
  }
  const schemas = allDefinitions(contents)
  // Documents of custom kinds are somebody else's upstream, who says nothing of the server.
  if (Object.keys(contents.custom).some(name => name !== VERSION_DEFINITION))
    return { openapi: '3.0.0', info: CUSTOM_INFO, paths, components: { schemas } }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: options.version ?? 'unversioned' },
    paths,
    components: {
      ...(Object.keys(schemas).length > 0 && { schemas }),
      securitySchemes: {
        BearerToken: {
          type: 'apiKey',
          description: 'Bearer Token authentication',
          name: 'authorization',
          in: 'header',
        },
      },
    },
  }
}

function writeParameter(parameter: Parameter): JsonSchema {
  return {
    name: parameter.name,
    in: parameter.in,
    ...(parameter.description === undefined ? {} : { description: parameter.description }),
    ...(parameter.in === 'path' ? { required: true } : {}),
    schema: { type: parameter.type, uniqueItems: true },
  }
}

function contentOf(contents: Contents, payload: Payload, mediaTypes: readonly string[]): JsonSchema {
  const schema = payload === 'string' ? { type: 'string' } : payloadReference(contents, payload.definition)
  return Object.fromEntries(mediaTypes.map(mediaType => [mediaType, { schema }]))
}

function writeOperation(contents: Contents, operation: Operation): JsonSchema {
  const { body } = operation
  const responses: Record<string, unknown> = {}
  for (const [code, payload] of operation.responses)
    responses[code] = {
      description: RESPONSES[code] ?? 'OK',
      content: contentOf(contents, payload, operation.produces),
    }
  responses['401'] = { description: RESPONSES[401] }
  return {
    tags: [operation.tag],
    description: operation.description,
    operationId: operation.id,
    ...(operation.parameters.length > 0 ? { parameters: operation.parameters.map(writeParameter) } : {}),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            content: contentOf(contents, body.payload, operation.consumes),
            ...(body.required ? { required: true } : {}),
          },
        }),
    responses,
    ...(operation.action === undefined ? {} : { 'x-kubernetes-action': operation.action }),
    ...(operation.target === undefined ? {} : { 'x-kubernetes-group-version-kind': operation.target }),
  }
}
