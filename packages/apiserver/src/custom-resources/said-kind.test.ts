/** Custom objects say what they are, as an API server of 1.36.1 wants it. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

const SAILS = '/apis/example.com/v1/namespaces/default/sails'
const MERGE = 'application/merge-patch+json'
const JSON_PATCH = 'application/json-patch+json'

const SCHEMA = { type: 'object', properties: { long: { type: 'integer', format: 'int64' } } }

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'sails.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'sails', kind: 'Sail' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: SCHEMA } }],
  },
}

const wrongVersion = 'the API version in the data () does not match the expected API version (example.com/v1)'
const noVersion = "Internal error occurred: Object 'apiVersion' is missing in 'object has no apiVersion field'"
const otherKind = (name: string): string =>
  `Boat.example.com "${name}" is invalid: kind: Invalid value: "Boat": must be Sail`
const unrecognized = (text: string): string =>
  `the object provided is unrecognized (must be of type Sail): Object 'Kind' is missing in '${text}' (${text})`

describe('what a custom object says that it is', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer()
    await server.send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)
    const watch = await server.watch('/apis/apiextensions.k8s.io/v1/customresourcedefinitions?watch=true')
    const established = (each: { type: string; status: string }): boolean =>
      each.type === 'Established' && each.status === 'True'
    for (;;) {
      const { object } = await watch.next()
      if (object.status?.conditions?.some(established)) break
    }
    watch.end()
    const { status } = await server.send('POST', SAILS, sail({}))
    assert.equal(status, 201)
  })
  after(() => server.stop())

  const sail = (said: object): object => ({
    apiVersion: 'example.com/v1',
    kind: 'Sail',
    metadata: { name: 'one' },
    ...said,
  })

  const bodies: readonly [body: object, code: number, message: string][] = [
    [sail({ apiVersion: undefined }), 400, wrongVersion],
    [sail({ apiVersion: '' }), 400, wrongVersion],
    [sail({ apiVersion: undefined, kind: 'Boat' }), 400, wrongVersion],
    [{ apiVersion: 'v1' }, 400, unrecognized('{"apiVersion":"v1"}')],
    [{ metadata: 1 }, 400, unrecognized('{"metadata":1}')],
  ]
  for (const [body, code, message] of bodies) {
    it(JSON.stringify(body), async () => {
      for (const [method, path] of [
        ['POST', SAILS],
        ['PUT', `${SAILS}/one`],
      ] as const) {
        const { status, json } = await server.send(method, path, body)
        assert.deepEqual([status, json.message], [code, message])
      }
    })
  }

  it('another kind is invalid once the rest fits', async () => {
    const created = await server.send('POST', SAILS, sail({ kind: 'Boat', metadata: { name: 'two' } }))
    assert.deepEqual([created.status, created.json.message], [422, otherKind('two')])
    const unsaid = await server.send('PUT', `${SAILS}/one`, sail({ kind: 'Boat' }))
    assert.match(unsaid.json.message!, /^sails.example.com "one" is invalid: metadata.resourceVersion: /)
    const { json: one } = await server.send('GET', `${SAILS}/one`)
    const { resourceVersion } = one.metadata!
    const said = sail({ kind: 'Boat', metadata: { name: 'one', resourceVersion } })
    const updated = await server.send('PUT', `${SAILS}/one`, said)
    assert.deepEqual([updated.status, updated.json.message], [422, otherKind('one')])
  })

  const patches: readonly [type: string, body: string, code: number, message: RegExp][] = [
    [MERGE, '{"apiVersion":null}', 500, new RegExp(`^${noVersion}$`)],
    [MERGE, '{"apiVersion":""}', 500, new RegExp(`^${noVersion}$`)],
    [JSON_PATCH, '[{"op":"remove","path":"/apiVersion"}]', 500, new RegExp(`^${noVersion}$`)],
    [
      JSON_PATCH,
      '[{"op":"replace","path":"/apiVersion","value":null}]',
      422,
      /: .apiVersion accessor error: <nil> is of the type <nil>, expected string$/,
    ],
    [MERGE, '{"kind":null}', 422, /: Object 'Kind' is missing in '\{"apiVersion":"example.com\/v1","metadata":.*\}'$/],
    [MERGE, '{"kind":""}', 422, /: Object 'Kind' is missing in '\{.*"kind":"".*\}'$/],
  ]
  for (const [type, body, code, message] of patches) {
    it(`PATCH ${type} ${body}`, async () => {
      const { status, json } = await server.send('PATCH', `${SAILS}/one`, body, { 'content-type': type })
      assert.equal(status, code)
      assert.match(json.message!, message)
    })
  }

  it('integers that no double holds are applied as they are', async () => {
    for (const text of [
      '{"apiVersion":"example.com/v1","kind":"Sail","metadata":{"name":"long"},"long":9007199254740993}',
      'apiVersion: example.com/v1\nkind: Sail\nmetadata:\n  name: long\nlong: 9223372036854775807\n',
    ]) {
      const { text: answer } = await server.send('PATCH', `${SAILS}/long?fieldManager=m&force=true`, text, {
        'content-type': 'application/apply-patch+yaml',
      })
      assert.match(answer, /"long":(?:9007199254740993|9223372036854775807)[,}]/)
    }
  })
})
