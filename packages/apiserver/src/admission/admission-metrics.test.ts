import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { MetricsRegistry } from '@canopus/base'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'
import { startWebhookServer, type WebhookServer } from '../testing/webhook-server.ts'
import { AdmissionMetrics } from './admission-metrics.ts'
import { validatingPolicies } from './policies/validating.ts'
import { mutatingWebhooks } from './webhooks/mutating.ts'
import { validatingWebhooks } from './webhooks/validating.ts'

const GROUP = '/apis/admissionregistration.k8s.io/v1'
const MAPS = '/api/v1/namespaces/default/configmaps'
const RULES = [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] }]

describe('figures of admission', () => {
  let hook: WebhookServer
  let server: MemoryServer
  let text: string

  before(async () => {
    hook = await startWebhookServer()
    server = await startMemoryServer({
      metrics: new MetricsRegistry(),
      security: { authorizer: { authorize: () => ({ decision: 'allow', reason: '' }) } },
      admission: given => {
        const context = { ...given, admissionMetrics: new AdmissionMetrics(given.metrics) }
        const authorizer = { authorize: () => ({ decision: 'allow' as const, reason: '' }) }
        return [mutatingWebhooks(context), validatingPolicies({ ...context, authorizer }), validatingWebhooks(context)]
      },
    })
    const webhook = (path: string, failurePolicy: string): object => ({
      name: `${path.slice(1)}.example.com`,
      clientConfig: { url: `https://127.0.0.1:${hook.port}${path}`, caBundle: hook.caBundle },
      rules: RULES,
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      failurePolicy,
      objectSelector: { matchLabels: { to: path.slice(1) } },
    })
    await server.send('POST', '/api/v1/namespaces', { metadata: { name: 'default' } })
    const post = async (collection: string, body: object): Promise<void> => {
      const { status, text: why } = await server.send('POST', `${GROUP}/${collection}`, body)
      assert.equal(status, 201, why)
    }
    const webhooks = [
      webhook('/good', 'Fail'),
      webhook('/broken', 'Ignore'),
      webhook('/down', 'Fail'),
      webhook('/no', 'Fail'),
    ]
    await post('mutatingwebhookconfigurations', { metadata: { name: 'm' }, webhooks })
    await post('validatingwebhookconfigurations', { metadata: { name: 'v' }, webhooks: [webhook('/never', 'Fail')] })
    await post('validatingadmissionpolicies', {
      metadata: { name: 'strict' },
      spec: {
        matchConstraints: { resourceRules: RULES },
        validations: [{ expression: "!has(object.data) || !('bad' in object.data)" }],
      },
    })
    await post('validatingadmissionpolicybindings', {
      metadata: { name: 'everywhere' },
      spec: { policyName: 'strict', validationActions: ['Deny', 'Audit'] },
    })
    hook.on('/good', () => ({ allowed: true }))
    hook.on('/broken', () => ({ code: 418, text: 'tea' }))
    hook.on('/down', () => ({ code: 777, text: 'what' }))
    hook.on('/no', () => ({ allowed: false, status: { code: 409, message: 'no' } }))
    hook.on('/never', () => ({ allowed: false }))
    for (const name of ['good', 'broken', 'down', 'no', 'never']) {
      await server.send('POST', MAPS, { metadata: { name, labels: { to: name } } })
    }
    await server.send('POST', MAPS, { metadata: { name: 'bad' }, data: { bad: '1' } })
    text = (await server.send('GET', '/metrics')).text
  })
  after(async () => {
    await server.stop()
    await hook.stop()
  })

  const WEBHOOK = 'apiserver_admission_webhook'
  const request = (name: string, code: number, rejected: boolean, type = 'admit'): string =>
    `${WEBHOOK}_request_total{code="${code}",name="${name}.example.com",operation="CREATE",rejected="${rejected}",type="${type}"} 1`
  const rejection = (name: string, cause: string, code: number, type = 'admit'): string =>
    `${WEBHOOK}_rejection_count{error_type="${cause}",name="${name}.example.com",operation="CREATE",rejection_code="${code}",type="${type}"} 1`
  const check = (action: string): string =>
    `apiserver_validating_admission_policy_check_total{enforcement_action="${action}",error_type="invalid_error",policy="strict",policy_binding="everywhere"} 1`
  const lines: readonly string[] = [
    request('good', 200, false),
    request('broken', 418, false),
    request('down', 600, true),
    request('no', 409, true),
    request('never', 400, true, 'validating'),
    rejection('down', 'calling_webhook_error', 600),
    rejection('no', 'no_error', 409),
    rejection('never', 'no_error', 400, 'validating'),
    `${WEBHOOK}_fail_open_count{name="broken.example.com",type="admit"} 1`,
    `${WEBHOOK}_admission_duration_seconds_count{name="good.example.com",operation="CREATE",rejected="false",type="admit"} 1`,
    check('deny'),
    check('audit'),
    'apiserver_admission_step_admission_duration_seconds_count{operation="CREATE",rejected="true",type="admit"} 2',
    'apiserver_admission_step_admission_duration_seconds_count{operation="CREATE",rejected="true",type="validate"} 2',
  ]
  for (const line of lines) it(line, () => assert.ok(text.includes(`\n${line}\n`), figuresOf(text)))

  it('nothing else is rejected', () =>
    assert.equal(text.match(new RegExp(`^${WEBHOOK}_rejection_count\\{`, 'gm'))?.length, 3))
})

const figuresOf = (text: string): string =>
  text
    .split('\n')
    .filter(line => /^apiserver_(admission|validating)/.test(line) && !line.includes('_bucket'))
    .join('\n')
