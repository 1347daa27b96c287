import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { builtInKinds, ServiceAccounts } from '@canopus/api'
import { MetricsRegistry, SeededRandom, SimulatedClock, silentLogger } from '@canopus/base'
import { createClusterPki, systemClock, systemRandom } from '@canopus/platform'
import { createMemoryStore } from '@canopus/store'
import { tokenWebhook } from '../authn/token-webhook.ts'
import { alwaysAllow } from '../authz/modes.ts'
import { webhookAuthorizer } from '../authz/webhook.ts'
import { createSecurity, type SecurityOptions } from '../create-security.ts'
import { AuthorizationMetrics } from '../metrics/authorization-metrics.ts'
import type { Attributes } from '../security.ts'
import { createApiServer } from '../server.ts'
import { ReviewClient, type ReviewEndpoint } from './client.ts'
import { program } from './testing/program.ts'

const clientOf = (endpoint: ReviewEndpoint, clock = new SimulatedClock()) =>
  new ReviewClient({ endpoint, clock, random: new SeededRandom(1) })

describe('asking a program', () => {
  const attempts: [string, number, Record<string, string>, number][] = [
    ['once more after trouble that may pass', 500, {}, 5],
    ['once more when it is busy', 429, {}, 5],
    ['once more when it says when', 503, { 'retry-after': '1' }, 5],
    ['once where it refuses', 403, {}, 1],
    ['once where it is not there', 404, {}, 1],
  ]
  for (const [name, status, headers, count] of attempts) {
    it(name, async () => {
      const clock = new SimulatedClock()
      const { asked, endpoint } = program(() => ({ status, headers, body: {} }))
      const outcome = assert.rejects(
        clientOf(endpoint, clock).send({ spec: {} }),
        new RegExp(`the webhook answered ${status}`),
      )
      await clock.advance(30_000)
      await outcome
      assert.equal(asked.length, count)
    })
  }

  it('takes the answer of a later attempt', async () => {
    const clock = new SimulatedClock()
    const { endpoint } = program((_, attempt) =>
      attempt < 3 ? { status: 500, body: {} } : { body: { status: { allowed: true } } },
    )
    const answer = clientOf(endpoint, clock).send({ spec: {} })
    await clock.advance(30_000)
    assert.deepEqual(await answer, { status: { allowed: true } })
  })
})

describe('tokens by webhook', () => {
  const jane = { authenticated: true, user: { username: 'jane', uid: 'u', groups: ['dev'], extra: { a: ['b'] } } }
  const make = (status: object, version: 'v1' | 'v1beta1' = 'v1') => {
    const clock = new SimulatedClock()
    const { asked, endpoint } = program(() => ({ body: { status } }))
    const client = clientOf(endpoint, clock)
    return { clock, asked, tokens: tokenWebhook({ client, version, cacheTtl: 1000, audiences: ['api'], clock }) }
  }

  it('name a user, and are remembered for a while', async () => {
    const { clock, asked, tokens } = make(jane, 'v1beta1')
    const user = { name: 'jane', uid: 'u', groups: ['dev'], extra: { a: ['b'] } }
    assert.deepEqual(await tokens.authenticateToken('t', ['api']), { user, audiences: ['api'] })
    assert.deepEqual(asked[0], {
      apiVersion: 'authentication.k8s.io/v1beta1',
      kind: 'TokenReview',
      metadata: { creationTimestamp: null },
      spec: { token: 't', audiences: ['api'] },
    })
    await tokens.authenticateToken('t', ['api'])
    assert.equal(asked.length, 1)
    await clock.advance(1001)
    await tokens.authenticateToken('t', ['api'])
    assert.equal(asked.length, 2)
  })

  it('are asked about once by all who come at the same time', async () => {
    const { asked, tokens } = make(jane)
    await Promise.all([tokens.authenticateToken('t', ['api']), tokens.authenticateToken('t', ['api'])])
    assert.equal(asked.length, 1)
  })

  it('are unknown, or refused with a reason', async () => {
    const unknown = make({ authenticated: false })
    assert.equal(await unknown.tokens.authenticateToken('t', ['api']), undefined)
    await unknown.tokens.authenticateToken('t', ['api'])
    assert.equal(unknown.asked.length, 1)
    await assert.rejects(Promise.resolve(make({ error: 'revoked' }).tokens.authenticateToken('t', ['api'])), /revoked/)
  })

  it('must be meant for this server', async () => {
    assert.equal(await make({ ...jane, audiences: ['other'] }).tokens.authenticateToken('t', ['api']), undefined)
    assert.equal(await make(jane).tokens.authenticateToken('t', ['other']), undefined)
  })
})

const ASKED: Attributes = {
  user: { name: 'jane', groups: ['dev'], uid: 'u', extra: { a: ['b'] } },
  verb: 'list',
  isResourceRequest: true,
  path: '/apis/apps/v1/namespaces/ns/deployments',
  apiGroup: 'apps',
  apiVersion: 'v1',
  resource: 'deployments',
  subresource: '',
  namespace: 'ns',
  name: '',
  fieldSelector: 'metadata.name=x,spec.y!=z',
  labelSelector: 'a in (b,c),!d',
}

describe('permissions by webhook', () => {
  const make = (
    status: object | undefined,
    more: { version?: 'v1' | 'v1beta1'; onError?: 'deny' | 'no-opinion' } = {},
  ) => {
    const clock = new SimulatedClock()
    const { asked, endpoint } = program(() => (status === undefined ? { status: 400, body: {} } : { body: { status } }))
    const authorizer = webhookAuthorizer({
      name: 'own',
      client: clientOf(endpoint, clock),
      version: 'v1',
      authorizedTtl: 5000,
      unauthorizedTtl: 1000,
      onError: 'no-opinion',
      clock,
      logger: silentLogger,
      ...more,
    })
    return { clock, asked, authorizer }
  }

  const decisions: [string, object | undefined, { onError?: 'deny' | 'no-opinion' }, object][] = [
    ['yes', { allowed: true, reason: 'r' }, {}, { decision: 'allow', reason: 'r' }],
    ['no opinion', { allowed: false, reason: 'r' }, {}, { decision: 'no-opinion', reason: 'r' }],
    ['no', { allowed: false, denied: true }, {}, { decision: 'deny', reason: '' }],
    ['both, which is no', { allowed: true, denied: true }, {}, { decision: 'deny', reason: '' }],
    ['nothing', undefined, {}, { decision: 'no-opinion', reason: '' }],
    ['nothing, which is no', undefined, { onError: 'deny' }, { decision: 'deny', reason: '' }],
  ]
  for (const [name, status, more, expected] of decisions) {
    it(`may be ${name}`, async () => assert.deepEqual(await make(status, more).authorizer.authorize(ASKED), expected))
  }

  const told: [string, { status?: number; body: object }, { onError?: 'deny' }, string[]][] = [
    ['an answer', { body: { status: { allowed: true } } }, {}, ['evaluations_total{name="own",result="success"} 1']],
    ['a wrong one', { status: 400, body: {} }, { onError: 'deny' }, ['evaluations_total{name="own",result="error"} 1']],
    [
      'none in time',
      { status: 504, body: {} },
      {},
      [
        'evaluations_fail_open_total{name="own",result="timeout"} 1',
        'evaluations_total{name="own",result="timeout"} 5',
      ],
    ],
  ]
  for (const [name, answer, more, counts] of told) {
    it(`are counted: ${name}`, async () => {
      const clock = new SimulatedClock()
      const registry = new MetricsRegistry()
      const metrics = new AuthorizationMetrics(registry).ofWebhook('own')
      const { endpoint } = program(() => answer)
      const client = new ReviewClient({ endpoint, clock, random: new SeededRandom(1), attempted: metrics.asked })
      const options = { name: 'own', version: 'v1', authorizedTtl: 0, unauthorizedTtl: 0, clock, client } as const
      const authorizer = webhookAuthorizer({
        ...options,
        onError: 'no-opinion',
        failedOpen: metrics.failedOpen,
        logger: silentLogger,
        ...more,
      })
      const decided = authorizer.authorize(ASKED)
      await clock.advance(30_000)
      await decided
      const lines = registry.text().match(/(?<=^apiserver_authorization_webhook_)evaluations.*/gm)
      assert.deepEqual(lines, counts)
    })
  }

  it('that are final are counted, by who decided', async () => {
    const registry = new MetricsRegistry()
    const metrics = new AuthorizationMetrics(registry)
    for (const status of [{ allowed: true }, { allowed: false, denied: true }, { allowed: false }]) {
      await metrics.counting('Webhook', 'own', make(status).authorizer).authorize(ASKED)
    }
    await metrics.counting('AlwaysAllow', 'alwaysallow', alwaysAllow).authorize(ASKED)
    assert.deepEqual(registry.text().match(/(?<=^apiserver_authorization_decisions_total).*/gm), [
      '{decision="allowed",name="own",type="Webhook"} 1',
      '{decision="denied",name="own",type="Webhook"} 1',
      '{decision="allowed",name="alwaysallow",type="AlwaysAllow"} 1',
    ])
  })

  it('are asked for in full', async () => {
    const { asked, authorizer } = make({ allowed: true })
    await authorizer.authorize(ASKED)
    assert.deepEqual(asked[0]?.spec, {
      resourceAttributes: {
        namespace: 'ns',
        verb: 'list',
        group: 'apps',
        version: 'v1',
        resource: 'deployments',
        fieldSelector: {
          requirements: [
            { key: 'metadata.name', operator: 'In', values: ['x'] },
            { key: 'spec.y', operator: 'NotIn', values: ['z'] },
          ],
        },
        labelSelector: {
          requirements: [
            { key: 'a', operator: 'In', values: ['b', 'c'] },
            { key: 'd', operator: 'DoesNotExist' },
          ],
        },
      },
      user: 'jane',
      groups: ['dev'],
      extra: { a: ['b'] },
      uid: 'u',
    })
  })

  it('are asked for in the old form, and for paths', async () => {
    const { asked, authorizer } = make({ allowed: true }, { version: 'v1beta1' })
    await authorizer.authorize({ ...ASKED, isResourceRequest: false, path: '/healthz', verb: 'get' })
    assert.equal(asked[0]?.apiVersion, 'authorization.k8s.io/v1beta1')
    assert.deepEqual(asked[0]?.spec, {
      nonResourceAttributes: { path: '/healthz', verb: 'get' },
      user: 'jane',
      group: ['dev'],
      extra: { a: ['b'] },
      uid: 'u',
    })
  })

  it('are remembered, yes for longer than no, and long questions not at all', async () => {
    const yes = make({ allowed: true })
    const no = make({ allowed: false })
    for (const { authorizer, clock } of [yes, no]) {
      await authorizer.authorize(ASKED)
      await authorizer.authorize(ASKED)
      await clock.advance(2000)
      await authorizer.authorize(ASKED)
    }
    assert.equal(yes.asked.length, 1)
    assert.equal(no.asked.length, 2)
    const long = { ...ASKED, name: 'x'.repeat(10_001) }
    await yes.authorizer.authorize(long)
    await yes.authorizer.authorize(long)
    assert.equal(yes.asked.length, 3)
  })
})

describe('a server that asks programs', () => {
  const tokens = program(({ spec }) => ({
    body: { status: spec.token === 'good' ? { authenticated: true, user: { username: 'jane', groups: ['dev'] } } : {} },
  }))
  const rights = program(({ spec }) => ({
    body: { status: { allowed: (spec.resourceAttributes as { resource?: string })?.resource === 'pods' } },
  }))
  const CONFIGURATION = (second: string): string => `
apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
- type: Webhook
  name: rights
  webhook:
    timeout: 30s
    subjectAccessReviewVersion: v1
    failurePolicy: Deny
    connectionInfo: {type: KubeConfigFile, kubeConfigFile: /etc/rights}
- {type: ${second}, name: second}
`
  let change: (text: string) => void = () => {}
  let send: (path: string, token: string) => Promise<number>
  let stop: () => Promise<void>
  before(async () => {
    const pki = await createClusterPki({ clusterName: 'test', clock: systemClock })
    const options: SecurityOptions = {
      serviceAccountKey: pki.serviceAccount.privateKey,
      tokenWebhook: { endpoint: tokens.endpoint, version: 'v1', cacheTtl: 0 },
      authorizationConfiguration: {
        text: CONFIGURATION('RBAC'),
        follow: listener => {
          change = listener
        },
      },
      webhookEndpoint: path => {
        assert.equal(path, '/etc/rights')
        return rights.endpoint
      },
    }
    const server = createApiServer({
      store: createMemoryStore({ clock: systemClock }),
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      kinds: builtInKinds,
      security: createSecurity(options),
    })
    await server.start()
    stop = () => server.stop()
    send = async (path, token) => {
      const connection = { remoteAddress: '127.0.0.1', certificateVerified: false }
      const headers = { authorization: `Bearer ${token}` }
      return (
        await server.handle({ method: 'GET', path, query: '', headers, connection, body: () => new Uint8Array() })
      ).status
    }
  })
  after(() => stop())

  it('takes their word on tokens and rights', async () => {
    assert.equal(await send('/api/v1/pods', 'good'), 200)
    assert.equal(await send('/api/v1/secrets', 'good'), 403)
    assert.equal(await send('/api/v1/pods', 'bad'), 401)
  })

  it('reads its configuration again, and stays with the old one where the new one is wrong', async () => {
    change(CONFIGURATION('Nonsense'))
    assert.equal(await send(`/api/v1/${ServiceAccounts.plural}`, 'good'), 403)
    change(CONFIGURATION('AlwaysAllow'))
    assert.equal(await send(`/api/v1/${ServiceAccounts.plural}`, 'good'), 200)
  })
})
