import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Attributes, Authorizer } from '../../security.ts'
import { startMemoryServer } from '../../testing/memory-server.ts'
import { type FakeRequest, request } from '../testing/request.ts'
import { type ConditionsVerdict, noMatchConditions } from '../webhooks/match.ts'
import { webhookConditions } from './match-conditions.ts'

/** Lets everybody do everything with config maps, and notes what was asked. */
class Listening implements Authorizer {
  readonly asked: Attributes[] = []

  async authorize(attributes: Attributes) {
    this.asked.push(attributes)
    const allowed = attributes.resource === 'configmaps' || attributes.path === '/healthz'
    return { decision: allowed ? ('allow' as const) : ('deny' as const), reason: 'as it is' }
  }
}

const POD = { metadata: { name: 'p', namespace: 'ns', labels: { app: 'web' } }, spec: { nodeName: 'n' } }

async function judge(
  expressions: readonly string[],
  facts: FakeRequest = {},
  failurePolicy: 'Fail' | 'Ignore' = 'Fail',
  authorizer: Authorizer = new Listening(),
): Promise<ConditionsVerdict> {
  const attributes = request({ object: POD, user: { name: 'jane', groups: ['dev'], extra: { a: ['b'] } }, ...facts })
  const conditions = expressions.map((expression, index) => ({ name: `c${index}`, expression }))
  const { kind, resource } = attributes
  return webhookConditions(authorizer).evaluate(conditions, failurePolicy, attributes, { kind, resource }, attributes)
}

const failed = (expression: string, why: string): string => `expression '${expression}' resulted in error: ${why}`

describe('match conditions', () => {
  const met: readonly [expression: string, met: boolean, facts?: FakeRequest][] = [
    ['true', true],
    ['false', false],
    ["object.metadata.name == 'p'", true],
    ["object.metadata.?labels['app'].orValue('') == 'web'", true],
    ["has(object.metadata.labels) && 'app' in object.metadata.labels", true],
    ['oldObject == null', true],
    ['oldObject.spec == object.spec', true, { operation: 'UPDATE', oldObject: POD }],
    ['object == null', true, { operation: 'DELETE', object: undefined as never, oldObject: POD }],
    ["request.operation == 'CREATE' && request.kind.kind == 'Pod' && request.resource.resource == 'pods'", true],
    ["request.requestKind.version == 'v1' && request.requestResource.group == ''", true],
    ["request.namespace == 'ns' && request.name == 'p'", true],
    ["request.userInfo.username == 'jane' && 'dev' in request.userInfo.groups", true],
    ["request.userInfo.extra['a'] == ['b']", true],
    ["!has(request.subResource) && request.?subResource.orValue('') == ''", true],
    ["request.subResource == 'status'", true, { subresource: 'status' }],
    ['request.dryRun', true, { dryRun: true }],
    ["authorizer.group('').resource('configmaps').namespace('ns').check('get').allowed()", true],
    ["authorizer.group('').resource('secrets').namespace('ns').check('get').allowed()", false],
    ["authorizer.path('/healthz').check('get').allowed()", true],
    ["authorizer.requestResource.check('breakglass').allowed()", false],
  ]
  for (const [expression, expected, facts] of met) {
    it(`${expected ? 'met' : 'unmet'}: ${expression}`, async () => {
      assert.deepEqual(await judge([expression], facts), { kind: expected ? 'met' : 'unmet' })
    })
  }

  it('hold together', async () => {
    assert.deepEqual(await judge(['true', 'object.spec.nodeName == "n"']), { kind: 'met' })
    assert.deepEqual(await judge(['true', 'false']), { kind: 'unmet' })
  })

  it('fail as the failure policy says, unless another one is not met', async () => {
    const [wrong, other] = ['object.spec.nothing', 'object.nothing.at.all'].map(each => `${each} == 1`) as [
      string,
      string,
    ]
    const problem = failed(wrong, 'no such key: nothing')
    assert.deepEqual(await judge([wrong]), { kind: 'failed', why: problem })
    assert.deepEqual(await judge([wrong, 'true', other]), {
      kind: 'failed',
      why: `[${problem}, ${failed(other, 'no such key: nothing')}]`,
    })
    assert.deepEqual(await judge([wrong], {}, 'Ignore'), { kind: 'unmet' })
    assert.deepEqual(await judge([wrong, 'false']), { kind: 'unmet' })
  })

  it('may cost so much and no more', async () => {
    const many = JSON.stringify([...Array(200).keys()])
    const dear = `${many}.all(a, ${many}.all(b, ${many}.all(c, true)))`
    const why = failed(dear, 'operation cancelled: actual cost limit exceeded')
    assert.deepEqual(await judge([dear]), { kind: 'failed', why })
    const budget = 'validation failed due to running out of cost budget, no further validation rules will be run'
    assert.deepEqual(await judge([dear, dear, dear]), { kind: 'failed', why: budget })
  })

  it('ask what the user of the request may do', async () => {
    const authorizer = new Listening()
    await judge(["authorizer.requestResource.check('breakglass').allowed()"], {}, 'Fail', authorizer)
    await judge(["authorizer.serviceAccount('a', 'b').path('/x').check('get').allowed()"], {}, 'Fail', authorizer)
    const [first, second] = authorizer.asked
    const { verb, resource, namespace, name, user } = first!
    assert.deepEqual([verb, resource, namespace, name, user.name], ['breakglass', 'pods', 'ns', 'p', 'jane'])
    assert.deepEqual([second!.path, second!.user.name], ['/x', 'system:serviceaccount:a:b'])
  })

  it('cannot be evaluated by a server that knows no CEL', async () => {
    const attributes = request({ object: POD })
    const { kind, resource } = attributes
    const answer = (policy: 'Fail' | 'Ignore') =>
      noMatchConditions.evaluate([], policy, attributes, { kind, resource }, attributes)
    assert.deepEqual(await answer('Ignore'), { kind: 'unmet' })
    assert.equal((await answer('Fail')).kind, 'failed')
  })
})

describe('conditions of configurations', () => {
  const configuration = (expression: string): object => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'a' },
    webhooks: [
      {
        name: 'a.example.com',
        clientConfig: { url: 'https://a.example.com' },
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        matchConditions: [{ name: 'c', expression }],
      },
    ],
  })
  const table: readonly [expression: string, message: RegExp | undefined][] = [
    ['true', undefined],
    [
      '... [}',
      /webhooks\[0\].matchConditions\[0\].expression: Invalid value: "\.\.\. \[\}": compilation failed: ERROR: /,
    ],
    ['object.x.y', /must evaluate to bool but got dyn$/],
    ['"text"', /must evaluate to bool but got string$/],
    ['params.x == 1', /undeclared reference to 'params'/],
    ['request.nothing == 1', /undefined field 'nothing'/],
  ]
  for (const [expression, message] of table) {
    it(`are compiled: ${expression}`, async () => {
      const server = await startMemoryServer()
      const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations'
      const { status, json } = await server.send('POST', path, configuration(expression))
      assert.equal(status, message === undefined ? 201 : 422)
      if (message !== undefined) assert.match(json.message, message)
      await server.stop()
    })
  }
})
