import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { Secrets } from '@canopus/api'
import { type CertifiedKey, createAuthority, issueClientCertificate, systemClock } from '@canopus/platform'
import type { Authentication, Authenticator } from '../security.ts'
import { anonymousAuthenticator } from './anonymous.ts'
import { BearerTokens, bearerTokenOf } from './bearer.ts'
import { bootstrapTokens } from './bootstrap-token.ts'
import { ClientCertificateAuthenticator } from './client-certificate.ts'
import { bearer, FakeObjects, fakeRequest } from './testing/fake-objects.ts'
import { parseTokenFile } from './token-file.ts'
import { unionAuthenticator } from './union.ts'
import { webSocketProtocols } from './web-socket-protocols.ts'

const TOKEN = 'base64url.bearer.authorization.k8s.io.'
const webSocket = (protocols: string): Record<string, string> => ({
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-protocol': protocols,
})

describe('client certificates', () => {
  let ca: CertifiedKey
  let der: Uint8Array
  before(async () => {
    ca = await createAuthority({ commonName: 'test', clock: systemClock })
    const user = { commonName: 'jane', organizations: ['dev', 'ops'], clock: systemClock, validity: 3_600_000 }
    der = new X509Certificate((await issueClientCertificate(ca, user)).certificate).raw
  })
  const at = (now: number) => new ClientCertificateAuthenticator(() => now)

  it('name the user by CN and the groups by O', async () => {
    const found = at(Date.now()).authenticate(fakeRequest({}, { certificate: der, certificateVerified: true }))
    assert.equal(found?.user.name, 'jane')
    assert.deepEqual(found?.user.groups, ['dev', 'ops'])
    assert.match(
      found?.user.extra?.['authentication.kubernetes.io/credential-id']?.[0] ?? '',
      /^X509SHA256=[0-9a-f]{64}$/,
    )
  })

  it('are ignored where there is none, refused where they are foreign or have ended', () => {
    assert.equal(at(Date.now()).authenticate(fakeRequest()), undefined)
    const foreign = fakeRequest({}, { certificate: der, certificateVerified: false })
    assert.throws(() => at(Date.now()).authenticate(foreign), /unknown authority/)
    const late = fakeRequest({}, { certificate: der, certificateVerified: true })
    assert.throws(() => at(Date.now() + 3_700_000).authenticate(late), /expired/)
  })

  it('are read once per connection', () => {
    const authenticator = at(Date.now())
    const request = fakeRequest({}, { certificate: der, certificateVerified: true })
    assert.equal(authenticator.authenticate(request), authenticator.authenticate(request))
  })
})

describe('bearer tokens', () => {
  const cases: [string, Record<string, string>, string | undefined][] = [
    ['none', {}, undefined],
    ['plain', { authorization: 'Bearer abc' }, 'abc'],
    ['any case, more blanks', { authorization: 'bearer   abc ' }, 'abc'],
    ['basic is another matter', { authorization: 'Basic abc' }, undefined],
    ['empty', { authorization: 'Bearer ' }, undefined],
    ['a WebSocket subprotocol', webSocket(`v5.channel.k8s.io, ${TOKEN}YWJj`), 'abc'],
    ['no WebSocket', { 'sec-websocket-protocol': `v5.channel.k8s.io, ${TOKEN}YWJj` }, undefined],
    ['another subprotocol', webSocket('v5.channel.k8s.io'), undefined],
    ['a header goes before a subprotocol', { ...webSocket(`x, ${TOKEN}YWJj`), authorization: 'Bearer def' }, 'def'],
  ]
  for (const [name, headers, expected] of cases) {
    it(`are found: ${name}`, () => assert.equal(bearerTokenOf(headers), expected))
  }

  const refused: readonly [string, RegExp][] = [
    [`${TOKEN}YWJj`, /missing additional subprotocol/],
    [`x, ${TOKEN}YWJj, ${TOKEN}YWJj`, /multiple base64.bearer.authorization tokens/],
    [`x, ${TOKEN}YWJj==`, /invalid base64.bearer.authorization token encoding/],
    [`x, ${TOKEN}_w`, /invalid base64.bearer.authorization token$/],
  ]
  for (const [protocols, reason] of refused) {
    it(`are refused among subprotocols: ${protocols}`, () => {
      assert.throws(() => bearerTokenOf(webSocket(protocols)), reason)
    })
  }

  it('are no subprotocol that anybody else sees', () => {
    assert.deepEqual(webSocketProtocols(webSocket(`a, ${TOKEN}YWJj,b`)), ['a', 'b'])
    assert.deepEqual(webSocketProtocols({}), [])
  })

  it('of a static file name user, uid and groups', () => {
    const file = parseTokenFile('t1,jane,u1\n# comment\nt2,"joe, the second",u2,"dev,ops"\n')
    assert.deepEqual(file.authenticateToken('t1', []), { user: { name: 'jane', uid: 'u1', groups: [] } })
    const joe = { user: { name: 'joe, the second', uid: 'u2', groups: ['dev', 'ops'] } }
    assert.deepEqual(file.authenticateToken('t2', []), joe)
    assert.equal(file.authenticateToken('t3', []), undefined)
    assert.throws(() => parseTokenFile('only-token'), /line 1/)
  })

  it('nobody knows are refused', () => {
    const tokens = new BearerTokens([parseTokenFile('t1,jane,u1')], ['api'])
    assert.throws(() => tokens.authenticate(bearer('other')), /invalid bearer token/)
    assert.deepEqual(tokens.review('t1', []), {
      user: { name: 'jane', uid: 'u1', groups: ['system:authenticated'] },
      audiences: ['api'],
    })
    assert.equal(tokens.review('other', []), undefined)
  })
})

describe('bootstrap tokens', () => {
  const NOW = Date.UTC(2026, 0, 1)
  const secret = (data: Record<string, string>, type = 'bootstrap.kubernetes.io/token') => ({
    metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
    type,
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, btoa(value)])),
  })
  const good = {
    'token-id': 'abcdef',
    'token-secret': '0123456789abcdef',
    'usage-bootstrap-authentication': 'true',
  }
  const cases: [string, object, string, boolean][] = [
    ['good', secret(good), 'abcdef.0123456789abcdef', true],
    ['wrong secret', secret(good), 'abcdef.0123456789abcdee', false],
    ['not the form', secret(good), 'abcdef-0123456789abcdef', false],
    ['unknown id', secret(good), 'abcdee.0123456789abcdef', false],
    ['ended', secret({ ...good, expiration: '2025-12-31T23:59:59Z' }), 'abcdef.0123456789abcdef', false],
    ['not ended', secret({ ...good, expiration: '2026-01-01T00:00:01Z' }), 'abcdef.0123456789abcdef', true],
    ['senseless end', secret({ ...good, expiration: 'soon' }), 'abcdef.0123456789abcdef', false],
    [
      'for signing only',
      secret({ ...good, 'usage-bootstrap-authentication': 'false' }),
      'abcdef.0123456789abcdef',
      false,
    ],
    ['another type', secret(good, 'Opaque'), 'abcdef.0123456789abcdef', false],
  ]
  for (const [name, object, token, valid] of cases) {
    it(`are ${valid ? 'accepted' : 'refused'}: ${name}`, () => {
      const objects = new FakeObjects()
      objects.put(Secrets, object)
      const found = bootstrapTokens(objects, () => NOW).authenticateToken(token, []) as Authentication | undefined
      assert.equal(found?.user.name, valid ? 'system:bootstrap:abcdef' : undefined)
    })
  }

  it('carry extra groups, but no others than bootstrappers', () => {
    const objects = new FakeObjects()
    objects.put(Secrets, secret({ ...good, 'auth-extra-groups': 'system:bootstrappers:canopus' }))
    const tokens = bootstrapTokens(objects, () => NOW)
    const found = tokens.authenticateToken('abcdef.0123456789abcdef', []) as Authentication
    assert.deepEqual(found.user.groups, ['system:bootstrappers', 'system:bootstrappers:canopus'])
    objects.put(Secrets, secret({ ...good, 'auth-extra-groups': 'system:masters' }))
    assert.throws(() => tokens.authenticateToken('abcdef.0123456789abcdef', []), /bootstrap group/)
  })
})

describe('union', () => {
  const nobody: Authenticator = { authenticate: () => undefined }
  const broken: Authenticator = {
    authenticate: () => {
      throw new Error('broken')
    },
  }
  const jane: Authenticator = { authenticate: () => ({ user: { name: 'jane', groups: ['dev'] } }) }
  const later = (inner: Authenticator): Authenticator => ({
    authenticate: async request => inner.authenticate(request),
  })
  const cases: [string, Authenticator[], boolean, string | undefined | Error][] = [
    ['the first that knows', [nobody, jane], true, 'jane'],
    ['also one that answers later', [later(nobody), later(jane)], true, 'jane'],
    ['in spite of a bad credential before', [broken, jane], true, 'jane'],
    ['in spite of a bad credential before, later', [later(broken), jane], true, 'jane'],
    ['anonymous without a credential', [nobody, later(nobody)], true, 'system:anonymous'],
    ['nobody where anonymous is off', [nobody], false, undefined],
    ['an error, not anonymous, for a bad credential', [nobody, broken], true, new Error('broken')],
    ['an error, not anonymous, for a bad credential, later', [later(broken)], true, new Error('broken')],
  ]
  for (const [name, credentials, anonymous, expected] of cases) {
    it(`gives ${name}`, async () => {
      const union = unionAuthenticator({ credentials, ...(anonymous ? { anonymous: anonymousAuthenticator } : {}) })
      const ask = async () => union.authenticate(fakeRequest())
      if (expected instanceof Error) return assert.rejects(ask(), expected)
      assert.equal((await ask())?.user.name, expected)
    })
  }

  it('adds system:authenticated, but not to anonymous', () => {
    const union = unionAuthenticator({ credentials: [jane], anonymous: anonymousAuthenticator })
    const found = union.authenticate(fakeRequest()) as Authentication
    assert.deepEqual(found.user.groups, ['dev', 'system:authenticated'])
    const none = unionAuthenticator({ credentials: [nobody], anonymous: anonymousAuthenticator })
    assert.deepEqual((none.authenticate(fakeRequest()) as Authentication).user.groups, ['system:unauthenticated'])
  })
})
