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
    assert.deepEqual(Object.keys(json.metadata), ['creationTimestamp'])
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

  it('say who sent them, but for those that are answered anew', async () => {
    const fieldsV1 = {
      'f:spec': {
        'f:resourceAttributes': { '.': {}, 'f:namespace': {}, 'f:resource': {}, 'f:verb': {} },
        'f:user': {},
      },
    }
    const body = { spec: { ...attributes, user: 'x' } }
    const { json } = await server.send('POST', `${AUTHORIZATION}/subjectaccessreviews?fieldManager=me`, body)
    const [{ time: _, ...owner }] = json.metadata.managedFields
    const apiVersion = 'authorization.k8s.io/v1'
    assert.deepEqual(owner, { manager: 'me', operation: 'Update', apiVersion, fieldsType: 'FieldsV1', fieldsV1 })
    const rules = await server.send('POST', `${AUTHORIZATION}/selfsubjectrulesreviews`, { spec: { namespace: 'a' } })
    assert.equal(rules.json.metadata.managedFields, undefined)
  })

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
      /labelSelector.requirements\[0\].key: Invalid value: "": name part must be non-empty/,
    ),
    ...selectors(
      { labelSelector: { requirements: [{ key: 'a', operator: 'In' }] } },
      /requirements\[0\].values: Required value: must be specified when `operator` is 'In' or 'NotIn'/,
    ),
    ...selectors(
      { labelSelector: { requirements: [{ key: 'a', operator: 'In', values: ['b!'] }] } },
      /^\.authorization\.k8s\.io "" is invalid: .*requirements\[0\].values\[0\]: Invalid value: "b!"/,
    ),
  ]
  for (const [path, body, code, message] of refused) {
    it(`refuse a bad ${path}`, async () => {
      const { status, json } = await server.send('POST', `${AUTHORIZATION}${path}`, body)
      assert.equal(status, code, json.message)
      assert.match(json.message, message)
    })
  }

  const ignored = 'spec.resourceAttributes.labelSelector ignored due to parse error'
  const partly = 'spec.resourceAttributes.fieldSelector partially ignored due to parse error'
  const understood: readonly [string, object, string | undefined][] = [
    ['a text', { labelSelector: { rawSelector: 'a=b' } }, undefined],
    ['a text that is none', { labelSelector: { rawSelector: 'a in (' } }, ignored],
    ['an operator of tomorrow', { labelSelector: { requirements: [{ key: 'a', operator: 'Gt' }] } }, ignored],
    [
      'a field that may be, and one that must exist',
      {
        fieldSelector: {
          requirements: [
            { key: 'a', operator: 'NotIn', values: ['b'] },
            { key: 'c', operator: 'Exists' },
          ],
        },
      },
      partly,
    ],
  ]
  for (const [name, asked, evaluationError] of understood) {
    it(`tell what of selectors they do not understand: ${name}`, async () => {
      const spec = { resourceAttributes: { verb: 'list', resource: 'pods', ...asked } }
      const { status, json } = await server.send('POST', `${AUTHORIZATION}/selfsubjectaccessreviews`, { spec })
      assert.equal(status, 201, json.message)
      assert.equal(json.status.evaluationError, evaluationError)
    })
  }

  it('are not listed', async () => {
    assert.equal((await server.send('GET', `${AUTHORIZATION}/subjectaccessreviews`)).status, 405)
  })
})

describe('a review of a token', () => {
  const TOKENS = '/apis/authentication.k8s.io/v1/tokenreviews'
  const said = { authenticated: true, user: { username: 'said' }, error: 'said', audiences: ['said'] }
  const { authenticated: _, ...rest } = said
  const tokenReviewer = {
    review(token: string) {
      if (token === 'broken') throw new Error('no such key')
      return token === 'good' ? { user: { name: 'jane', groups: [] }, audiences: ['api'] } : undefined
    },
  }
  /** The token, the status that the client sends, the one that it gets. */
  const rows: [token: string, sent: object | undefined, found: object][] = [
    ['good', undefined, { authenticated: true, user: { username: 'jane' }, audiences: ['api'] }],
    ['bad', undefined, { user: {}, error: 'invalid bearer token' }],
    ['broken', undefined, { user: {}, error: 'no such key' }],
    // what is not found out stays as it was sent
    ['good', said, { authenticated: true, user: { username: 'jane' }, audiences: ['api'], error: 'said' }],
    ['bad', said, { ...rest, error: 'invalid bearer token' }],
  ]
  for (const [token, sent, found] of rows) {
    it(`that is ${token}${sent === undefined ? '' : ', with a status'}`, async () => {
      const own = await startMemoryServer({ security: { tokenReviewer } })
      const { status, json } = await own.send('POST', TOKENS, { spec: { token }, ...(sent && { status: sent }) })
      await own.stop()
      assert.equal(status, 201, json.message)
      assert.deepEqual(json.status, found)
    })
  }

  it('says what the client says where nobody looks at tokens', async () => {
    const { json } = await server.send('POST', TOKENS, { spec: { token: 'x' }, status: said })
    assert.deepEqual(json.status, said)
  })
})
