import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer, type Server } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { MetricsRegistry, SimulatedClock } from '@canopus/base'
import { createAuthority, issueCertificate, systemClock } from '@canopus/platform'
import { exportJWK, SignJWT } from 'jose'
import type { Egress } from '../../egress/egress.ts'
import { textHash } from '../../metrics/reload-metrics.ts'
import type { AuthenticationRequest } from '../../security.ts'
import { type JwtIssuer, readAuthenticationConfiguration } from './configuration.ts'
import { type FetchJson, fetchJsonWith, fetchTextWith } from './fetch-json.ts'
import { JwtAuthenticator } from './jwt-authenticator.ts'
import { JwtMetrics } from './jwt-metrics.ts'
import { anonymousAccess, JwtTokens } from './jwt-tokens.ts'

const NOW = Date.UTC(2026, 0, 1)
const SECONDS = NOW / 1000

/** An issuer that answers on loopback, whose keys can be changed. */
interface Issuer {
  readonly url: string
  readonly ca: string
  readonly asked: string[]
  rotate(kid: string): void
  token(claims: Record<string, unknown>): Promise<string>
  stop(): void
}

async function startIssuer(): Promise<Issuer> {
  const authority = await createAuthority({ commonName: 'issuers', clock: systemClock })
  const serving = await issueCertificate(authority, {
    commonName: 'issuer',
    hosts: ['localhost'],
    purposes: ['server auth'],
    clock: systemClock,
  })
  const asked: string[] = []
  let key: { kid: string; privateKey: KeyObject; publicKey: KeyObject }
  const rotate = (kid: string): void => {
    key = { kid, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) }
  }
  rotate('one')
  const server: Server = createServer({ key: serving.key, cert: serving.certificate }, async (message, out) => {
    asked.push(message.url!)
    if (message.url === '/.well-known/openid-configuration') {
      out.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` }))
    } else if (message.url === '/elsewhere')
      out.end(JSON.stringify({ issuer: 'https://internal', jwks_uri: `${url}/keys` }))
    else
      out.end(
        JSON.stringify({ keys: [{ kid: key.kid, use: 'sig', alg: 'ES256', ...(await exportJWK(key.publicKey)) }] }),
      )
  })
  await new Promise<void>(resolve => server.listen(0, 'localhost', resolve))
  const url = `https://localhost:${(server.address() as AddressInfo).port}`
  return {
    url,
    ca: authority.certificate,
    asked,
    rotate,
    token: claims =>
      new SignJWT({ iss: url, aud: 'canopus', sub: 'jane', exp: SECONDS + 3600, ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: key.kid })
        .sign(key.privateKey),
    stop: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

let issuer: Issuer
before(async () => {
  issuer = await startIssuer()
})
after(() => issuer.stop())

const clock = () => new SimulatedClock({ start: NOW })

function configured(changes: Partial<JwtIssuer> = {}): JwtIssuer {
  return {
    issuer: { url: issuer.url, audiences: ['canopus'], certificateAuthority: issuer.ca },
    claimMappings: { username: { claim: 'sub', prefix: 'corp:' }, groups: { claim: 'groups', prefix: 'g:' } },
    ...changes,
  }
}

const mapped = (claimMappings: JwtIssuer['claimMappings']): Partial<JwtIssuer> => ({ claimMappings })

describe('tokens of an issuer', () => {
  const good: [string, Partial<JwtIssuer>, Record<string, unknown>, object][] = [
    ['name a user', {}, {}, { name: 'corp:jane', groups: [] }],
    ['list groups', {}, { groups: ['dev', 'ops'] }, { name: 'corp:jane', groups: ['g:dev', 'g:ops'] }],
    ['have one group as a text', {}, { groups: 'dev' }, { name: 'corp:jane', groups: ['g:dev'] }],
    [
      'have an id',
      {},
      { jti: 'x' },
      { name: 'corp:jane', groups: [], extra: { 'authentication.kubernetes.io/credential-id': ['JTI=x'] } },
    ],
    [
      'have a uid',
      mapped({ username: { claim: 'sub', prefix: '' }, uid: { claim: 'oid' } }),
      { oid: '7' },
      { name: 'jane', uid: '7', groups: [] },
    ],
    [
      'are named by a verified address',
      mapped({ username: { claim: 'email', prefix: '' } }),
      { email: 'j@example.com', email_verified: true },
      { name: 'j@example.com', groups: [] },
    ],
    ['are meant for several', {}, { aud: ['other', 'canopus'] }, { name: 'corp:jane', groups: [] }],
    [
      'say what they must',
      { claimValidationRules: [{ claim: 'hd', requiredValue: 'example.com' }] },
      { hd: 'example.com' },
      { name: 'corp:jane', groups: [] },
    ],
  ]
  for (const [name, changes, claims, user] of good) {
    it(name, async () => {
      const found = await new JwtAuthenticator(configured(changes), { clock: clock() }).authenticateToken(
        await issuer.token(claims),
      )
      assert.deepEqual(found?.user, user)
    })
  }

  const bad: [string, Partial<JwtIssuer>, Record<string, unknown>, RegExp][] = [
    [
      'of another audience',
      {},
      { aud: 'other' },
      /oidc: verify token: oidc: expected audience in \["canopus"\] got \["other"\]/,
    ],
    ['that have ended', {}, { exp: SECONDS - 1 }, /token is expired/],
    ['that have no end', {}, { exp: undefined }, /token is expired/],
    ['that are not valid yet', {}, { nbf: SECONDS + 301 }, /before the nbf/],
    [
      'without a name',
      mapped({ username: { claim: 'login', prefix: '' } }),
      {},
      /oidc: parse username claims "login": claim not present/,
    ],
    [
      'of an address nobody verified',
      mapped({ username: { claim: 'email', prefix: '' } }),
      { email: 'a@b', email_verified: false },
      /email not verified/,
    ],
    ['with strange groups', {}, { groups: [1] }, /parse groups claim "groups"/],
    [
      'that do not say what they must',
      { claimValidationRules: [{ claim: 'hd', requiredValue: 'example.com' }] },
      {},
      /oidc: required claim hd not present in ID token/,
    ],
    [
      'that say something else',
      { claimValidationRules: [{ claim: 'hd', requiredValue: 'example.com' }] },
      { hd: 'other.com' },
      /required claim hd value does not match. Got = other.com, want = example.com/,
    ],
  ]
  for (const [name, changes, claims, text] of bad) {
    it(`are refused: ${name}`, async () => {
      const authenticator = new JwtAuthenticator(configured(changes), { clock: clock() })
      await assert.rejects(Promise.resolve(authenticator.authenticateToken(await issuer.token(claims))), text)
    })
  }

  it('are refused where they are signed by somebody else or in another way', async () => {
    const authenticator = new JwtAuthenticator(configured(), { clock: clock() })
    const [head, body] = (await issuer.token({})).split('.')
    await assert.rejects(authenticator.authenticateToken(`${head}.${body}.${'A'.repeat(86)}`)!, /failed to verify/)
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`
    await assert.rejects(authenticator.authenticateToken(none)!, /unsupported algorithm/)
    const weak = await new SignJWT({ iss: issuer.url, aud: 'canopus', sub: 'x', exp: SECONDS + 9 })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new Uint8Array(32))
    await assert.rejects(authenticator.authenticateToken(weak)!, /unsupported algorithm/)
    const rsaOnly = new JwtAuthenticator(configured(), { clock: clock(), algorithms: ['RS256'] })
    await assert.rejects(rsaOnly.authenticateToken(await issuer.token({}))!, /unsupported algorithm/)
  })

  it('of others are not looked at', () => {
    const authenticator = new JwtAuthenticator(configured(), { clock: clock() })
    assert.equal(authenticator.authenticateToken('abc'), undefined)
    const other = `e30.${Buffer.from('{"iss":"https://other"}').toString('base64url')}.x`
    assert.equal(authenticator.authenticateToken(other), undefined)
  })

  it('are believed after the issuer has changed its keys, and keys are fetched no more often than that', async () => {
    const authenticator = new JwtAuthenticator(configured(), { clock: clock() })
    issuer.asked.length = 0
    await authenticator.authenticateToken(await issuer.token({}))
    await authenticator.authenticateToken(await issuer.token({ sub: 'joe' }))
    assert.deepEqual(issuer.asked, ['/.well-known/openid-configuration', '/keys'])
    issuer.rotate('two')
    await authenticator.authenticateToken(await issuer.token({}))
    assert.deepEqual(issuer.asked, ['/.well-known/openid-configuration', '/keys', '/keys'])
  })

  it('are told of by issuer: how long tokens took, when keys came and which', async () => {
    const registry = new MetricsRegistry()
    const metrics = new JwtMetrics({ registry, serverId: 'me', clock: clock() })
    const tokens = new JwtTokens({ clock: clock(), metrics })
    tokens.configure([configured()])
    await tokens.authenticateToken(await issuer.token({}), [])
    await assert.rejects(tokens.authenticateToken(await issuer.token({ aud: 'others' }), []))
    const of = `jwt_issuer_hash="${textHash(issuer.url)}"`
    const us = `apiserver_id_hash="${textHash('me')}"`
    const keySet = textHash((await fetchTextWith(issuer.ca)(`${issuer.url}/keys`, {})).text)
    const name = 'apiserver_authentication_jwt_authenticator'
    const lines = [
      `${name}_latency_seconds_count{${of},result="success"} 1`,
      `${name}_latency_seconds_count{${of},result="failure"} 1`,
      `${name}_jwks_fetch_last_timestamp_seconds{${us},${of},result="success"} 1.7672256e+09`,
      `${name}_jwks_fetch_last_key_set_info{${us},hash="${keySet}",${of}} 1`,
    ]
    for (const line of lines) assert.ok(registry.text().includes(`\n${line}\n`), `${line}\n${registry.text()}`)
    tokens.configure([])
    assert.ok(!registry.text().includes('_jwks_'), 'issuers that are none any more')
  })

  it('need an issuer that is who it says', async () => {
    const wrong = { ...configured().issuer, discoveryURL: `${issuer.url}/elsewhere` }
    const authenticator = new JwtAuthenticator(configured({ issuer: wrong }), { clock: clock() })
    await assert.rejects(
      authenticator.authenticateToken(await issuer.token({}))!,
      /issuer did not match the issuer returned by provider/,
    )
  })

  it('are asked after by the way that their issuer is said to be behind', async () => {
    const asked: string[] = []
    const dial = async (host: string, port: number) => {
      asked.push(`${host}:${port}`)
      return connect({ host, port })
    }
    const behind = (type: string, egress?: Egress) =>
      new JwtAuthenticator(configured({ issuer: { ...configured().issuer, egressSelectorType: type } }), {
        clock: clock(),
        egress,
      })
    await behind('controlplane', { controlplane: dial }).authenticateToken(await issuer.token({}))
    assert.equal(asked[0], new URL(issuer.url).host)
    const { length } = asked
    await behind('cluster', { cluster: undefined }).authenticateToken(await issuer.token({}))
    assert.equal(asked.length, length)
    assert.throws(() => behind('cluster', {}), /^Error: oidc: egress lookup for "cluster" is not configured$/)
    assert.throws(() => behind('cluster'), /egress lookup required with egress selector type "cluster"$/)
  })

  it('need an issuer with a certificate of the given authority', async () => {
    await assert.rejects(fetchJsonWith(undefined)(`${issuer.url}/keys`))
  })

  it('are computed by expressions', async () => {
    const own = configured({
      claimMappings: {
        username: { expression: "'x:' + claims.sub.split('@')[0]" },
        groups: { expression: 'claims.roles' },
        uid: { expression: 'claims.id' },
        extra: [
          { key: 'example.com/tenant', valueExpression: 'claims.tenant' },
          { key: 'example.com/none', valueExpression: "has(claims.nothing) ? claims.nothing : ''" },
        ],
      },
      claimValidationRules: [{ expression: 'claims.level > 2', message: 'too low' }],
      userValidationRules: [
        { expression: "user.username != 'x:root' && size(user.groups) < 3", message: 'nobody is root' },
      ],
    })
    const authenticator = new JwtAuthenticator(own, { clock: clock() })
    const ask = async (claims: object) =>
      authenticator.authenticateToken(
        await issuer.token({ sub: 'jane@example.com', roles: ['a', ''], tenant: 't', id: '7', level: 3, ...claims }),
      )
    assert.deepEqual((await ask({}))?.user, {
      name: 'x:jane',
      uid: '7',
      groups: ['a'],
      extra: { 'example.com/tenant': ['t'] },
    })
    await assert.rejects(ask({ sub: 'root' }), /nobody is root/)
    await assert.rejects(ask({ level: 1 }), /claims.level > 2' failed: too low/)
    await assert.rejects(ask({ id: 7 }), /uid claim expression must return a string/)
    await assert.rejects(ask({ tenant: undefined }), /no such key: tenant/)
  })
})

describe('tokens of several issuers', () => {
  it('are taken as the configuration of the moment says', async () => {
    const tokens = new JwtTokens({ clock: clock() })
    const token = await issuer.token({})
    assert.equal(await tokens.authenticateToken(token, []), undefined)
    tokens.configure([configured()])
    assert.equal((await tokens.authenticateToken(token, []))?.user.name, 'corp:jane')
    tokens.configure([])
    assert.equal(await tokens.authenticateToken(token, []), undefined)
  })
})

describe('issuers', () => {
  it('say where their keys are before a token comes, and tell who does not', async () => {
    const asked: string[] = []
    const fetchJson: FetchJson = async (url, seen) => {
      asked.push(url)
      if (url.startsWith('https://silent.test')) throw new Error('nobody answers')
      return fetchJsonWith(issuer.ca)(url, seen)
    }
    const tokens = new JwtTokens({ clock: clock(), fetchJson })
    tokens.configure([configured(), configured({ issuer: { ...configured().issuer, url: 'https://silent.test' } })])
    const failed: string[] = []
    await tokens.lookUp((url, error) => failed.push(`${url}: ${(error as Error).message}`))
    assert.deepEqual(failed, ['https://silent.test: nobody answers'])
    const document = `${issuer.url}/.well-known/openid-configuration`
    await tokens.authenticateToken(await issuer.token({}), [])
    assert.deepEqual(
      asked.filter(url => !url.startsWith('https://silent.test')),
      [document, `${issuer.url}/keys`],
    )
  })

  it('are asked once by all who want to know at a time', async () => {
    let asked = 0
    const fetchJson: FetchJson = (url, seen) => {
      if (url.endsWith('/openid-configuration')) asked++
      return fetchJsonWith(issuer.ca)(url, seen)
    }
    const tokens = new JwtTokens({ clock: clock(), fetchJson })
    tokens.configure([configured()])
    const [token] = await Promise.all([issuer.token({}), tokens.lookUp(() => {}), tokens.lookUp(() => {})])
    assert.equal((await tokens.authenticateToken(token, []))?.user.name, 'corp:jane')
    assert.equal(asked, 1)
  })
})

describe('tokens of other issuers from now on', () => {
  it('are believed once the issuers have answered', async () => {
    const tokens = new JwtTokens({ clock: clock() })
    await tokens.replace([configured()])
    assert.equal((await tokens.authenticateToken(await issuer.token({}), []))?.user.name, 'corp:jane')
  })

  it('are not where one does not answer within a minute: those of before stay', async () => {
    const own = clock()
    let [isUp, refused] = [true, 0]
    const fetchJson: FetchJson = async (...asked) => {
      if (isUp) return fetchJsonWith(issuer.ca)(...asked)
      refused++
      throw new Error('nobody answers')
    }
    const tokens = new JwtTokens({ clock: own, fetchJson })
    tokens.configure([configured()])
    await tokens.authenticateToken(await issuer.token({}), [])
    isUp = false
    let failure: Error | undefined
    const replaced = tokens.replace([configured()]).catch(error => {
      failure = error
    })
    while (failure === undefined) {
      await own.advance(1000)
      await new Promise(setImmediate)
    }
    await replaced
    assert.match(failure.message, /nobody answers/)
    assert.equal(refused, 7)
    assert.equal((await tokens.authenticateToken(await issuer.token({ sub: 'joe' }), []))?.user.name, 'corp:joe')
  })
})

describe('anonymous access', () => {
  const asking = (path: string) => ({ path }) as AuthenticationRequest
  it('may be limited to some paths', () => {
    const limited = anonymousAccess({ enabled: true, conditions: [{ path: '/healthz' }] })!
    assert.notEqual(limited.authenticate(asking('/healthz')), undefined)
    assert.equal(limited.authenticate(asking('/api')), undefined)
    assert.notEqual(anonymousAccess({ enabled: true })!.authenticate(asking('/api')), undefined)
    assert.equal(anonymousAccess({ enabled: false }), undefined)
  })
})

describe('a configuration of authentication', () => {
  const HEAD = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n'
  const issuerYaml = (more = '') => `- issuer:
    url: https://example.com
    audiences: [a]
${more}  claimMappings:
    username: {claim: sub, prefix: ""}
`
  const read = (text: string) => readAuthenticationConfiguration(text, ['https://self'])

  it('is read', () => {
    const { jwt, anonymous } = read(
      `${HEAD}jwt:\n${issuerYaml()}anonymous:\n  enabled: true\n  conditions:\n  - path: /livez\n`,
    )
    assert.equal(jwt[0]?.issuer.url, 'https://example.com')
    assert.deepEqual(anonymous, { enabled: true, conditions: [{ path: '/livez' }] })
    assert.deepEqual(read(HEAD).jwt, [])
  })

  const wrong: [string, string, RegExp][] = [
    ['of another kind', 'apiVersion: v1\nkind: Pod\n', /no kind "Pod" is registered for version "v1"/],
    [
      'with a field that nobody knows',
      `${HEAD}jwt:\n${issuerYaml('    audience: x\n')}`,
      /strict decoding error: unknown field "jwt\[0\].issuer.audience"/,
    ],
    [
      'with the same issuer twice',
      `${HEAD}jwt:\n${issuerYaml()}${issuerYaml()}`,
      /jwt\[1\].issuer.url: Duplicate value: "https:\/\/example.com"/,
    ],
    [
      'without audiences',
      `${HEAD}jwt:\n- issuer: {url: https://example.com}\n  claimMappings:\n    username: {claim: sub, prefix: ""}\n`,
      /jwt\[0\].issuer.audiences: Required value/,
    ],
    ['over plain HTTP', `${HEAD}jwt:\n${issuerYaml().replace('https', 'http')}`, /URL scheme must be https/],
    [
      'with this server as issuer',
      `${HEAD}jwt:\n${issuerYaml().replace('https://example.com', 'https://self')}`,
      /URL must not overlap with disallowed issuers: \[https:\/\/self\]/,
    ],
    [
      'without a prefix',
      `${HEAD}jwt:\n${issuerYaml().replace(', prefix: ""', '')}`,
      /claimMappings.username.prefix: Required value: prefix is required when claim is set/,
    ],
    [
      'with two audiences and no policy',
      `${HEAD}jwt:\n${issuerYaml().replace('[a]', '[a, b]')}`,
      /audienceMatchPolicy must be MatchAny for multiple audiences/,
    ],
    [
      'with expressions that are none',
      `${HEAD}jwt:\n${issuerYaml().replace('claim: sub, prefix: ""', 'expression: claims.sub +')}`,
      /username.expression: Invalid value: "claims.sub \+": compilation failed: ERROR: <input>:1:13: Syntax error/,
    ],
    [
      'with an address that nobody verified',
      `${HEAD}jwt:\n${issuerYaml().replace('claim: sub, prefix: ""', 'expression: claims.email')}`,
      /claims.email_verified must be used in claimMappings.username.expression or/,
    ],
    [
      'with a rule that is no question',
      `${HEAD}jwt:\n${issuerYaml()}  userValidationRules: [{expression: user.username}]\n`,
      /userValidationRules\[0\].expression: Invalid value: "user.username": must evaluate to bool/,
    ],
    [
      'with conditions on what is off',
      `${HEAD}anonymous: {enabled: false, conditions: [{path: /x}]}\n`,
      /enabled should be set to true when conditions are defined/,
    ],
  ]
  for (const [name, text, message] of wrong) it(`is refused ${name}`, () => assert.throws(() => read(text), message))
})
