import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { builtInKinds } from '@canopus/api'
import { silentLogger } from '@canopus/base'
import { systemClock, systemRandom } from '@canopus/platform'
import { createMemoryStore, type Store } from '@canopus/store'
import type { Attributes } from '../security.ts'
import { type ApiServer, createApiServer } from '../server.ts'

/** Lets people do what their name says: `get,create` may get and create. */
function allows({ user, verb }: Attributes): boolean {
  return user.name.split(',').includes(verb)
}

const asked: Attributes[] = []
let store: Store
let server: ApiServer
before(async () => {
  store = createMemoryStore({ clock: systemClock })
  server = createApiServer({
    store,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    kinds: builtInKinds,
    security: () => ({
      authenticator: {
        authenticate({ headers }) {
          const name = headers['x-user']
          return typeof name === 'string' ? { user: { name, groups: [] } } : undefined
        },
      },
      authorizer: {
        authorize(attributes) {
          asked.push(attributes)
          return { decision: allows(attributes) ? 'allow' : 'no-opinion', reason: '' }
        },
      },
      admission: [],
    }),
  })
  await server.start()
})
after(async () => {
  await server.stop()
  await store.close()
})

async function send(
  user: string | undefined,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body = '{}',
): Promise<{ status: number; json: { message: string; reason: string; status?: { userInfo: unknown } } }> {
  const [target = '', query = ''] = path.split('?')
  const response = await server.handle({
    method,
    path: target,
    query,
    headers: { ...headers, ...(user === undefined ? {} : { 'x-user': user }) },
    connection: { remoteAddress: '', certificateVerified: false },
    body: () => Buffer.from(body),
  })
  const pieces = response.body instanceof Uint8Array ? [response.body] : (response.body ?? [])
  const text = Buffer.concat(pieces).toString()
  return { status: response.status, json: text.startsWith('{') ? JSON.parse(text) : { message: text, reason: '' } }
}

describe('who may what', () => {
  it('is asked of nobody unknown', async () => {
    const { status, json } = await send(undefined, 'GET', '/api/v1/pods')
    assert.equal(status, 401)
    assert.equal(json.message, 'Unauthorized')
  })

  const refusals: readonly [string, string, string][] = [
    [
      'GET',
      '/api/v1/namespaces/default/pods',
      'pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"',
    ],
    [
      'GET',
      '/api/v1/namespaces/default/pods/p',
      'pods "p" is forbidden: User "x" cannot get resource "pods" in API group "" in the namespace "default"',
    ],
    [
      'GET',
      '/api/v1/pods?watch=true',
      'pods is forbidden: User "x" cannot watch resource "pods" in API group "" at the cluster scope',
    ],
    [
      'DELETE',
      '/apis/apps/v1/namespaces/d/deployments',
      'deployments.apps is forbidden: User "x" cannot deletecollection resource "deployments" in API group "apps" in the namespace "d"',
    ],
    [
      'PATCH',
      '/apis/apps/v1/namespaces/d/deployments/w/scale',
      'deployments.apps "w" is forbidden: User "x" cannot patch resource "deployments/scale" in API group "apps" in the namespace "d"',
    ],
    ['GET', '/metrics', 'forbidden: User "x" cannot get path "/metrics"'],
  ]
  for (const [method, path, message] of refusals) {
    it(`is refused in upstream's words: ${method} ${path}`, async () => {
      const { status, json } = await send('x', method, path)
      assert.equal(status, 403)
      assert.equal(json.reason, 'Forbidden')
      assert.equal(json.message, message)
    })
  }

  it('needs `create` too where PUT creates', async () => {
    const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases/l'
    const body = '{"metadata":{"name":"l"},"spec":{}}'
    assert.equal((await send('update', 'PUT', path, {}, body)).status, 403)
    assert.equal((await send('update,create', 'PUT', path, {}, body)).status, 201)
  })

  it('may be another one, where that is allowed', async () => {
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
    const as = { 'impersonate-user': 'create', 'impersonate-group': 'g', 'impersonate-extra-scopes': 's' }
    const refused = await send('create', 'POST', path, as)
    assert.equal(refused.status, 403)
    assert.match(
      refused.json.message,
      /User "create" cannot impersonate-on:user-info:create resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope/,
    )
    asked.length = 0
    const { status, json } = await send('impersonate', 'POST', path, as)
    assert.equal(status, 201)
    assert.deepEqual(json.status?.userInfo, {
      username: 'create',
      groups: ['g', 'system:authenticated'],
      extra: { scopes: ['s'] },
    })
    const questions = asked
      .filter(each => each.verb === 'impersonate')
      .map(each => `${each.resource}/${each.subresource}/${each.name}`)
    assert.deepEqual(questions, ['users//create', 'groups//g', 'userextras/scopes/s'])
  })

  it('refuses to be a group without a user', async () => {
    const { status } = await send('impersonate', 'GET', '/api/v1/pods', { 'impersonate-group': 'g' })
    assert.equal(status, 400)
  })
})
