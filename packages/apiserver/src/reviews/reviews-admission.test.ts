/** Reviews are kinds like others to admission webhooks; policies have no say about them. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { validatingPolicies } from '../admission/policies/validating.ts'
import { mutatingWebhooks } from '../admission/webhooks/mutating.ts'
import { validatingWebhooks } from '../admission/webhooks/validating.ts'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'
import { startWebhookServer, type WebhookServer } from '../testing/webhook-server.ts'

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1'
const RULES = [{ apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], operations: ['*'] }]
const asked = { resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default' } }

describe('admission of reviews', () => {
  let hook: WebhookServer
  let server: MemoryServer
  const authorizer = { authorize: () => ({ decision: 'allow' as const, reason: '' }) }

  before(async () => {
    hook = await startWebhookServer()
    server = await startMemoryServer({
      admission: given => [
        mutatingWebhooks(given),
        validatingPolicies({ ...given, authorizer }),
        validatingWebhooks(given),
      ],
    })
    await server.send('POST', '/api/v1/namespaces', { metadata: { name: 'default' } })
    const webhooks = (path: string): object[] => [
      {
        name: `${path}.example.com`,
        clientConfig: { url: `https://127.0.0.1:${hook.port}/${path}`, caBundle: hook.caBundle },
        rules: RULES,
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ]
    const post = async (collection: string, body: object): Promise<void> =>
      assert.equal((await server.send('POST', `${REGISTRATION}/${collection}`, body)).status, 201)
    await post('mutatingwebhookconfigurations', { metadata: { name: 'm' }, webhooks: webhooks('mutate') })
    await post('validatingwebhookconfigurations', { metadata: { name: 'v' }, webhooks: webhooks('validate') })
    await post('validatingadmissionpolicies', {
      metadata: { name: 'never' },
      spec: { matchConstraints: { resourceRules: RULES }, validations: [{ expression: 'false' }] },
    })
    await post('validatingadmissionpolicybindings', {
      metadata: { name: 'never' },
      spec: { policyName: 'never', validationActions: ['Deny'] },
    })
  })
  after(async () => {
    await server.stop()
    await hook.stop()
  })
  beforeEach(() => {
    hook.reviews.length = 0
    hook.on('/mutate', () => ({ allowed: true }))
    hook.on('/validate', () => ({ allowed: true }))
  })

  const rows: readonly [string, string, object][] = [
    ['authorization.k8s.io', 'selfsubjectaccessreviews', { spec: asked }],
    ['authorization.k8s.io', 'subjectaccessreviews', { spec: { ...asked, user: 'x' } }],
    ['authorization.k8s.io', 'namespaces/default/localsubjectaccessreviews', { spec: { ...asked, user: 'x' } }],
    ['authorization.k8s.io', 'selfsubjectrulesreviews', { spec: { namespace: 'default' } }],
    ['authentication.k8s.io', 'tokenreviews', { spec: { token: 'x' } }],
    ['authentication.k8s.io', 'selfsubjectreviews', {}],
  ]
  for (const [group, path, body] of rows) {
    it(`${path} are shown to webhooks and not to policies`, async () => {
      const { status, text } = await server.send('POST', `/apis/${group}/v1/${path}`, body)
      assert.equal(status, 201, text)
      const resource = { group, version: 'v1', resource: path.split('/').at(-1) }
      assert.deepEqual(
        hook.reviews.map(({ path: at, review }) => [at, review.request.operation, review.request.resource]),
        [
          ['/mutate', 'CREATE', resource],
          ['/validate', 'CREATE', resource],
        ],
      )
    })
  }

  it('a webhook may change the question', async () => {
    const patch = [{ op: 'replace', path: '/spec/resourceAttributes/verb', value: 'delete' }]
    const encoded = Buffer.from(JSON.stringify(patch)).toString('base64')
    hook.on('/mutate', () => ({ allowed: true, patchType: 'JSONPatch', patch: encoded }))
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
    const { json } = await server.send('POST', path, { spec: asked })
    assert.deepEqual([json.spec.resourceAttributes.verb, json.status.allowed], ['delete', true])
  })

  it('a webhook may refuse it, once it is a question at all', async () => {
    hook.on('/validate', () => ({ allowed: false }))
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
    const { json } = await server.send('POST', path, { spec: asked })
    assert.match(json.message, /^admission webhook "validate.example.com" denied the request without explanation/)
    assert.equal((await server.send('POST', path, { spec: {} })).status, 422)
    assert.equal(hook.reviews.filter(each => each.path === '/validate').length, 1)
  })

  it('bindings are seen under their own resource', async () => {
    hook.on('/validate', () => ({ allowed: false }))
    const binding = { metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } }
    await server.send('POST', '/api/v1/namespaces/default/bindings', binding)
    const { resource, subResource } = hook.reviews.at(-1)!.review.request
    assert.deepEqual([resource.resource, subResource], ['bindings', undefined])
  })
})
