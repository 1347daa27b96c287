import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CustomResourceDefinition } from '@canopus/api/apiextensions/v1'
import type { APIService } from '@canopus/api/apiregistration/v1'
import type { Service } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import { groupTypes } from '../discovery/documents.ts'
import { customRegistrations, type Desired, planRegistration, type Registration } from './auto-register.ts'
import { checkObjects } from './availability.ts'
import { identityHeaders } from './proxy-headers.ts'
import { fromResourceList } from './remote-discovery.ts'
import { mergeSwagger, onlyPaths, toOpenApiV3 } from './swagger.ts'

const SPEC = { group: 'a', version: 'v1', groupPriorityMinimum: 1000, versionPriority: 100 }
const OTHER = { ...SPEC, groupPriorityMinimum: 5 }

const apiService = (object: object): APIService => object as APIService

describe('what is done for an APIService', () => {
  const wanted = (management: Desired['management']): Desired => ({ management, spec: SPEC })
  const present = (label: string | undefined, spec = SPEC): APIService =>
    apiService({
      metadata: {
        name: 'v1.a',
        ...(label === undefined ? {} : { labels: { 'kube-aggregator.kubernetes.io/automanaged': label } }),
      },
      spec,
    })
  // Columns: wanted, present, present at start, synced before, what to do.
  const cases: [string, Desired | undefined, APIService | undefined, boolean, boolean, Registration][] = [
    ['2A neither wanted nor there', undefined, undefined, false, false, 'keep'],
    ['2B once, missing', wanted('onstart'), undefined, false, false, 'create'],
    ['2B once, deleted later', wanted('onstart'), undefined, false, true, 'keep'],
    ['2C always, missing', wanted('true'), undefined, false, true, 'create'],
    ['3A not ours, not wanted', undefined, present(undefined), true, false, 'keep'],
    ['3C not ours, wanted', wanted('true'), present(undefined, OTHER), true, false, 'keep'],
    ['4A once, of another server', undefined, present('onstart'), false, false, 'keep'],
    ['5A once, left over', undefined, present('onstart'), true, false, 'delete'],
    ['5A once, left over, seen before', undefined, present('onstart'), true, true, 'keep'],
    ['5B once, changed', wanted('onstart'), present('onstart', OTHER), true, false, 'update'],
    ['5B once, changed later', wanted('onstart'), present('onstart', OTHER), true, true, 'keep'],
    ['6A always, not wanted any more', undefined, present('true'), false, true, 'delete'],
    ['6C always, changed', wanted('true'), present('true', OTHER), false, true, 'update'],
    ['6C always, as wanted', wanted('true'), present('true'), false, true, 'keep'],
  ]
  for (const [name, desired, current, atStart, synced, expected] of cases) {
    it(name, () => assert.equal(planRegistration(desired, current, { atStart, synced }), expected))
  }

  it('follows the served versions of definitions', () => {
    const versions = [
      { name: 'v1', served: true },
      { name: 'v2', served: false },
    ]
    const definition = { spec: { group: 'crew.example.com', versions } } as unknown as CustomResourceDefinition
    assert.deepEqual(
      [...customRegistrations([definition])],
      [
        [
          'v1.crew.example.com',
          {
            management: 'true',
            spec: { group: 'crew.example.com', version: 'v1', groupPriorityMinimum: 1000, versionPriority: 100 },
          },
        ],
      ],
    )
  })
})

describe('availability by the objects of the cluster', () => {
  const api = (service: object | undefined): APIService =>
    apiService({
      metadata: { name: 'v1.a' },
      spec: { ...SPEC, ...(service === undefined ? {} : { service }) },
    })
  const ref = { namespace: 'ns', name: 'svc', port: 443 }
  const service = (spec: object): Service => ({ metadata: { name: 'svc', namespace: 'ns' }, spec }) as Service
  const https = service({ ports: [{ name: 'https', port: 443 }] })
  const slice = (name: string, ready?: boolean): EndpointSlice =>
    ({
      metadata: {},
      addressType: 'IPv4',
      ports: [{ name, port: 8443 }],
      endpoints: [{ addresses: ['10.0.0.1'], conditions: ready === undefined ? {} : { ready } }],
    }) as EndpointSlice
  const cases: [string, APIService, Service | undefined, EndpointSlice[], string | undefined, string?][] = [
    ['local', api(undefined), undefined, [], 'Local', 'Local APIServices are always available'],
    ['no service', api(ref), undefined, [], 'ServiceNotFound', 'service/svc in "ns" is not present'],
    [
      'another port',
      api({ ...ref, port: 8080 }),
      https,
      [],
      'ServicePortError',
      'service/svc in "ns" is not listening on port 8080',
    ],
    ['no slices', api(ref), https, [], 'EndpointsNotFound', 'cannot find endpointslices for service/svc in "ns"'],
    [
      'nobody ready',
      api(ref),
      https,
      [slice('https', false)],
      'MissingEndpoints',
      'endpointslices for service/svc in "ns" have no addresses with port name "https"',
    ],
    ['another port name', api(ref), https, [slice('http')], 'MissingEndpoints'],
    ['somebody ready', api(ref), https, [slice('https')], undefined],
    ['an external name', api(ref), service({ type: 'ExternalName' }), [], undefined],
  ]
  for (const [name, object, behind, slices, reason, message] of cases) {
    it(name, () => {
      const verdict = checkObjects(object, behind, slices)
      assert.equal(verdict?.reason, reason)
      if (message !== undefined) assert.equal(verdict?.message, message)
    })
  }
})

describe('identity headers', () => {
  it('hold what names the user, escaped where it must be', () => {
    assert.deepEqual(
      identityHeaders({ name: 'jöe', uid: 'u', groups: ['a', 'b'], extra: { 'example.com/Ä%': ['x', 'y'] } }),
      {
        'x-remote-user': 'jÃ¶e',
        'x-remote-uid': 'u',
        'x-remote-group': ['a', 'b'],
        'x-remote-extra-example.com%2F%C3%84%25': ['x', 'y'],
      },
    )
    assert.deepEqual(identityHeaders({ name: 'x', groups: [] }), { 'x-remote-user': 'x' })
  })
})

describe('discovery', () => {
  it('orders groups and versions by priority, then by name', () => {
    const external = (group: string, version: string) => ({
      group,
      document: { version, resources: [], freshness: 'Current' as const },
    })
    const priorities: Record<string, [number, number]> = {
      'b.example.com/v1': [100, 10],
      'b.example.com/v2': [100, 20],
      'a.example.com/v1beta1': [100, 10],
      'a.example.com/v1': [100, 10],
      'z.example.com/v1': [200, 1],
    }
    const groups = groupTypes(
      [],
      Object.keys(priorities).map(each => external(each.split('/')[0]!, each.split('/')[1]!)),
      (group, version) => {
        const [first, second] = priorities[`${group}/${version}`]!
        return { group: first, version: second }
      },
    )
    assert.deepEqual(
      groups.map(({ group, versions }) => [group, ...versions.map(({ version }) => version)]),
      [
        ['z.example.com', 'v1'],
        ['a.example.com', 'v1', 'v1beta1'],
        ['b.example.com', 'v2', 'v1'],
      ],
    )
  })

  it('reads a list of resources', () => {
    const verbs = ['get']
    const resources = [
      { name: 'flunders', singularName: 'flunder', namespaced: true, kind: 'Flunder', verbs, categories: ['all'] },
      {
        name: 'flunders/scale',
        singularName: '',
        namespaced: true,
        group: 'autoscaling',
        version: 'v1',
        kind: 'Scale',
        verbs,
      },
    ]
    assert.deepEqual(fromResourceList(resources), [
      {
        resource: 'flunders',
        responseKind: { group: '', version: '', kind: 'Flunder' },
        scope: 'Namespaced',
        singularResource: 'flunder',
        verbs,
        categories: ['all'],
        subresources: [
          { subresource: 'scale', responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs },
        ],
      },
    ])
  })
})

describe('OpenAPI v2 documents', () => {
  const body = (name: string) => ({ post: { parameters: [{ in: 'body', schema: { $ref: `#/definitions/${name}` } }] } })
  const other = {
    paths: { '/apis/w/v1/x': body('X'), '/version/': {} },
    definitions: { X: { properties: { y: { $ref: '#/definitions/Y' } } }, Y: { type: 'string' }, Z: {} },
  }

  it('are cut to the paths of one group version and what these need', () => {
    const cut = onlyPaths(other, '/apis/w/v1/')
    assert.deepEqual(Object.keys(cut.paths!), ['/apis/w/v1/x'])
    assert.deepEqual(Object.keys(cut.definitions!), ['X', 'Y'])
  })

  it('keep the first where paths meet, and rename what has the same name and another content', () => {
    const first = {
      swagger: '2.0',
      paths: { '/version/': { get: {} } },
      definitions: { X: { type: 'integer' }, Y: { type: 'string' } },
    }
    const merged = mergeSwagger(first, [other])
    assert.deepEqual(merged.paths, { '/version/': { get: {} }, '/apis/w/v1/x': body('X_v2') })
    assert.deepEqual(merged.definitions, {
      X: { type: 'integer' },
      Y: { type: 'string' },
      X_v2: { properties: { y: { $ref: '#/definitions/Y' } } },
      Z: {},
    })
    assert.deepEqual(first.definitions, { X: { type: 'integer' }, Y: { type: 'string' } })
    // The same twice needs one name.
    assert.deepEqual(Object.keys(mergeSwagger(first, [other, other]).definitions!), ['X', 'Y', 'X_v2', 'Z'])
  })

  it('become v3', () => {
    const document = toOpenApiV3({
      info: { title: 't' },
      parameters: { limit: { name: 'limit', in: 'query', type: 'integer' } },
      paths: {
        '/x': {
          parameters: [{ $ref: '#/parameters/limit' }],
          post: {
            consumes: ['application/json'],
            produces: ['application/json'],
            parameters: [{ name: 'body', in: 'body', schema: { $ref: '#/definitions/X' } }],
            responses: { 200: { description: 'OK', schema: { $ref: '#/definitions/X' } } },
          },
        },
      },
      definitions: { X: { type: 'object' } },
    })
    const json = { 'application/json': { schema: { $ref: '#/components/schemas/X' } } }
    assert.deepEqual(document.paths, {
      '/x': {
        parameters: [{ name: 'limit', in: 'query', schema: { type: 'integer' } }],
        post: { requestBody: { content: json }, responses: { 200: { description: 'OK', content: json } } },
      },
    })
    assert.deepEqual(document.components, { schemas: { X: { type: 'object' } } })
  })
})
