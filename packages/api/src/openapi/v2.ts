import { allDefinitions, type Contents, contentsOf, discoveryOf, payloadReference } from './document.ts'
import { SharedParameters } from './shared-parameters.ts'
import type { JsonSchema, OpenApiKind, OpenApiOptions, Operation, Parameter, Payload } from './types.ts'

const RESPONSES: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted', 401: 'Unauthorized' }

/**
 * The whole API as one OpenAPI v2 (Swagger) document, as `/openapi/v2` serves it in JSON; or, where `kinds` are some of `all`, the
 * part of it that is about them.
 */
export function openApiV2(
  kinds: readonly OpenApiKind[],
  options: OpenApiOptions = {},
  all: readonly OpenApiKind[] = kinds,
): Record<string, unknown> {
  const contents = contentsOf(2, kinds, all, options)
  const paths: Record<string, unknown> = {}
  const shared = new SharedParameters()
  const items = [...contents.paths, ...discoveryOf(kinds)].sort((a, b) => (a.path < b.path ? -1 : 1))
  for (const item of items) {
    const written: Record<string, unknown> = {}
    for (const operation of item.operations) written[operation.method] = writeOperation(contents, operation, shared)
    if (item.parameters.length > 0) written.parameters = item.parameters.map(each => shared.write(writeParameter(each)))
    paths[item.path] = written
  }
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: options.version ?? 'unversioned' },
    paths,
    definitions: allDefinitions(contents),
    parameters: shared.all(),
    securityDefinitions: {
      BearerToken: {
        description: 'Bearer Token authentication',
        type: 'apiKey',
        name: 'authorization',
        in: 'header',
      },
    },
    security: [{ BearerToken: [] }],
  }
}

function writeParameter(parameter: Parameter): JsonSchema {
  return {
    uniqueItems: true,
    type: parameter.type,
    ...(parameter.description === undefined ? {} : { description: parameter.description }),
    name: parameter.name,
    in: parameter.in,
    ...(parameter.in === 'path' ? { required: true } : {}),
  }
}

function payloadSchema(contents: Contents, payload: Payload): JsonSchema {
  return payload === 'string' ? { type: 'string' } : payloadReference(contents, payload.definition)
}

function writeOperation(contents: Contents, operation: Operation, shared: SharedParameters): JsonSchema {
  const { body } = operation
  const bodies = body
    ? [
        {
          name: 'body',
          in: 'body',
          ...(body.required ? { required: true } : {}),
          schema: payloadSchema(contents, body.payload),
        },
      ]
    : []
  const parameters = [...bodies, ...operation.parameters.map(writeParameter)].map(each => shared.write(each))
  const responses: Record<string, unknown> = {}
  for (const [code, payload] of operation.responses)
    responses[code] = { description: RESPONSES[code] ?? 'OK', schema: payloadSchema(contents, payload) }
  responses['401'] = { description: RESPONSES[401] }
  return {
    description: operation.description,
    consumes: operation.consumes,
    produces: operation.produces,
    schemes: ['https'],
    tags: [operation.tag],
    operationId: operation.id,
    ...(parameters.length > 0 ? { parameters } : {}),
    responses,
    ...(operation.action === undefined ? {} : { 'x-kubernetes-action': operation.action }),
    ...(operation.target === undefined ? {} : { 'x-kubernetes-group-version-kind': operation.target }),
  }
}
