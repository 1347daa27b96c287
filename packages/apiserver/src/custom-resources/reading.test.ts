import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const THINGS = '/apis/example.com/v1/things'
const text = { type: 'string' }
const preset = (value: string): object => ({ ...text, default: value })

/** What the versions say of `spec` besides the field of either. */
const versions = (v1: object, v2: object): object[] =>
  [v1, v2].map((properties, index) => ({
    name: `v${index + 1}`,
    served: true,
    storage: index === 1,
    schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } } },
  }))

const definition = (v1: object, v2: object): object => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'things.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Cluster',
    names: { plural: 'things', kind: 'Thing' },
    versions: versions(v1, v2),
  },
})

const head = { apiVersion: 'example.com/v1', kind: 'Thing' }

describe('custom objects as they are read', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer()
    await define({ a: preset('1'), b: text, c: text }, { a: text, b: preset('2'), c: text })
  })
  after(() => server.stop())

  async function define(v1: object, v2: object): Promise<void> {
    const { status } = await server.send('GET', `${CRDS}/things.example.com`)
    if (status === 404) {
      const watch = await server.watch(`${CRDS}?watch=true`)
      await server.send('POST', CRDS, definition(v1, v2))
      for (;;) {
        const { object } = await watch.next()
        if (object.status?.conditions?.some((each: { type: string }) => each.type === 'Established')) break
      }
      watch.end()
      return
    }
    const patch = { spec: { versions: versions(v1, v2) } }
    const media = { 'content-type': 'application/merge-patch+json' }
    const patched = await server.send('PATCH', `${CRDS}/things.example.com`, patch, media)
    assert.equal(patched.status, 200, patched.text)
  }

  it('have the defaults of the stored version, and of no other', async () => {
    const created = await server.send('POST', THINGS, { ...head, metadata: { name: 'one' }, spec: {} })
    // The first comes with the request, the second when it is read.
    assert.deepEqual(created.json.spec, { a: '1', b: '2' }, created.text)
    await define({ a: preset('1'), b: text, c: preset('own') }, { a: text, b: preset('2'), c: text })
    assert.deepEqual((await server.send('GET', `${THINGS}/one`)).json.spec, { a: '1', b: '2' })
    await define({ a: preset('1'), b: text, c: text }, { a: text, b: preset('2'), c: preset('stored') })
    const expected = { a: '1', b: '2', c: 'stored' }
    assert.deepEqual((await server.send('GET', `${THINGS}/one`)).json.spec, expected)
    const { json } = await server.send('GET', '/apis/example.com/v2/things')
    assert.deepEqual(json.items[0].spec, expected)
  })

  it('are read and deleted though an older server let malformed metadata in', async () => {
    const key = '/registry/example.com/things/old'
    const metadata = { name: 'old', annotations: { a: 42 }, labels: { invalid: 'x y' }, unknown: 1, generation: null }
    const old = { ...head, apiVersion: 'example.com/v2', metadata, spec: {} }
    await server.store.create(key, () => Buffer.from(JSON.stringify(old)))
    const { json, text } = await server.send('GET', `${THINGS}/old`)
    const { resourceVersion: _, ...read } = json.metadata
    assert.deepEqual(read, { name: 'old', labels: { invalid: 'x y' }, generation: 1 }, text)
    assert.equal((await server.send('DELETE', `${THINGS}/old`)).status, 200)
    assert.equal((await server.send('GET', `${THINGS}/old`)).status, 404)
  })

  const bodies: readonly [string, object, number, string][] = [
    [
      'no kind',
      { metadata: { name: 'x' } },
      400,
      `the object provided is unrecognized (must be of type Thing): Object 'Kind' is missing in '{"metadata":{"name":"x"}}' ({"metadata":{"name":"x"}})`,
    ],
    [
      'another kind',
      { ...head, kind: 'Other', metadata: { name: 'x' } },
      422,
      'Other.example.com "x" is invalid: kind: Invalid value: "Other": must be Thing',
    ],
  ]
  for (const [name, body, code, message] of bodies)
    it(`are refused with ${name}`, async () => {
      const { status, json } = await server.send('POST', THINGS, body)
      assert.deepEqual([status, json.message], [code, message])
    })

  const finalizers: readonly [string[], string[]][] = [
    [['example.com/kept', 'orphan', 'foregroundDeletion', 'kubernetes'], []],
    [['plain'], ['"plain": prefer a domain-qualified finalizer name to avoid']],
    [
      ['dotted.example.com'],
      ['"dotted.example.com": prefer a domain-qualified finalizer name including a path (/) to avoid'],
    ],
    [
      ['z', 'a'],
      [
        '"a": prefer a domain-qualified finalizer name to avoid',
        '"z": prefer a domain-qualified finalizer name to avoid',
      ],
    ],
  ]
  for (const [given, expected] of finalizers)
    it(`warn of finalizers: ${given}`, async () => {
      const metadata = { name: given[0]!.replace('/', '-').toLowerCase(), finalizers: given }
      const { headers } = await server.send('POST', THINGS, { ...head, metadata })
      const tail = 'accidental conflicts with other finalizer writers'
      const warnings = ([headers.warning ?? []].flat() as string[]).map(each => each.replaceAll('\\"', '"'))
      assert.deepEqual(
        warnings,
        expected.map(each => `299 - "metadata.finalizers: ${each} ${tail}"`),
      )
    })
})
