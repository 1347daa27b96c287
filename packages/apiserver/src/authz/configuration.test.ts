import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MetricsRegistry, SimulatedClock } from '@canopus/base'
import { AuthorizationMetrics } from '../metrics/authorization-metrics.ts'
import type { Attributes } from '../security.ts'
import { abacAuthorizer } from './abac.ts'
import { readAuthorizationConfiguration } from './configuration.ts'
import { matchConditions } from './match-conditions.ts'

const HEAD = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\n'
const WEBHOOK = {
  timeout: '3s',
  subjectAccessReviewVersion: 'v1',
  failurePolicy: 'NoOpinion',
  connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/etc/hook' },
}
const file = (...authorizers: object[]): string => `${HEAD}authorizers: ${JSON.stringify(authorizers)}\n`
const hook = (changes: object = {}) => ({ type: 'Webhook', name: 'hook', webhook: { ...WEBHOOK, ...changes } })

describe('a configuration of authorization', () => {
  it('is read, with what webhooks have where it does not say', () => {
    const { authorizers } = readAuthorizationConfiguration(file({ type: 'Node', name: 'node' }, hook()))
    assert.deepEqual(authorizers, [
      { type: 'Node', name: 'node' },
      { type: 'Webhook', name: 'hook', webhook: { authorizedTTL: '5m', unauthorizedTTL: '30s', ...WEBHOOK } },
    ])
  })

  const wrong: [string, object[], RegExp][] = [
    ['empty', [], /authorizers: Required value: at least one authorization mode must be defined/],
    ['of no type', [{ name: 'x' }], /authorizers\[0\].type: Required value/],
    ['of an unknown type', [{ type: 'Magic', name: 'x' }], /Unsupported value: "Magic"/],
    [
      'RBAC twice',
      [
        { type: 'RBAC', name: 'a' },
        { type: 'RBAC', name: 'b' },
      ],
      /authorizers\[1\].type: Duplicate value: "RBAC"/,
    ],
    ['a name twice', [hook(), hook()], /authorizers\[1\].name: Duplicate value: "hook"/],
    ['of a bad name', [{ type: 'RBAC', name: 'A b' }], /authorizer name is invalid/],
    ['without its webhook', [{ type: 'Webhook', name: 'x' }], /webhook: Required value: required when type=Webhook/],
    [
      'with a webhook for another type',
      [{ type: 'RBAC', name: 'x', webhook: WEBHOOK }],
      /may only be specified when type=Webhook/,
    ],
    ['too slow', [hook({ timeout: '31s' })], /timeout: Invalid value: "31s": must be > 0s and <= 30s/],
    ['without a timeout', [hook({ timeout: undefined })], /authorizers\[0\].timeout: Required value/],
    ['of no duration', [hook({ authorizedTTL: 'soon' })], /authorizedTTL: Invalid value/],
    [
      'of another version',
      [hook({ subjectAccessReviewVersion: 'v2' })],
      /subjectAccessReviewVersion: Unsupported value: "v2"/,
    ],
    ['of no policy', [hook({ failurePolicy: '' })], /failurePolicy: Required value/],
    [
      'with a relative path',
      [hook({ connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: 'x' } })],
      /must be an absolute path/,
    ],
    ['with a misspelt field', [hook({ timeOut: '3s' })], /unknown field "authorizers\[0\].webhook.timeOut"/],
    [
      'with conditions that are none',
      [hook({ matchConditions: [{ expression: 'request.verb' }], matchConditionSubjectAccessReviewVersion: 'v1' })],
      /matchConditions\[0\].expression: Invalid value: "request.verb": compilation failed: ERROR: <input>:1:8: undefined field 'verb'/,
    ],
    [
      'with conditions that are no question',
      [hook({ matchConditions: [{ expression: 'request.user' }], matchConditionSubjectAccessReviewVersion: 'v1' })],
      /must evaluate to bool/,
    ],
    [
      'with conditions of no version',
      [hook({ matchConditions: [{ expression: 'true' }] })],
      /matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified/,
    ],
  ]
  for (const [name, authorizers, text] of wrong) {
    it(`is refused ${name}`, () => assert.throws(() => readAuthorizationConfiguration(file(...authorizers)), text))
  }
})

describe('policies by attributes', () => {
  const asked = (changes: Partial<Attributes> & { user?: Attributes['user'] } = {}): Attributes => ({
    user: { name: 'jane', groups: ['dev', 'system:authenticated'] },
    verb: 'get',
    isResourceRequest: true,
    path: '',
    apiGroup: '',
    apiVersion: 'v1',
    resource: 'pods',
    subresource: '',
    namespace: 'ns',
    name: 'x',
    ...changes,
  })
  const policy = (spec: object): string =>
    JSON.stringify({ apiVersion: 'abac.authorization.kubernetes.io/v1beta1', kind: 'Policy', spec })
  const path = { isResourceRequest: false, path: '/healthz/etcd' }
  const cases: [string, string, Attributes, boolean][] = [
    [
      'a user everything',
      policy({ user: 'jane', namespace: '*', resource: '*', apiGroup: '*' }),
      asked({ verb: 'delete' }),
      true,
    ],
    ['another user nothing', policy({ user: 'joe', namespace: '*', resource: '*', apiGroup: '*' }), asked(), false],
    ['a group', policy({ group: 'dev', namespace: 'ns', resource: 'pods' }), asked(), true],
    ['a user in a group', policy({ user: 'jane', group: 'ops', namespace: 'ns', resource: 'pods' }), asked(), false],
    ['everybody who is known', policy({ user: '*', namespace: 'ns', resource: 'pods' }), asked(), true],
    [
      'nobody who is not',
      policy({ user: '*', namespace: 'ns', resource: 'pods' }),
      asked({ user: { name: 'x', groups: [] } }),
      false,
    ],
    [
      'reading only',
      policy({ user: 'jane', readonly: true, namespace: 'ns', resource: 'pods' }),
      asked({ verb: 'create' }),
      false,
    ],
    ['one namespace', policy({ user: 'jane', namespace: 'other', resource: 'pods' }), asked(), false],
    [
      'one group of resources',
      policy({ user: 'jane', namespace: 'ns', resource: 'pods', apiGroup: 'apps' }),
      asked(),
      false,
    ],
    ['paths below one', policy({ user: 'jane', nonResourcePath: '/healthz/*' }), asked(path), true],
    ['no other path', policy({ user: 'jane', nonResourcePath: '/healthz' }), asked(path), false],
    ['in the old form everybody', '{"readonly": true}', asked(), true],
    ['in the old form a resource', '{"user": "jane", "resource": "pods"}', asked({ verb: 'delete' }), true],
    ['in the old form no path where a resource is named', '{"user": "jane", "resource": "pods"}', asked(path), false],
    ['nothing by a comment', '# {"readonly": true}\n\n', asked(), false],
  ]
  for (const [name, text, attributes, allowed] of cases) {
    it(`allow ${name}`, async () => {
      const { decision } = await abacAuthorizer(text).authorize(attributes)
      assert.equal(decision, allowed ? 'allow' : 'no-opinion')
    })
  }
  it('must be policies', () => {
    assert.throws(() => abacAuthorizer('{"apiVersion": "v1", "kind": "Pod"}'), /line 1 is no Policy/)
    assert.throws(() => abacAuthorizer('nonsense'))
  })
})

describe('match conditions', () => {
  const review = (spec: object) => ({ metadata: {}, spec }) as never
  const cases: [string, string[], object, boolean | RegExp][] = [
    ['hold', ["request.resourceAttributes.namespace == 'ns'"], { resourceAttributes: { namespace: 'ns' } }, true],
    ['do not hold', ["request.resourceAttributes.namespace == 'ns'"], { resourceAttributes: {} }, false],
    ['ask for what is there', ['has(request.resourceAttributes)'], { nonResourceAttributes: { path: '/' } }, false],
    ['know groups', ["'dev' in request.groups"], { groups: ['dev'] }, true],
    [
      'know selectors',
      ["request.resourceAttributes.fieldSelector.requirements.exists(r, r.key == 'spec.nodeName')"],
      {
        resourceAttributes: {
          fieldSelector: { requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['n'] }] },
        },
      },
      true,
    ],
    ['fail', ["request.resourceAttributes.verb == 'get'"], {}, /no such key: resourceAttributes/],
    ['fail and do not hold', ["request.resourceAttributes.verb == 'get'", 'false'], {}, false],
  ]
  for (const [name, expressions, spec, expected] of cases) {
    it(name, () => {
      const registry = new MetricsRegistry()
      const metrics = new AuthorizationMetrics(registry).ofWebhook('hook')
      const matches = matchConditions(expressions, new SimulatedClock(), metrics)
      if (expected instanceof RegExp) assert.throws(() => matches(review(spec)), expected)
      else assert.equal(matches(review(spec)), expected)
      const counted = (what: string): boolean => registry.text().includes(`${what}_total{name="hook",type="webhook"} 1`)
      assert.equal(counted('match_condition_exclusions'), expected === false)
      if (expected instanceof RegExp) assert.ok(counted('match_condition_evaluation_errors'))
    })
  }
})
