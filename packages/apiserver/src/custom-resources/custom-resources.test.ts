import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '@canopus/platform'
import { createMemoryStore } from '@canopus/store'
import { type Answer, type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const JSON_TYPE = { 'content-type': 'application/json' }
const MERGE = { 'content-type': 'application/merge-patch+json' }
const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

const SCHEMA = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', minimum: 1, maximum: 5 },
        color: { type: 'string', default: 'red' },
        port: { 'x-kubernetes-int-or-string': true },
        note: { type: 'string', nullable: true },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
    status: { type: 'object', properties: { ready: { type: 'integer' }, selector: { type: 'string' } } },
  },
}

interface Version {
  name: string
  [field: string]: unknown
}

const v1 = {
  name: 'v1',
  served: true,
  storage: true,
  schema: { openAPIV3Schema: SCHEMA },
  subresources: {
    status: {},
    scale: {
      specReplicasPath: '.spec.size',
      statusReplicasPath: '.status.ready',
      labelSelectorPath: '.status.selector',
    },
  },
  selectableFields: [{ jsonPath: '.spec.color' }],
  additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
}

const definition = (plural: string, kind: string, versions: readonly Version[] = [v1], more: object = {}): object => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.example.com` },
  spec: { group: 'example.com', scope: 'Namespaced', names: { plural, kind, ...more }, versions },
})

/** Waits for a condition of a definition by watching it. */
async function condition(
  server: MemoryServer,
  plural: string,
  type: string,
): Promise<{ status: string; reason: string; message: string }> {
  const watch = await server.watch(`${CRDS}?watch=true&fieldSelector=metadata.name%3D${plural}.example.com`)
  for (;;) {
    const { object } = await watch.next()
    const found = object.status?.conditions?.find((each: { type: string }) => each.type === type)
    if (found !== undefined) {
      watch.end()
      return found
    }
  }
}

async function define(
  server: MemoryServer,
  plural: string,
  kind: string,
  versions?: readonly Version[],
): Promise<void> {
  const { status, text } = await server.send('POST', CRDS, definition(plural, kind, versions), JSON_TYPE)
  assert.equal(status, 201, text)
  assert.equal((await condition(server, plural, 'Established')).status, 'True')
}

const path = (plural: string, name = '', version = 'v1'): string =>
  `/apis/example.com/${version}/namespaces/default/${plural}${name === '' ? '' : `/${name}`}`

const create = (
  server: MemoryServer,
  plural: string,
  kind: string,
  name: string,
  spec: object,
  query = '',
): Promise<Answer> =>
  server.send('POST', path(plural) + query, { apiVersion: 'example.com/v1', kind, metadata: { name }, spec }, JSON_TYPE)

describe('custom resources', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer()
    await define(server, 'sails', 'Sail')
  })
  after(async () => {
    await server.stop()
    assert.deepEqual(server.errors, [])
  })
  const sail = (name: string, spec: object, query = ''): Promise<Answer> =>
    create(server, 'sails', 'Sail', name, spec, query)

  it('have definitions whose status belongs to the API server', async () => {
    const { json } = await server.send('GET', `${CRDS}/sails.example.com`)
    const own = json.metadata.managedFields.find((each: { subresource?: string }) => each.subresource === 'status')
    assert.deepEqual([own.manager, own.operation], ['kube-apiserver', 'Update'])
    assert.deepEqual(Object.keys(own.fieldsV1['f:status']), ['f:acceptedNames', 'f:conditions'])
    assert.deepEqual(Object.keys(own.fieldsV1), ['f:status'])
  })

  for (const [said, message] of [
    [{ kind: 'Foo' }, 'Foo.example.com "still" is invalid: kind: Invalid value: "Foo": must be Sail'],
    [{ apiVersion: 'v9' }, 'Sail "still" is invalid: apiVersion: Invalid value: "v9": must be example.com/v1'],
  ] as const) {
    it(`stay what they are where a patch says ${JSON.stringify(said)}`, async () => {
      await sail('still', { size: 1 })
      const headers = { 'content-type': 'application/merge-patch+json' }
      const { status, json } = await server.send('PATCH', `${path('sails')}/still`, said, headers)
      assert.equal(status, 422)
      assert.equal(json.message, message)
    })
  }

  it('are discovered and documented as soon as the definition is established', async () => {
    const { json: list } = await server.send('GET', '/apis/example.com/v1')
    assert.deepEqual(
      list.resources.map((each: { name: string }) => each.name),
      ['sails', 'sails/status', 'sails/scale'],
    )
    const { json: all } = await server.send('GET', '/apis', undefined, { accept: AGGREGATED })
    const own = all.items.find((each: { metadata: { name: string } }) => each.metadata.name === 'example.com')
    const { resources } = own.versions.find((each: { version: string }) => each.version === 'v1')
    const sails = resources.find((each: { resource: string }) => each.resource === 'sails')
    assert.deepEqual(
      [sails, ...sails.subresources].map(each => Object.values(each.responseKind).join()),
      ['example.com,v1,Sail', 'example.com,v1,Sail', 'autoscaling,v1,Scale'],
    )
    const { json: document } = await server.send('GET', '/openapi/v3/apis/example.com/v1')
    const { 'com.example.v1.Sail': said, 'com.example.v1.SailList': listed } = document.components.schemas
    assert.equal(said.properties.spec.properties.size.maximum, 5)
    for (const each of [said, listed])
      assert.deepEqual(each['x-kubernetes-selectable-fields'], [{ fieldPath: 'spec.color' }])
  })

  it('have no place in group versions that are the own ones of the server', async () => {
    const group = 'apps.k8s.io'
    const mine = { ...definition('sloops', 'Sloop') } as { metadata: object; spec: object }
    const place = {
      ...mine.spec,
      group: 'networking.k8s.io',
      versions: [v1, { ...v1, name: 'vother', storage: false }],
    }
    const metadata = {
      name: 'sloops.networking.k8s.io',
      annotations: { 'api-approved.kubernetes.io': `unapproved, not for ${group}` },
    }
    const { status, text } = await server.send('POST', CRDS, { ...mine, metadata, spec: place }, JSON_TYPE)
    assert.equal(status, 201, text)
    const served = async (version: string): Promise<string[]> => {
      const { json } = await server.send('GET', `/apis/networking.k8s.io/${version}`)
      return (json.resources ?? []).map((each: { name: string }) => each.name)
    }
    while (!(await served('vother')).includes('sloops')) await new Promise(resolve => setImmediate(resolve))
    const names = await served('v1')
    assert.ok(names.includes('networkpolicies') && !names.includes('sloops'))
    assert.equal((await server.send('GET', '/apis/networking.k8s.io/v1/namespaces/default/sloops')).status, 404)
    assert.equal((await server.send('GET', '/apis/networking.k8s.io/vother/namespaces/default/sloops')).status, 200)
    assert.equal((await server.send('DELETE', `${CRDS}/sloops.networking.k8s.io`)).status, 200)
  })

  it('are never taken for what is stored of built-in kinds', async () => {
    const mine = definition('customresourcedefinitions', 'Sloop') as { spec: object }
    const name = 'customresourcedefinitions.apiextensions.k8s.io'
    const metadata = { name, annotations: { 'api-approved.kubernetes.io': 'unapproved' } }
    const spec = { ...mine.spec, group: 'apiextensions.k8s.io', scope: 'Cluster' }
    const { status, text } = await server.send('POST', CRDS, { ...mine, metadata, spec }, JSON_TYPE)
    assert.equal(status, 201, text)
    const { json: before } = await server.send('GET', CRDS)
    assert.equal((await server.send('DELETE', `${CRDS}/${name}`)).status, 200)
    while ((await server.send('GET', `${CRDS}/${name}`)).status !== 404) {
      await new Promise(resolve => setImmediate(resolve))
    }
    const { json: after } = await server.send('GET', CRDS)
    assert.equal(after.items.length, before.items.length - 1)
    const { status: sails } = await server.send('GET', path('sails'))
    assert.equal(sails, 200)
  })

  it('come and go at paths that were asked for before', async () => {
    const [all, one] = [path('gulls'), path('gulls', 'a')]
    const codes = async (): Promise<number[]> =>
      Promise.all([all, one].map(async each => (await server.send('GET', each)).status))
    assert.deepEqual(await codes(), [404, 404])
    await define(server, 'gulls', 'Gull')
    assert.deepEqual(await codes(), [200, 404])
    assert.equal((await create(server, 'gulls', 'Gull', 'a', { size: 2 })).status, 201)
    assert.deepEqual(await codes(), [200, 200])
    assert.equal((await server.send('DELETE', `${CRDS}/gulls.example.com`)).status, 200)
    while ((await codes())[0] !== 404) await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(await codes(), [404, 404])
  })

  it('get defaults, lose unknown fields, keep what they may', async () => {
    const { status, json } = await sail('a', { size: 2, extra: 1, note: null, free: { x: { y: null } }, port: 'http' })
    assert.equal(status, 201)
    assert.deepEqual(json.spec, { size: 2, note: null, free: { x: { y: null } }, port: 'http', color: 'red' })
    assert.equal(json.metadata.generation, 1)
    const body =
      '{"apiVersion":"example.com/v1","kind":"Sail","metadata":{"name":"b","zz":1},"spec":{"q":1,"size":1,"size":2}}'
    const all = await server.send('POST', `${path('sails')}?fieldValidation=Strict`, body)
    assert.match(
      all.json.message,
      /: strict decoding error: duplicate field "spec.size", unknown field "metadata.zz", unknown field "spec.q"$/,
    )
    const strict = await sail('b', { size: 2, extra: 1 }, '?fieldValidation=Strict')
    assert.equal(strict.status, 400)
    assert.match(strict.json.message, /strict decoding error: unknown field "spec.extra"/)
  })

  const wrong: readonly [string, object, string][] = [
    [
      'type',
      { size: 'x' },
      '[spec.size: Invalid value: "string": spec.size in body must be of type integer: "string", .spec.size: Invalid value: 0: .spec.size accessor error: x is of the type string, expected int64]',
    ],
    ['maximum', { size: 9 }, 'spec.size: Invalid value: 9: spec.size in body should be less than or equal to 5'],
    ['required', {}, 'spec.size: Required value'],
    ['null', { size: null }, 'spec.size: Required value'],
    [
      'a list for a number',
      { size: [] },
      '[spec.size: Invalid value: "array": spec.size in body must be of type integer: "array", .spec.size: Invalid value: 0: .spec.size accessor error: [] is of the type []interface {}, expected int64]',
    ],
  ]
  for (const [name, spec, text] of wrong) {
    it(`are refused for: ${name}`, async () => {
      const { status, json } = await sail('bad', spec)
      assert.equal(status, 422)
      assert.equal(json.message, `Sail.example.com "bad" is invalid: ${text}`)
    })
  }

  it('count the generation up for changes of the spec alone; status has its own way', async () => {
    await sail('g', { size: 1 })
    const { json: main } = await server.send(
      'PATCH',
      path('sails', 'g'),
      { spec: { size: 2 }, status: { ready: 1 } },
      MERGE,
    )
    assert.equal(main.metadata.generation, 2)
    assert.equal(main.status, undefined)
    const change = { metadata: { labels: { a: 'b' } }, spec: { size: 3 }, status: { ready: 1 } }
    const { json: status } = await server.send('PATCH', `${path('sails', 'g')}/status`, change, MERGE)
    assert.deepEqual(
      [status.spec.size, status.status.ready, status.metadata.labels, status.metadata.generation],
      [2, 1, undefined, 2],
    )
  })

  it('scale by the paths of the definition', async () => {
    await sail('s', { size: 1 })
    const { status, json } = await server.send('PATCH', `${path('sails', 's')}/scale`, { spec: { replicas: 4 } }, MERGE)
    assert.equal(status, 200)
    assert.equal(json.kind, 'Scale')
    assert.equal((await server.send('GET', path('sails', 's'))).json.spec.size, 4)
    const over = await server.send('PATCH', `${path('sails', 's')}/scale`, { spec: { replicas: 9 } }, MERGE)
    assert.equal(over.status, 422)
  })

  it('take configurations of a Scale only where they change nothing, as upstream', async () => {
    await sail('applied', { size: 2 })
    const at = `${path('sails', 'applied')}/scale`
    const apply = (spec: object, query = ''): Promise<Answer> => {
      const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'applied' }, spec }
      return server.send('PATCH', `${at}?fieldManager=a${query}`, scale, {
        'content-type': 'application/apply-patch+yaml',
      })
    }
    const other = await apply({ replicas: 5 })
    assert.equal(other.status, 409)
    assert.match(other.json.message, /using autoscaling\/v1: .spec.replicas$/)
    const forced = await apply({ replicas: 5 }, '&force=true')
    assert.equal(forced.status, 500)
    assert.match(forced.json.message, /request to convert CR to an invalid group\/version: autoscaling\/v1$/)
    assert.equal((await apply({ replicas: 2 })).status, 200)
    const { json } = await server.send('GET', path('sails', 'applied'))
    const { manager, operation, subresource, fieldsV1 } = json.metadata.managedFields[0]
    assert.deepEqual([manager, operation, subresource], ['a', 'Apply', 'scale'])
    assert.deepEqual(fieldsV1, { 'f:spec': { 'f:size': {} } })
  })

  it('own what they apply to an object of which no field is named, and do not keep it, as upstream', async () => {
    const spec = { a: { type: 'string' }, e: { type: 'object' }, l: { type: 'array', items: { type: 'object' } } }
    const root = { type: 'object', properties: { spec: { type: 'object', properties: spec } } }
    await define(server, 'boxes', 'Box', [
      { ...v1, schema: { openAPIV3Schema: root }, subresources: {}, selectableFields: [] },
    ])
    const apply = (spec: object): Promise<Answer> => {
      const box = { apiVersion: 'example.com/v1', kind: 'Box', metadata: { name: 'b' }, spec }
      return server.send('PATCH', `${path('boxes', 'b')}?fieldManager=m`, box, {
        'content-type': 'application/apply-patch+yaml',
      })
    }
    const rows: [object, number, object, object][] = [
      [{ a: '1', e: { k: 1 }, l: [{ z: 2 }] }, 201, { a: '1', e: {}, l: [{}] }, { 'f:e': { 'f:k': {} }, 'f:l': {} }],
      [
        { a: '1', e: { k: 2 }, l: [{ z: 2 }, { q: 1 }] },
        200,
        { a: '1', e: {}, l: [{}, {}] },
        { 'f:e': { 'f:k': {} }, 'f:l': {} },
      ],
      [{ a: '1' }, 200, { a: '1' }, {}],
    ]
    for (const [said, code, kept, owned] of rows) {
      const { status, json } = await apply(said)
      assert.deepEqual([status, json.spec], [code, kept], JSON.stringify(json))
      assert.deepEqual(json.metadata.managedFields[0].fieldsV1, { 'f:spec': { 'f:a': {}, ...owned } })
    }
  })

  it('have a number that a scale sets where there was none', async () => {
    const scale = { specReplicasPath: '.spec.n', statusReplicasPath: '.status.n' }
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
    await define(server, 'bare', 'Bare', [{ ...v1, schema, subresources: { scale }, selectableFields: [] }])
    const named = { metadata: { name: 'unset' }, spec: { replicas: 3 } }
    await server.send('POST', path('bare'), { apiVersion: 'example.com/v1', kind: 'Bare', metadata: { name: 'unset' } })
    const at = `${path('bare', 'unset')}/scale`
    assert.equal((await server.send('GET', at)).status, 500)
    const empty = await server.send('PATCH', at, { metadata: { labels: { a: 'b' } } }, MERGE)
    assert.equal(empty.json.message, 'the spec replicas field ".spec.n" cannot be empty')
    assert.equal((await server.send('PUT', at, { spec: { replicas: 3 } })).status, 400)
    assert.equal((await server.send('PUT', at, named)).status, 200)
    assert.equal((await server.send('GET', path('bare', 'unset'))).json.spec.n, 3)
  })

  it('have no strategic merge patch, and nothing but reading across namespaces', async () => {
    await sail('strategic', { size: 1 })
    const strategic = { 'content-type': 'application/strategic-merge-patch+json' }
    for (const below of ['', '/status', '/scale'])
      assert.equal((await server.send('PATCH', `${path('sails', 'strategic')}${below}`, {}, strategic)).status, 415)
    const across = '/apis/example.com/v1/sails'
    for (const [method, status] of [
      ['GET', 200],
      ['POST', 404],
      ['DELETE', 404],
    ] as const)
      assert.equal((await server.send(method, across, method === 'POST' ? {} : undefined)).status, status)
  })

  it('have their status checked by itself', async () => {
    await sail('checked', { size: 1 })
    const status = (patch: object): Promise<Answer> =>
      server.send('PATCH', `${path('sails', 'checked')}/status`, patch, MERGE)
    assert.equal((await status({ spec: { size: 9 }, status: { ready: 1 } })).status, 200)
    const { json } = await status({ status: { ready: 'x' } })
    assert.deepEqual(json.details.causes, [
      {
        reason: 'FieldValueTypeInvalid',
        message: 'Invalid value: "string": ready in body must be of type integer: "string"',
        field: 'status.ready',
      },
      {
        reason: 'FieldValueInvalid',
        message: 'Invalid value: 0: .status.ready accessor error: x is of the type string, expected int64',
        field: '.status.ready',
      },
    ])
  })

  it('are selected by fields of the definition and shown in its columns', async () => {
    await sail('blue', { size: 1, color: 'blue' })
    const { json } = await server.send('GET', `${path('sails')}?fieldSelector=spec.color%3Dblue`)
    assert.deepEqual(
      json.items.map((each: { metadata: { name: string } }) => each.metadata.name),
      ['blue'],
    )
    const other = await server.send('GET', `${path('sails')}?fieldSelector=spec.size%3D1`)
    assert.deepEqual([other.status, other.json.message], [400, 'field label not supported: spec.size'])
    const accept = 'application/json;as=Table;g=meta.k8s.io;v=v1'
    const { json: table } = await server.send('GET', path('sails', 'blue'), undefined, { accept })
    assert.deepEqual(table.rows[0].cells, ['blue', 1])
  })

  it('know JSON alone', async () => {
    const protobuf = 'application/vnd.kubernetes.protobuf'
    const alone = await server.send('GET', path('sails'), undefined, { accept: protobuf })
    assert.equal(alone.status, 406)
    const either = await server.send('GET', path('sails'), undefined, { accept: `${protobuf}, */*` })
    assert.equal(either.headers['content-type'], 'application/json')
    const patch = await server.send(
      'PATCH',
      path('sails', 'a'),
      {},
      { 'content-type': 'application/strategic-merge-patch+json' },
    )
    assert.equal(patch.status, 415)
    const sent = await server.send('POST', path('sails'), {}, { 'content-type': protobuf })
    assert.equal(sent.status, 415)
  })

  it('cannot be updated without a resourceVersion', async () => {
    const { json } = await sail('u', { size: 1 })
    const { resourceVersion: _, ...metadata } = json.metadata
    assert.equal((await server.send('PUT', path('sails', 'u'), { ...json, metadata }, JSON_TYPE)).status, 422)
    assert.equal((await server.send('PUT', path('sails', 'u'), json, JSON_TYPE)).status, 200)
  })

  it('keep what was valid once as long as it does not change', async () => {
    await define(server, 'masts', 'Mast')
    await create(server, 'masts', 'Mast', 'm', { size: 5 })
    const tighter = structuredClone(SCHEMA)
    tighter.properties.spec.properties.size.maximum = 3
    const patch = { spec: { versions: [{ ...v1, schema: { openAPIV3Schema: tighter } }] } }
    assert.equal((await server.send('PATCH', `${CRDS}/masts.example.com`, patch, MERGE)).status, 200)
    assert.equal((await server.send('PATCH', path('masts', 'm'), { spec: { color: 'blue' } }, MERGE)).status, 200)
    assert.equal((await server.send('PATCH', path('masts', 'm'), { spec: { size: 4 } }, MERGE)).status, 422)
  })

  it('get new defaults when read', async () => {
    await define(server, 'oars', 'Oar')
    await create(server, 'oars', 'Oar', 'o', { size: 5 })
    const wider = structuredClone(SCHEMA) as unknown as {
      properties: { spec: { properties: Record<string, unknown> } }
    }
    wider.properties.spec.properties.length = { type: 'integer', default: 7 }
    const patch = { spec: { versions: [{ ...v1, schema: { openAPIV3Schema: wider } }] } }
    await server.send('PATCH', `${CRDS}/oars.example.com`, patch, MERGE)
    const { json: one } = await server.send('GET', path('oars', 'o'))
    const { json: list } = await server.send('GET', path('oars'))
    assert.deepEqual([one.spec.length, list.items[0].spec.length], [7, 7])
    assert.deepEqual([list.items[0].apiVersion, list.items[0].kind], [one.apiVersion, one.kind])
  })

  it('say in every version as which one they are stored', async () => {
    await define(server, 'decks', 'Deck', [v1, { ...v1, name: 'v2', storage: false }])
    const hashes = async (): Promise<unknown[]> => {
      const lists = ['v1', 'v2'].map(version => server.send('GET', `/apis/example.com/${version}`))
      return (await Promise.all(lists)).map(
        ({ json }) => json.resources.find((each: { name: string }) => each.name === 'decks').storageVersionHash,
      )
    }
    const [one, two] = await hashes()
    assert.equal(one, two)
    const flipped = [
      { ...v1, storage: false },
      { ...v1, name: 'v2' },
    ]
    await server.send('PATCH', `${CRDS}/decks.example.com`, { spec: { versions: flipped } }, MERGE)
    const [after, other] = await hashes()
    assert.equal(after, other)
    assert.notEqual(after, one)
  })

  it('are shown in every served version and remember which were stored', async () => {
    const v2 = { ...v1, name: 'v2', storage: false }
    await define(server, 'keels', 'Keel', [v1, v2])
    await create(server, 'keels', 'Keel', 'k', { size: 5 })
    const { json } = await server.send('GET', path('keels', 'k', 'v2'))
    assert.equal(json.apiVersion, 'example.com/v2')
    const flip = {
      spec: {
        versions: [
          { ...v1, storage: false },
          { ...v2, storage: true },
        ],
      },
    }
    const { json: changed } = await server.send('PATCH', `${CRDS}/keels.example.com`, flip, MERGE)
    assert.deepEqual(changed.status.storedVersions, ['v1', 'v2'])
    assert.equal((await server.send('GET', path('keels', 'k'))).json.apiVersion, 'example.com/v1')
    const patched = await server.send('PATCH', path('keels', 'k', 'v2'), { spec: { size: 2 } }, MERGE)
    assert.deepEqual([patched.status, patched.json.spec.size], [200, 2])
  })
})

describe('definitions', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer()
  })
  after(async () => {
    await server.stop()
    assert.deepEqual(server.errors, [])
  })

  it('wait for names that others hold', async () => {
    await define(server, 'ropes', 'Rope')
    await server.send('POST', CRDS, definition('lines', 'Rope', [v1], { listKind: 'LineList' }), JSON_TYPE)
    const accepted = await condition(server, 'lines', 'NamesAccepted')
    assert.deepEqual(
      [accepted.status, accepted.reason, accepted.message],
      ['False', 'KindConflict', '"Rope" is already in use'],
    )
    assert.equal((await server.send('GET', path('lines'))).status, 404)
    const watch = await server.watch(`${CRDS}?watch=true`)
    await server.send('DELETE', `${CRDS}/ropes.example.com`)
    for (;;) {
      const { object } = await watch.next()
      const established = object.status.conditions?.find((each: { type: string }) => each.type === 'Established')
      if (object.metadata.name === 'lines.example.com' && established?.status === 'True') break
    }
    watch.end()
    assert.equal((await server.send('GET', path('lines'))).status, 200)
  })

  it('take their objects with them, those with finalizers last', async () => {
    await define(server, 'anchors', 'Anchor')
    await create(server, 'anchors', 'Anchor', 'free', { size: 1 })
    await create(server, 'anchors', 'Anchor', 'held', { size: 1 })
    await server.send('PATCH', path('anchors', 'held'), { metadata: { finalizers: ['example.com/hold'] } }, MERGE)
    const watch = await server.watch(`${CRDS}?watch=true&fieldSelector=metadata.name%3Danchors.example.com`)
    const { json: marked } = await server.send('DELETE', `${CRDS}/anchors.example.com`)
    assert.deepEqual(marked.metadata.finalizers, ['customresourcecleanup.apiextensions.k8s.io'])
    const refused = await create(server, 'anchors', 'Anchor', 'late', { size: 1 })
    assert.deepEqual(
      [refused.status, refused.json.message],
      [405, 'create not allowed while custom resource definition is terminating'],
    )
    const objects = await server.watch(`${path('anchors')}?watch=true`)
    for (let held = false; !held; ) {
      const { object } = await objects.next()
      held = object.metadata.name === 'held' && object.metadata.deletionTimestamp !== undefined
    }
    await server.send('PATCH', path('anchors', 'held'), { metadata: { finalizers: null } }, MERGE)
    for (let gone = false; !gone; ) gone = (await watch.next()).type === 'DELETED'
    watch.end()
    assert.equal((await server.send('GET', path('anchors'))).status, 404)
    assert.equal((await server.send('GET', '/openapi/v3')).json.paths['apis/example.com/v1'] === undefined, false)
  })

  it('stop serving a version, then all', async () => {
    await define(server, 'decks', 'Deck', [v1, { ...v1, name: 'v9', storage: false }])
    assert.equal((await server.send('GET', path('decks', '', 'v9'))).status, 200)
    const patch = { spec: { versions: [v1, { ...v1, name: 'v9', storage: false, served: false }] } }
    await server.send('PATCH', `${CRDS}/decks.example.com`, patch, MERGE)
    assert.equal((await server.send('GET', path('decks', '', 'v9'))).status, 404)
    assert.equal((await server.send('GET', path('decks'))).status, 200)
    const { json } = await server.send('GET', '/openapi/v3')
    assert.equal(json.paths['apis/example.com/v9'], undefined)
  })

  it('in groups of the project need approval', async () => {
    const wanted = definition('gates', 'Gate') as {
      metadata: { name: string; annotations?: object }
      spec: { group: string }
    }
    wanted.metadata.name = 'gates.example.k8s.io'
    wanted.spec.group = 'example.k8s.io'
    assert.equal((await server.send('POST', CRDS, wanted, JSON_TYPE)).status, 422)
    wanted.metadata.annotations = { 'api-approved.kubernetes.io': 'https://example.com/1' }
    assert.equal((await server.send('POST', CRDS, wanted, JSON_TYPE)).status, 201)
  })

  it('convert by webhook not yet: other versions answer an error, the stored one stays readable', async () => {
    const versions = [v1, { ...v1, name: 'v2', storage: false }]
    const webhook = { conversionReviewVersions: ['v1'], clientConfig: { url: 'https://example.com' } }
    const both = definition('tides', 'Tide', versions) as { spec: { conversion?: object } }
    both.spec.conversion = { strategy: 'Webhook', webhook }
    assert.equal((await server.send('POST', CRDS, both, JSON_TYPE)).status, 201)
    await condition(server, 'tides', 'Established')
    await create(server, 'tides', 'Tide', 't', { size: 1 })
    assert.equal((await server.send('GET', path('tides', 't'))).status, 200)
    const { status, json } = await server.send('GET', path('tides', 't', 'v2'))
    assert.equal(status, 500)
    assert.match(json.message, /conversion webhook for example.com\/v1, Kind=Tide failed/)
  })

  it('are served again after a restart, with their objects', async () => {
    const store = createMemoryStore({ clock: systemClock })
    const first = await startMemoryServer({ store })
    await define(first, 'hulls', 'Hull')
    await create(first, 'hulls', 'Hull', 'h', { size: 1 })
    await first.server.stop()
    const second = await startMemoryServer({ store })
    assert.equal((await second.send('GET', path('hulls', 'h'))).json.spec.size, 1)
    await second.stop()
  })

  it('need no version where somebody else stored them, and none at all keeps the others from being served', async () => {
    const store = createMemoryStore({ clock: systemClock })
    const put = (name: string, spec: object): Promise<unknown> => {
      const written = {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name },
        spec,
      }
      const key = `/registry/apiextensions.k8s.io/customresourcedefinitions/${name}`
      return store.create(key, () => Buffer.from(JSON.stringify(written)))
    }
    const first = await startMemoryServer({ store })
    await define(first, 'hulls', 'Hull')
    await first.server.stop()
    const names = { plural: 'bares', kind: 'Bare' }
    await put('bares.example.com', { group: 'example.com', scope: 'Namespaced', names })
    await put('nulls.example.com', { group: 'example.com', scope: 'Namespaced', names, versions: [null] })
    const server = await startMemoryServer({ store })
    const { json } = await server.send('GET', `${CRDS}/bares.example.com`)
    assert.equal(json.spec.versions, null)
    assert.equal((await server.send('GET', path('hulls'))).status, 200)
    assert.equal((await server.send('GET', path('bares'))).status, 404)
    assert.equal((await server.send('DELETE', `${CRDS}/bares.example.com`)).status, 200)
    await server.stop()
  })
})
