import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

let server: MemoryServer
before(async () => {
  server = await startMemoryServer()
})
after(() => server.stop())

const AUTHORIZATION = '/apis/authorization.k8s.io/v1'
const attributes = { resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default' } }

/** A refused question with these selectors. */
function selectors(asked: object, message: RegExp): [string, object, number, RegExp][] {
  const spec = { resourceAttributes: { verb: 'list', resource: 'pods', ...asked } }
  return [['/selfsubjectaccessreviews', { spec }, 422, message]]
}

describe('reviews', () => {
  it('say who asks', async () => {
    const { status, json } = await server.send('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {})
    assert.equal(status, 201)
    assert.equal(json.kind, 'SelfSubjectReview')
    assert.equal(json.status.userInfo.username, 'tester')
  })

  const accepted: readonly [string, object][] = [
    ['/selfsubjectaccessreviews', { spec: attributes }],
    ['/subjectaccessreviews', { spec: { ...attributes, user: 'x' } }],
    [
      '/namespaces/default/localsubjectaccessreviews',
      { metadata: { namespace: 'default' }, spec: { ...attributes, user: 'x' } },
    ],
    ['/selfsubjectaccessreviews', { spec: { nonResourceAttributes: { path: '/x', verb: 'get' } } }],
  ]
  for (const [path, body] of accepted) {
    it(`answer POST ${path}`, async () => {
      const { status, json } = await server.send('POST', `${AUTHORIZATION}${path}`, body)
      assert.equal(status, 201, json.message)
      assert.equal(json.status.allowed, true)
    })
  }

  const refused: readonly [string, object, number, RegExp][] = [
    ['/subjectaccessreviews', { spec: attributes }, 422, /at least one of user or group must be specified/],
    [
      '/selfsubjectaccessreviews',
      { spec: {} },
      422,
      /exactly one of nonResourceAttributes or resourceAttributes must be specified/,
    ],
    [
      '/namespaces/other/localsubjectaccessreviews',
      { spec: { ...attributes, user: 'x' } },
      422,
      /must match metadata.namespace/,
    ],
    ['/selfsubjectrulesreviews', { spec: {} }, 400, /no namespace on request/],
    [
      '/subjectaccessreviews',
      { metadata: { name: 'x' }, spec: { ...attributes, user: 'x' } },
      422,
      /metadata: Invalid value: .*: must be empty$/,
    ],
    [
      '/namespaces/default/localsubjectaccessreviews',
      { spec: { nonResourceAttributes: { path: '/x' }, user: 'x' } },
      422,
      /spec.nonResourceAttributes: Invalid value: .*: disallowed on this kind of request/,
    ],
    ...selectors(
      { fieldSelector: {} },
      /fieldSelector.requirements: Required value: when spec.resourceAttributes.fieldSelector/,
    ),
    ...selectors(
      { fieldSelector: { rawSelector: 'foo', requirements: [{ key: 'a', operator: 'In', values: ['b'] }] } },
      /fieldSelector.rawSelector: Invalid value: "foo": may not specified at the same time as requirements/,
    ),
    ...selectors(
      { labelSelector: { requirements: [{ key: '', operator: 'Exists' }] } },
      /labelSelector.requirements\[0\].key: Required value/,
    ),
    ...selectors(
      { labelSelector: { requirements: [{ key: 'a', operator: 'In' }] } },
      /requirements\[0\].values: Required value: must be specified when `operator` is 'In' or 'NotIn'/,
    ),
  ]
  for (const [path, body, code, message] of refused) {
    it(`refuse a bad ${path}`, async () => {
      const { status, json } = await server.send('POST', `${AUTHORIZATION}${path}`, body)
      assert.equal(status, code, json.message)
      assert.match(json.message, message)
    })
  }

  it('are not listed', async () => {
    assert.equal((await server.send('GET', `${AUTHORIZATION}/subjectaccessreviews`)).status, 405)
  })
})

describe('component statuses', () => {
  const path = '/api/v1/componentstatuses'
  const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }

  it('are told with a warning, alone and in a list', async () => {
    const list = await server.send('GET', path)
    assert.deepEqual([list.json.kind, list.json.items.length], ['ComponentStatusList', 1])
    assert.match(String(list.headers.warning), /v1 ComponentStatus is deprecated in v1\.19\+/)
    const { json } = await server.send('GET', `${path}/etcd-0`)
    assert.deepEqual([json.kind, json.conditions[0].status], ['ComponentStatus', 'True'])
    assert.equal((await server.send('GET', `${path}/none`)).status, 404)
    assert.deepEqual((await server.send('GET', `${path}?fieldSelector=metadata.name%3Dnone`)).json.items, [])
  })

  it('have columns of their own', async () => {
    for (const asked of [path, `${path}/etcd-0`]) {
      const { json } = await server.send('GET', asked, undefined, table)
      const names = json.columnDefinitions.map((column: { name: string }) => column.name)
      assert.deepEqual(names, ['Name', 'Status', 'Message', 'Error'])
      assert.deepEqual(json.rows[0].cells, ['etcd-0', 'Healthy', 'ok', ''])
      assert.equal(json.rows[0].object.kind, 'PartialObjectMetadata')
    }
  })
})
