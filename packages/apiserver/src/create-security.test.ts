import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { builtInKinds, RoleBindings, SubjectAccessReviews } from '@canopus/api'
import type { SubjectAccessReview } from '@canopus/api/authorization/v1'
import type { RoleBinding } from '@canopus/api/rbac/v1'
import type { Draft } from '@canopus/apimachinery'
import { silentLogger } from '@canopus/base'
import { type Client, createClient } from '@canopus/client'
import {
  type ClusterPki,
  createAuthority,
  createCertificateRequest,
  createClusterPki,
  createKey,
  issueClientCertificate,
  systemClock,
  systemRandom,
} from '@canopus/platform'
import { createMemoryStore } from '@canopus/store'
import { bootstrapCluster, createBootstrapToken } from './bootstrap/index.ts'
import { createSecurity } from './create-security.ts'
import type { Connection } from './security.ts'
import { type ApiServer, createApiServer } from './server.ts'

const RBAC = 'rbac.authorization.k8s.io'
const clock = systemClock

let pki: ClusterPki
let server: ApiServer
let admin: Client
before(async () => {
  pki = await createClusterPki({ clusterName: 'test', clock })
  server = createApiServer({
    store: createMemoryStore({ clock }),
    clock,
    random: systemRandom,
    logger: silentLogger,
    kinds: builtInKinds,
    security: createSecurity({
      serviceAccountKey: pki.serviceAccount.privateKey,
      tokenFile: 't0k3n,file-user,uid-1,"dev"',
    }),
  })
  await server.start()
  admin = createClient(server.transport({ name: 'admin', groups: ['system:masters'] }))
  await bootstrapCluster(admin, { nodeBootstrap: true })
})
after(() => server.stop())

interface Caller {
  token?: string
  connection?: Partial<Connection>
  headers?: Record<string, string>
}

async function call(caller: Caller, method: string, path: string, body?: object) {
  const response = await server.handle({
    method,
    path,
    query: '',
    headers: {
      ...(caller.token === undefined ? {} : { authorization: `Bearer ${caller.token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...caller.headers,
    },
    connection: { remoteAddress: '127.0.0.1', certificateVerified: false, ...caller.connection },
    body: () => (body === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(body))),
  })
  const { body: answer } = response
  const bytes = answer === undefined ? Buffer.alloc(0) : answer instanceof Uint8Array ? answer : Buffer.concat(answer)
  return { status: response.status, text: Buffer.from(bytes).toString('utf8') }
}

async function certified(commonName: string, organizations: string[], own = true): Promise<Caller> {
  const ca = own ? pki.ca : await createAuthority({ commonName: 'stranger', clock })
  const { certificate } = await issueClientCertificate(ca, { commonName, organizations, clock })
  return { connection: { certificate: new X509Certificate(certificate).raw, certificateVerified: own } }
}

describe('who may come in', () => {
  const anonymous: Caller = {}
  const cases: [string, () => Promise<Caller> | Caller, string, number, RegExp][] = [
    ['anybody to health', () => anonymous, '/healthz', 200, /^ok$/],
    ['anybody to the version', () => anonymous, '/version', 200, /gitVersion/],
    [
      'nobody without a name to the API',
      () => anonymous,
      '/api/v1/pods',
      403,
      /User \\"system:anonymous\\" cannot list resource \\"pods\\" in API group \\"\\" at the cluster scope/,
    ],
    [
      'nobody without a name to discovery',
      () => anonymous,
      '/api',
      403,
      /forbidden: User \\"system:anonymous\\" cannot get path \\"\/api\\"/,
    ],
    ['a master by certificate', () => certified('root', ['system:masters']), '/api/v1/pods', 200, /PodList/],
    ['a known user to discovery', () => certified('jane', []), '/api', 200, /APIVersions/],
    ['a known user with no rights', () => certified('jane', []), '/api/v1/pods', 403, /User \\"jane\\" cannot list/],
    [
      'no foreign certificate, whatever it says',
      () => certified('root', ['system:masters'], false),
      '/healthz',
      401,
      /"message":"Unauthorized","reason":"Unauthorized"/,
    ],
    ['a static token', () => ({ token: 't0k3n' }), '/api', 200, /APIVersions/],
    ['no unknown token, not even as anonymous', () => ({ token: 'nonsense' }), '/healthz', 401, /Unauthorized/],
  ]
  for (const [name, caller, path, status, text] of cases) {
    it(`${status} ${name}`, async () => {
      const answer = await call(await caller(), 'GET', path)
      assert.equal(answer.status, status, answer.text)
      assert.match(answer.text, text)
    })
  }

  it('says who one is', async () => {
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
    const { text } = await call({ token: 't0k3n' }, 'POST', path, review)
    assert.deepEqual(JSON.parse(text).status.userInfo, {
      username: 'file-user',
      uid: 'uid-1',
      groups: ['dev', 'system:authenticated'],
    })
  })

  it('serves the keys of service-account tokens to service accounts alone', async () => {
    assert.equal((await call({}, 'GET', '/openid/v1/jwks')).status, 403)
    const robot = await serviceAccount('keys')
    const { status, text } = await call({ token: robot.token }, 'GET', '/openid/v1/jwks')
    assert.equal(status, 200, text)
    assert.equal(JSON.parse(text).keys.length, 1)
  })
})

/** A service account that may read pods of its namespace, and a token of its own. */
async function serviceAccount(namespace: string): Promise<{ token: string }> {
  const root = await certified('root', ['system:masters'])
  await call(root, 'POST', '/api/v1/namespaces', { metadata: { name: namespace } })
  const collection = `/api/v1/namespaces/${namespace}/serviceaccounts`
  await call(root, 'POST', collection, { metadata: { name: 'robot' } })
  await admin.resource(RoleBindings).create(
    {
      metadata: { name: 'robot', namespace },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'robot', namespace }],
    } as Draft<RoleBinding>,
    { namespace },
  )
  const asked = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } }
  const { status, text } = await call(root, 'POST', `${collection}/robot/token`, asked)
  assert.equal(status, 201, text)
  return { token: JSON.parse(text).status.token }
}

describe('who may only get what is opened with GET', () => {
  before(async () => {
    const root = await certified('root', ['system:masters'])
    const pod = { metadata: { name: 'one' }, spec: { containers: [{ name: 'c', image: 'i' }] } }
    await call(root, 'POST', '/api/v1/namespaces', { metadata: { name: 'opened' } })
    await call(root, 'POST', '/api/v1/namespaces/opened/serviceaccounts', { metadata: { name: 'default' } })
    assert.equal((await call(root, 'POST', '/api/v1/namespaces/opened/pods', pod)).status, 201)
    const rbac = `/apis/${RBAC}/v1/namespaces/opened`
    const resources = ['pods/exec', 'pods/attach', 'pods/portforward']
    for (const [name, verbs] of [
      ['getter', ['get']],
      ['creator', ['get', 'create']],
    ]) {
      await call(root, 'POST', `${rbac}/roles`, { metadata: { name }, rules: [{ apiGroups: [''], resources, verbs }] })
      await call(root, 'POST', `${rbac}/rolebindings`, {
        metadata: { name },
        roleRef: { apiGroup: RBAC, kind: 'Role', name },
        subjects: [{ kind: 'User', name, apiGroup: RBAC }],
      })
    }
  })

  for (const subresource of ['exec', 'attach', 'portforward'])
    it(`is refused pods/${subresource}, upgraded or not`, async () => {
      const path = `/api/v1/namespaces/opened/pods/one/${subresource}`
      const refused = await call(await certified('getter', []), 'GET', path)
      assert.equal(refused.status, 403)
      assert.match(refused.text, /cannot create resource \\"pods\/(exec|attach|portforward)\\"/)
      const taken = await call(await certified('creator', []), 'GET', path)
      assert.equal(taken.status, 400, taken.text)
    })
})

describe('a service account', () => {
  it('reads what its role says, until it is deleted', async () => {
    const { token } = await serviceAccount('robots')
    assert.equal((await call({ token }, 'GET', '/api/v1/namespaces/robots/pods')).status, 200)
    const elsewhere = await call({ token }, 'GET', '/api/v1/namespaces/default/pods')
    assert.equal(elsewhere.status, 403)
    assert.match(elsewhere.text, /User \\"system:serviceaccount:robots:robot\\" cannot list/)
    const root = await certified('root', ['system:masters'])
    await call(root, 'DELETE', '/api/v1/namespaces/robots/serviceaccounts/robot')
    assert.equal((await call({ token }, 'GET', '/api/v1/namespaces/robots/pods')).status, 401)
  })

  it('gets no token by a request that names another', async () => {
    await serviceAccount('named')
    const root = await certified('root', ['system:masters'])
    const path = '/api/v1/namespaces/named/serviceaccounts/robot/token'
    const ask = (metadata: object) =>
      call(root, 'POST', path, { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata, spec: {} })
    assert.equal((await ask({ name: 'robot', namespace: 'named' })).status, 201)
    for (const [metadata, code, words] of [
      [{ name: 'other' }, 422, 'must match the service account name if specified'],
      [{ namespace: 'default' }, 400, 'does not match the namespace sent on the request'],
      [{ uid: 'other' }, 409, 'the UID in the token request (other) does not match the UID of the service account'],
    ] as const) {
      const { status, text } = await ask(metadata)
      assert.equal(status, code)
      assert.ok(text.includes(words), text)
    }
  })

  it('can be looked up by TokenReview', async () => {
    const { token } = await serviceAccount('reviewed')
    const root = await certified('root', ['system:masters'])
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } }
    const { text } = await call(root, 'POST', '/apis/authentication.k8s.io/v1/tokenreviews', review)
    const { status } = JSON.parse(text)
    assert.equal(status.authenticated, true)
    assert.equal(status.user.username, 'system:serviceaccount:reviewed:robot')
    assert.deepEqual(status.audiences, ['https://kubernetes.default.svc.cluster.local'])
    const wrong = { ...review, spec: { token: `${token}x` } }
    const refused = await call(root, 'POST', '/apis/authentication.k8s.io/v1/tokenreviews', wrong)
    assert.equal(JSON.parse(refused.text).status.authenticated ?? false, false)
    const unknown = await call(root, 'POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
      ...review,
      spec: { token: 'nobody' },
    })
    assert.deepEqual(JSON.parse(unknown.text).status, { user: {}, error: 'invalid bearer token' })
  })

  it('can be impersonated by whoever may', async () => {
    const root = await certified('root', ['system:masters'])
    const headers = { 'impersonate-user': 'system:serviceaccount:default:robot' }
    const refused = await call({ ...root, headers }, 'GET', '/api/v1/namespaces/default/pods')
    assert.equal(refused.status, 403)
    assert.match(refused.text, /User \\"system:serviceaccount:default:robot\\" cannot list/)
  })
})

describe('a new node', () => {
  it('comes in with a bootstrap token and may ask for its certificate, and nothing else', async () => {
    const token = await createBootstrapToken(admin, { clock, random: systemRandom })
    const pem = createCertificateRequest(await createKey(), {
      commonName: 'system:node:n1',
      organizations: ['system:nodes'],
    })
    const caller = { token }
    const created = await call(caller, 'POST', '/apis/certificates.k8s.io/v1/certificatesigningrequests', {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'n1' },
      spec: {
        request: Buffer.from(pem).toString('base64'),
        signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
        usages: ['digital signature', 'client auth'],
      },
    })
    assert.equal(created.status, 201, created.text)
    const { spec } = JSON.parse(created.text)
    assert.equal(spec.username, `system:bootstrap:${token.slice(0, 6)}`)
    assert.equal((await call(caller, 'GET', '/api/v1/nodes')).status, 403)
    const review = await admin.resource(SubjectAccessReviews).create({
      metadata: {},
      spec: {
        user: spec.username,
        groups: spec.groups,
        resourceAttributes: {
          group: 'certificates.k8s.io',
          resource: 'certificatesigningrequests',
          subresource: 'nodeclient',
          verb: 'create',
        },
      },
    } as unknown as Draft<SubjectAccessReview>)
    assert.equal(review.status?.allowed, true, 'its request is approved without a person')
  })

  it('then writes itself and its lease, and no other', async () => {
    const node = await certified('system:node:n1', ['system:nodes'])
    const made = await call(node, 'POST', '/api/v1/nodes', { metadata: { name: 'n1' } })
    assert.equal(made.status, 201, made.text)
    assert.deepEqual(JSON.parse(made.text).spec.taints, [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }])
    const other = await call(node, 'POST', '/api/v1/nodes', { metadata: { name: 'n2' } })
    assert.equal(other.status, 403)
    assert.match(other.text, /node \\"n1\\" is not allowed to modify node \\"n2\\"/)
    const lease = (name: string) => ({ metadata: { name, namespace: 'kube-node-lease' }, spec: {} })
    const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases'
    assert.equal((await call(node, 'POST', leases, lease('n1'))).status, 201)
    assert.equal((await call(node, 'POST', leases, lease('n2'))).status, 403)
    const secrets = await call(node, 'GET', '/api/v1/namespaces/kube-system/secrets/anything')
    assert.equal(secrets.status, 403)
    assert.match(secrets.text, /no relationship found between node 'n1' and this object/)
  })
})
