import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProtobufReader, type ResourceType } from '@canopus/apimachinery'
import {
  builtInOpenApiKinds,
  openApiV2,
  openApiV2Protobuf,
  openApiV3,
  openApiV3Index,
  openApiV3Path,
  parseDescriptions,
} from './index.ts'

type Json = Record<string, unknown>

/** The value at a path of keys. */
function at(value: unknown, ...keys: string[]): unknown {
  let found = value
  for (const key of keys) found = (found as Json | undefined)?.[key]
  return found
}

const kinds = builtInOpenApiKinds()
const descriptions = parseDescriptions('{"core.v1.Pod":{"":"A pod.","spec":"What it should be."}}')
const CORE = 'io.k8s.api.core.v1.'

test('every group version has a v3 document that defines all it refers to', () => {
  for (const path of new Set(kinds.map(kind => openApiV3Path(kind.type)))) {
    const document = openApiV3(path, kinds)
    const defined = Object.keys(at(document, 'components', 'schemas') as Json)
    const referred = JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)
    const missing = new Set([...referred].map(match => match[1]!).filter(name => !defined.includes(name)))
    assert.deepEqual([...missing], [], path)
  }
  assert.equal(openApiV3('apis/nobody/v1', kinds), undefined)
})

test('v3: what kubectl looks for is there', () => {
  const document = openApiV3('api/v1', kinds, { descriptions, version: 'v1.36.0' })
  const pod = at(document, 'components', 'schemas', `${CORE}Pod`)
  assert.equal(at(pod, 'description'), 'A pod.')
  assert.deepEqual(at(pod, 'properties', 'spec'), {
    description: 'What it should be.',
    default: {},
    allOf: [{ $ref: `#/components/schemas/${CORE}PodSpec` }],
  })
  assert.deepEqual(at(pod, 'x-kubernetes-group-version-kind'), [{ group: '', kind: 'Pod', version: 'v1' }])
  const patch = at(document, 'paths', '/api/v1/namespaces/{namespace}/pods/{name}', 'patch')
  assert.deepEqual(at(patch, 'x-kubernetes-group-version-kind'), { group: '', kind: 'Pod', version: 'v1' })
  const names = (at(patch, 'parameters') as { name: string }[]).map(parameter => parameter.name)
  assert.deepEqual(names, ['dryRun', 'fieldManager', 'fieldValidation', 'force'])
  assert.equal(at(document, 'info', 'version'), 'v1.36.0')
})

test('v3: defaults, enums and the types that are either-or', () => {
  const schemas = at(openApiV3('api/v1', kinds), 'components', 'schemas')
  assert.deepEqual(at(schemas, `${CORE}ContainerPort`, 'properties', 'protocol'), {
    default: 'TCP',
    type: 'string',
    enum: ['SCTP', 'TCP', 'UDP'],
  })
  assert.deepEqual(at(schemas, `${CORE}Container`, 'properties', 'name'), { default: '', type: 'string' })
  assert.deepEqual(at(schemas, `${CORE}PodSpec`, 'properties', 'containers'), {
    type: 'array',
    items: { default: {}, allOf: [{ $ref: `#/components/schemas/${CORE}Container` }] },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    'x-kubernetes-patch-strategy': 'merge',
    'x-kubernetes-patch-merge-key': 'name',
  })
  const quantity = at(schemas, 'io.k8s.apimachinery.pkg.api.resource.Quantity', 'oneOf')
  assert.deepEqual(quantity, [{ type: 'string' }, { type: 'number' }])
})

test('the index names each document with its hash', () => {
  assert.deepEqual(openApiV3Index([{ path: 'apis/apps/v1', hash: 'AB' }]), {
    paths: { 'apis/apps/v1': { serverRelativeURL: '/openapi/v3/apis/apps/v1?hash=AB' } },
  })
})

const Foos: ResourceType = {
  group: 'example.com',
  version: 'v1',
  plural: 'foos',
  singular: 'foo',
  kind: 'Foo',
  listKind: 'FooList',
  namespaced: true,
  shortNames: [],
  categories: [],
  verbs: ['get', 'list', 'create', 'patch', 'delete', 'deletecollection', 'watch'],
  subresources: {
    status: { verbs: ['get', 'patch'] },
    scale: { verbs: ['get'], type: { group: 'autoscaling', version: 'v1', kind: 'Scale' } },
  },
}

test('a custom kind appears with its own schema', () => {
  const definition = {
    name: 'com.example.v1.Foo',
    schema: { type: 'object', properties: { spec: { type: 'object' } } },
  }
  const all = [...kinds, { type: Foos, definition }]
  const document = openApiV3('apis/example.com/v1', all)
  const schemas = at(document, 'components', 'schemas') as Json
  assert.deepEqual(schemas['com.example.v1.Foo'], {
    type: 'object',
    properties: {
      metadata: {
        allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }],
      },
      spec: { type: 'object' },
    },
    'x-kubernetes-group-version-kind': [{ group: 'example.com', kind: 'Foo', version: 'v1' }],
  })
  assert.deepEqual(at(schemas['com.example.v1.FooList'], 'properties', 'items'), {
    type: 'array',
    items: { $ref: '#/components/schemas/com.example.v1.Foo' },
    description:
      'List of foos. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md',
  })
  assert.deepEqual(document!.info, { title: 'Kubernetes CRD Swagger', version: 'v0.1.0' })
  assert.equal(at(document, 'components', 'securitySchemes'), undefined)
  const object = at(document, 'paths', '/apis/example.com/v1/namespaces/{namespace}/foos/{name}')
  const [patched, got] = [
    at(object, 'patch', 'requestBody', 'content'),
    at(object, 'get', 'responses', '200', 'content'),
  ]
  assert.deepEqual(Object.keys(patched as Json), [
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/apply-patch+yaml',
  ])
  assert.deepEqual(Object.keys(got as Json), ['application/json', 'application/yaml'])
  const names = (of: unknown): string[] => (of as { name: string }[]).map(({ name }) => name)
  assert.deepEqual(names(at(object, 'get', 'parameters')), ['resourceVersion'])
  assert.deepEqual(Object.keys(at(object, 'patch', 'responses') as Json), ['200', '401'])
  const collection = at(document, 'paths', '/apis/example.com/v1/namespaces/{namespace}/foos')
  const listed = at(collection, 'get', 'responses', '200', 'content')
  assert.deepEqual(Object.keys(listed as Json), ['application/json', 'application/yaml'])
  assert.deepEqual(names(at(collection, 'delete', 'parameters')), names(at(collection, 'get', 'parameters')))
  assert.equal(at(collection, 'delete', 'requestBody'), undefined)
  const scales = at(document, 'paths', '/apis/example.com/v1/namespaces/{namespace}/foos/{name}/scale')
  assert.deepEqual(names(at(scales, 'parameters')), ['name', 'namespace', 'pretty', 'resourceVersion'])
  assert.equal(at(scales, 'get', 'parameters'), undefined)
  const scale = at(document, 'paths', '/apis/example.com/v1/namespaces/{namespace}/foos/{name}/scale', 'get')
  assert.deepEqual(at(scale, 'x-kubernetes-group-version-kind'), { group: 'example.com', kind: 'Foo', version: 'v1' })
  const paths = Object.keys(at(document, 'paths') as Json)
  assert.deepEqual(paths, [
    '/apis/example.com/v1/foos',
    '/apis/example.com/v1/namespaces/{namespace}/foos',
    '/apis/example.com/v1/namespaces/{namespace}/foos/{name}',
    '/apis/example.com/v1/namespaces/{namespace}/foos/{name}/scale',
    '/apis/example.com/v1/namespaces/{namespace}/foos/{name}/status',
  ])
  assert.equal(at(openApiV2(all), 'definitions', 'com.example.v1.Foo', 'type'), 'object')
})

test('fields that stand on every kind, and parameters of requests, are described', () => {
  const said = {
    'core.v1.ConfigMap': { apiVersion: 'Which version.', kind: 'Which kind.', metadata: 'About it.' },
    'am.apis.meta.v1.ListOptions': { fieldSelector: 'Which of them.', namespace: 'Where.', pretty: 'Indented.' },
  }
  const schema = {
    type: 'object',
    properties: { apiVersion: { type: 'string', description: 'Own.' }, kind: { type: 'string' } },
  }
  const all = [...kinds, { type: Foos, definition: { name: 'com.example.v1.Foo', schema } }]
  const document = openApiV3('apis/example.com/v1', all, { descriptions: said })
  assert.deepEqual(at(document, 'components', 'schemas', 'com.example.v1.Foo', 'properties'), {
    apiVersion: { type: 'string', description: 'Which version.' },
    kind: { type: 'string', description: 'Which kind.' },
    metadata: {
      description: 'About it.',
      allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }],
    },
  })
  const described = (path: string, name: string, of = openApiV2(all, { descriptions: said })): unknown => {
    const item = at(of, 'paths', path) as { parameters: Json[]; get: { parameters?: Json[] } }
    const shared = ({ $ref }: Json): Json => at(of, 'parameters', String($ref).split('/').at(-1)!) as Json
    return [...item.parameters, ...(item.get.parameters ?? [])]
      .map(each => ('$ref' in each ? shared(each) : each))
      .find(parameter => parameter.name === name)?.description
  }
  assert.equal(described('/api/v1/namespaces/{namespace}/pods', 'fieldSelector'), 'Which of them.')
  assert.equal(described('/api/v1/namespaces/{namespace}/pods', 'namespace'), 'Where.')
  assert.equal(described('/api/v1/namespaces/{namespace}/pods', 'pretty'), 'Indented.')
  // Not again for each of what may be thousands.
  assert.equal(described('/apis/example.com/v1/namespaces/{namespace}/foos', 'fieldSelector'), undefined)
})

/** The fields of a protobuf message: number to the values behind lengths. */
function fieldsOf(bytes: Uint8Array): Map<number, Uint8Array[]> {
  const reader = new ProtobufReader(bytes)
  const fields = new Map<number, Uint8Array[]>()
  while (!reader.done) {
    const tag = reader.unsigned()
    if ((tag & 7) !== 2) reader.skip(tag & 7)
    else fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), reader.bytes()])
  }
  return fields
}
const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes)

test('v2 as protobuf: paths and definitions by name, as gnostic lays them out', () => {
  const document = openApiV2(kinds, { descriptions })
  const fields = fieldsOf(openApiV2Protobuf(document))
  assert.equal(textOf(fields.get(1)?.[0]), '2.0')
  const paths = fieldsOf(fields.get(8)![0]!).get(2)!
  assert.equal(paths.length, Object.keys(document.paths as Json).length)
  const shared = fieldsOf(fields.get(10)![0]!).get(1)!.map(fieldsOf)
  assert.deepEqual(
    shared.map(entry => textOf(entry.get(1)?.[0])),
    Object.keys(document.parameters as Json),
  )
  const definitions = fieldsOf(fields.get(9)![0]!).get(1)!.map(fieldsOf)
  assert.deepEqual(
    definitions.map(entry => textOf(entry.get(1)?.[0])),
    Object.keys(document.definitions as Json),
  )
  const pod = definitions.find(entry => textOf(entry.get(1)?.[0]) === `${CORE}Pod`)
  const schema = fieldsOf(pod!.get(2)![0]!)
  assert.equal(textOf(schema.get(4)?.[0]), 'A pod.')
  const extension = fieldsOf(schema.get(31)![0]!)
  assert.equal(textOf(extension.get(1)?.[0]), 'x-kubernetes-group-version-kind')
  assert.equal(textOf(fieldsOf(extension.get(2)![0]!).get(2)?.[0]), '- group: ""\n  kind: Pod\n  version: v1\n')
})
