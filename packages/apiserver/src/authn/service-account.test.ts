import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { beforeEach, describe, it } from 'node:test'
import { Nodes, Pods, Secrets, ServiceAccounts } from '@canopus/api'
import type { TokenRequest } from '@canopus/api/authentication/v1'
import type { Secret, ServiceAccount } from '@canopus/api/core/v1'
import { formatDay, StatusError } from '@canopus/apimachinery'
import { MetricsRegistry, SeededRandom, SimulatedClock, silentLogger } from '@canopus/base'
import type { Authentication } from '../security.ts'
import { discoveryDocuments } from './discovery-documents.ts'
import { issueLegacyToken, ServiceAccountTokenIssuer } from './service-account-issuer.ts'
import { serviceAccountKeys } from './service-account-keys.ts'
import { ServiceAccountTokens } from './service-account-tokens.ts'
import { FakeObjects } from './testing/fake-objects.ts'
import { TokenUses } from './token-uses.ts'

const pem = (type: 'ec' | 'rsa'): string => {
  const pair =
    type === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 })
  return pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
}
const KEY = pem('ec')
const API = 'https://kubernetes.default.svc'
const START = new SimulatedClock().now()
const DAY = 86_400_000

function setUp(key = KEY) {
  const objects = new FakeObjects()
  const clock = new SimulatedClock()
  const keys = serviceAccountKeys(key)
  const random = new SeededRandom(1)
  const issuer = new ServiceAccountTokenIssuer({ keys, issuer: API, audiences: [API], objects, clock, random })
  const metrics = new MetricsRegistry()
  const labels: object[] = []
  const uses = new TokenUses({
    clock,
    metrics,
    logger: silentLogger,
    label: async (_, added) => labels.push(added),
  })
  const tokens = new ServiceAccountTokens({ keys, issuers: [API], audiences: [API], objects, clock, uses })
  const account = { metadata: { name: 'robot', namespace: 'ns', uid: 'sa-uid' } } as ServiceAccount
  objects.put(ServiceAccounts, account)
  objects.put(Nodes, { metadata: { name: 'n1', uid: 'node-uid' } })
  objects.put(Pods, {
    metadata: { name: 'pod', namespace: 'ns', uid: 'pod-uid' },
    spec: { serviceAccountName: 'robot', nodeName: 'n1' },
  })
  objects.put(Secrets, { metadata: { name: 'sec', namespace: 'ns', uid: 'sec-uid' } })
  return { objects, clock, issuer, tokens, account, keys, metrics, labels }
}

const request = (spec: TokenRequest['spec'] = {}): TokenRequest => ({ metadata: {} as TokenRequest['metadata'], spec })
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString('utf8'))

describe('bound service-account tokens', () => {
  let fixture: ReturnType<typeof setUp>
  beforeEach(() => {
    fixture = setUp()
  })
  const issue = async (spec?: TokenRequest['spec']) =>
    (await fixture.issuer.issue(fixture.account, request(spec))).status!

  it('carry the claims that upstream writes', async () => {
    const { clock } = fixture
    const now = Math.floor(clock.now() / 1000)
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'pod', uid: 'pod-uid' }
    const status = await issue({ audiences: ['vault'], expirationSeconds: 600, boundObjectRef })
    const { jti, ...claims } = claimsOf(status.token)
    assert.match(jti, /^[0-9a-f-]{36}$/)
    assert.deepEqual(claims, {
      aud: ['vault'],
      exp: now + 600,
      iat: now,
      iss: API,
      'kubernetes.io': {
        namespace: 'ns',
        node: { name: 'n1', uid: 'node-uid' },
        pod: { name: 'pod', uid: 'pod-uid' },
        serviceaccount: { name: 'robot', uid: 'sa-uid' },
      },
      nbf: now,
      sub: 'system:serviceaccount:ns:robot',
    })
    assert.equal(Date.parse(status.expirationTimestamp), (now + 600) * 1000)
  })

  it('of projected volumes live a year and say when the time asked for is over', async () => {
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'pod' }
    const status = await issue({ expirationSeconds: 3607, boundObjectRef })
    const claims = claimsOf(status.token)
    assert.equal(claims.exp - claims.iat, 365 * 24 * 3600)
    assert.equal(claims['kubernetes.io'].warnafter - claims.iat, 3607)
    assert.equal(Date.parse(status.expirationTimestamp), (claims.iat + 3607) * 1000)
  })

  it('live no longer than the server lets them, with a warning', async () => {
    const { account, clock, keys, objects } = fixture
    const options = { keys, issuer: API, audiences: [API], objects, clock, random: new SeededRandom(1) }
    const warnings: string[] = []
    const strict = new ServiceAccountTokenIssuer({ ...options, longestSeconds: 1800, extendExpiration: false })
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'pod' }
    const answer = await strict.issue(account, request({ expirationSeconds: 3607, boundObjectRef }), text =>
      warnings.push(text),
    )
    assert.deepEqual(warnings, ['requested expiration of 3607 seconds shortened to 1800 seconds'])
    assert.equal(answer.spec.expirationSeconds, 1800)
    const claims = claimsOf(answer.status!.token)
    assert.equal(claims.exp - claims.iat, 1800)
    assert.equal(claims['kubernetes.io'].warnafter, undefined)
    assert.match(String(answer.metadata.creationTimestamp), /Z$/)
  })

  it('are remarked on in audit events where they are used beyond the time asked for', async () => {
    const { tokens, clock } = fixture
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'pod' }
    const { token } = await issue({ expirationSeconds: 3607, boundObjectRef })
    const notes: string[][] = []
    const use = () => tokens.authenticateToken(token, [API], (...note) => notes.push(note))
    await use()
    assert.deepEqual(notes, [])
    await clock.advance(3607_000 + 5000)
    await use()
    const text = 'subject: system:serviceaccount:ns:robot, seconds after warning threshold: 5'
    assert.deepEqual(notes, [['authentication.k8s.io/stale-token', text]])
  })

  it('identify the account, with what is known of the pod', async () => {
    const { tokens } = fixture
    const status = await issue({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'pod' } })
    const found = (await tokens.authenticateToken(status.token, [API])) as Authentication
    const { 'authentication.kubernetes.io/credential-id': id, ...extra } = found.user.extra!
    assert.match(id![0]!, /^JTI=/)
    assert.deepEqual(
      { ...found.user, extra },
      {
        name: 'system:serviceaccount:ns:robot',
        uid: 'sa-uid',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:ns'],
        extra: {
          'authentication.kubernetes.io/node-name': ['n1'],
          'authentication.kubernetes.io/node-uid': ['node-uid'],
          'authentication.kubernetes.io/pod-name': ['pod'],
          'authentication.kubernetes.io/pod-uid': ['pod-uid'],
        },
      },
    )
    assert.equal(tokens.authenticateToken(status.token, [API]) instanceof Promise, false, 'second time from memory')
  })

  const refusals: [string, TokenRequest['spec'], number, RegExp][] = [
    ['too short', { expirationSeconds: 599 }, 422, /may not specify a duration less than 10 minutes/],
    ['too long', { expirationSeconds: 2 ** 33 }, 422, /may not specify a duration larger than 2\^32 seconds/],
    ['missing pod', { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'x' } }, 404, /^pods "x" not found$/],
    [
      'another uid',
      { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'pod', uid: 'old' } },
      409,
      /the UID in the bound object reference \(old\) does not match the UID in record/,
    ],
    [
      'odd kind',
      { boundObjectRef: { kind: 'Job', apiVersion: 'batch/v1', name: 'x' } },
      400,
      /type batch\/v1, Kind=Job$/,
    ],
    ['odd core kind', { boundObjectRef: { kind: 'Job', apiVersion: 'v1', name: 'x' } }, 400, /type \/v1, Kind=Job$/],
  ]
  for (const [name, spec, code, text] of refusals) {
    it(`are not issued: ${name}`, async () => {
      await assert.rejects(issue(spec), (error: unknown) => {
        assert.ok(error instanceof StatusError)
        assert.equal(error.code, code)
        assert.match(error.message, text)
        return true
      })
    })
  }

  it('are not issued for another account of the same name', async () => {
    const asked = (uid: string) => ({ metadata: { uid } as TokenRequest['metadata'], spec: {} })
    const { issuer, account } = fixture
    await assert.rejects(issuer.issue(account, asked('old')), {
      code: 409,
      message:
        'Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "robot": the UID in the token request (old) does not match the UID of the service account (sa-uid)',
    })
    for (const uid of ['sa-uid', '']) {
      assert.equal((await issuer.issue(account, asked(uid))).metadata.uid, 'sa-uid')
    }
  })

  it('are not issued for a pod of another account', async () => {
    const other = { metadata: { name: 'other', namespace: 'ns', uid: 'o' } } as ServiceAccount
    const asked = request({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'pod' } })
    await assert.rejects(fixture.issuer.issue(other, asked), /different serviceaccount name/)
  })

  type Fixture = ReturnType<typeof setUp>
  const deaths: [string, TokenRequest['spec'], (fixture: Fixture) => unknown][] = [
    ['its time is over', {}, ({ clock }) => clock.advance(3600_000)],
    ['its account is gone', {}, ({ objects }) => objects.remove(ServiceAccounts, 'robot', 'ns')],
    [
      'its account is another of that name',
      {},
      ({ objects }) => objects.put(ServiceAccounts, { metadata: { name: 'robot', namespace: 'ns', uid: 'new' } }),
    ],
    [
      'its pod is gone',
      { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'pod' } },
      ({ objects }) => objects.remove(Pods, 'pod', 'ns'),
    ],
    [
      'its secret is gone',
      { boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: 'sec' } },
      ({ objects }) => objects.remove(Secrets, 'sec', 'ns'),
    ],
    [
      'its node is gone',
      { boundObjectRef: { kind: 'Node', apiVersion: 'v1', name: 'n1' } },
      ({ objects }) => objects.remove(Nodes, 'n1'),
    ],
  ]
  for (const [name, spec, kill] of deaths) {
    it(`end when ${name}`, async () => {
      const { token } = await issue(spec)
      assert.ok(await fixture.tokens.authenticateToken(token, [API]))
      await kill(fixture)
      await assert.rejects(async () => fixture.tokens.authenticateToken(token, [API]), /expired|invalidated/)
    })
  }

  it('are accepted although the cache does not know their pod yet', async () => {
    const { objects, tokens } = fixture
    const young = { metadata: { name: 'young', namespace: 'ns', uid: 'y' }, spec: { serviceAccountName: 'robot' } }
    objects.putOnlyFresh(Pods, young)
    const { token } = await issue({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'young' } })
    assert.ok(await tokens.authenticateToken(token, [API]))
  })

  it('are refused for other audiences, altered, or signed by another key', async () => {
    const { token } = await issue({ audiences: ['vault'] })
    await assert.rejects(async () => fixture.tokens.authenticateToken(token, [API]), /target audiences/)
    const forVault = (await fixture.tokens.authenticateToken(token, ['vault', API])) as Authentication
    assert.deepEqual(forVault.audiences, ['vault'])
    const [head, body, signature] = (await issue()).token.split('.') as [string, string, string]
    const claims = { ...claimsOf(`.${body}.`), sub: 'system:serviceaccount:ns:admin' }
    const altered = `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`
    await assert.rejects(async () => fixture.tokens.authenticateToken(altered, [API]), /invalid service account token/)
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    const unsigned = `${none}.${body}.`
    await assert.rejects(async () => fixture.tokens.authenticateToken(unsigned, [API]), /invalid service account token/)
    const stranger = setUp(pem('ec'))
    const theirs = (await stranger.issuer.issue(stranger.account, request())).status!.token
    await assert.rejects(async () => fixture.tokens.authenticateToken(theirs, [API]), /unknown key/)
    assert.equal(fixture.tokens.authenticateToken('a.b.c', [API]), undefined)
    assert.equal(fixture.tokens.authenticateToken('static', [API]), undefined)
  })

  it('can be signed with RSA', async () => {
    const rsa = setUp(pem('rsa'))
    const { token } = (await rsa.issuer.issue(rsa.account, request())).status!
    assert.equal(JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).alg, 'RS256')
    assert.ok(await rsa.tokens.authenticateToken(token, [API]))
  })
})

describe('legacy service-account tokens', () => {
  it('are good while their secret holds them', async () => {
    const { keys, tokens, objects, account } = setUp()
    const secret = { metadata: { name: 'robot-token', namespace: 'ns' } } as Secret
    const token = await issueLegacyToken(keys, account, secret)
    objects.put(Secrets, { ...secret, data: { token: btoa(token) } })
    const found = (await tokens.authenticateToken(token, [API])) as Authentication
    assert.equal(found.user.name, 'system:serviceaccount:ns:robot')
    await assert.rejects(async () => tokens.authenticateToken(token, ['vault']), /audiences/)
    objects.put(Secrets, { ...secret, data: { token: btoa('another') } })
    await assert.rejects(async () => tokens.authenticateToken(token, [API]), /invalidated/)
  })

  const LAST_USED = 'kubernetes.io/legacy-token-last-used'
  const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since'
  const [TODAY, TOMORROW] = [formatDay(START), formatDay(START + DAY)]
  const WARNING =
    'Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens.'
  const LEGACY = { 'legacy-token': 'system:serviceaccount:ns:robot' }

  interface Use {
    labels?: Record<string, string>
    /** Whether the account lists the secret. */
    listed?: boolean
    outcome?: string
    notes: Record<string, string>
    counted: string
    labelled: boolean
  }
  const uses: readonly [string, Use][] = [
    [
      'somebody made',
      { notes: { 'legacy-token-manual-secret': 'robot-token' }, counted: 'legacy_manual_token_uses', labelled: true },
    ],
    [
      'that were made by themselves',
      {
        listed: true,
        outcome: WARNING,
        notes: { 'legacy-token-autogenerated-secret': 'robot-token' },
        counted: 'legacy_auto_token_uses',
        labelled: true,
      },
    ],
    [
      'that were used today',
      {
        labels: { [LAST_USED]: TODAY },
        notes: { 'legacy-token-manual-secret': 'robot-token' },
        counted: 'legacy_manual_token_uses',
        labelled: false,
      },
    ],
    [
      'that were used where it is tomorrow',
      {
        labels: { [LAST_USED]: TOMORROW },
        notes: { 'legacy-token-manual-secret': 'robot-token' },
        counted: 'legacy_manual_token_uses',
        labelled: false,
      },
    ],
    [
      'that are not to be used any more',
      {
        labels: { [INVALID_SINCE]: '2020-01-01', [LAST_USED]: '2019-01-01' },
        listed: true,
        outcome:
          'the token in secret ns/robot-token for service account ns/robot has been marked invalid. Use tokens from the TokenRequest API ' +
          `or manually created secret-based tokens, or remove the '${INVALID_SINCE}' label from the secret to temporarily allow use of this token`,
        notes: { 'legacy-token-invalidated': 'robot-token/ns' },
        counted: 'invalid_legacy_auto_token_uses',
        labelled: true,
      },
    ],
  ]
  for (const [name, { labels: before, listed, outcome = '', notes, counted, labelled }] of uses) {
    it(`are tracked: ${name}`, async () => {
      const { keys, tokens, objects, account, metrics, labels } = setUp()
      const metadata = { name: 'robot-token', namespace: 'ns', uid: 'u', ...(before ? { labels: before } : {}) }
      const secret = { metadata } as Secret
      const token = await issueLegacyToken(keys, account, secret)
      objects.put(Secrets, { ...secret, data: { token: btoa(token) } })
      if (listed) objects.put(ServiceAccounts, { ...account, secrets: [{ name: 'robot-token' }] })
      const told: Record<string, string> = {}
      const use = async (): Promise<string> => {
        const found = await tokens.authenticateToken(token, [API], (key, value) => {
          told[key.replace('authentication.k8s.io/', '')] = value
        })
        return found?.warnings?.join() ?? ''
      }
      const failed = (error: Error): string => error.message
      assert.equal(await use().catch(failed), outcome)
      assert.equal(await use().catch(failed), outcome)
      assert.deepEqual(told, { ...LEGACY, ...notes })
      const lines = metrics
        .text()
        .match(/^serviceaccount_.* [1-9]\d*$/gm)
        ?.sort()
      assert.deepEqual(lines, [`serviceaccount_${counted}_total 2`, 'serviceaccount_legacy_tokens_total 2'].sort())
      // The label of the first use is not in the cache yet at the second.
      assert.deepEqual(labels, labelled ? [{ [LAST_USED]: TODAY }] : [])
    })
  }
})

describe('OpenID discovery', () => {
  it('publishes the issuer and the public key, and no private one', async () => {
    const documents = discoveryDocuments(API, serviceAccountKeys(KEY))
    const configuration = JSON.parse(await documents.get('/.well-known/openid-configuration')!.body())
    assert.equal(configuration.jwks_uri, `${API}/openid/v1/jwks`)
    const { keys } = JSON.parse(await documents.get('/openid/v1/jwks')!.body())
    assert.equal(keys.length, 1)
    assert.deepEqual(Object.keys(keys[0]).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
  })
})
