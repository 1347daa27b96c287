import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { requestInfo } from '../filters/request-info.ts'
import type { User } from '../security.ts'
import { PolicyEvaluator, type PolicyRule, readPolicy } from './policy.ts'

const policyText = (rest: object): string => JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', ...rest })

describe('readPolicy', () => {
  const refusals: [string, string, RegExp][] = [
    ['no rules', policyText({ rules: [] }), /loaded illegal policy with 0 rules/],
    ['no level', policyText({ rules: [{}] }), /^Error: rules\[0\]\.level: Required value$/],
    ['a level that is none', policyText({ rules: [{ level: 'All' }] }), /rules\[0\]\.level: Unsupported value: "All"/],
    ['another version', JSON.stringify({ apiVersion: 'audit.k8s.io/v1beta1', kind: 'Policy' }), /no kind "Policy"/],
    ['a stage that is none', policyText({ omitStages: ['Late'], rules: [{ level: 'None' }] }), /omitStages\[0\]/],
    ['a path', policyText({ rules: [{ level: 'None', nonResourceURLs: ['logs'] }] }), /must begin with a '\/'/],
    ['a star inside', policyText({ rules: [{ level: 'None', nonResourceURLs: ['/a*/b'] }] }), /must be the final/],
    [
      'both kinds of request',
      policyText({ rules: [{ level: 'None', nonResourceURLs: ['/a'], namespaces: ['x'] }] }),
      /rules cannot apply to both regular resources and non-resource URLs/,
    ],
    [
      'names without resources',
      policyText({ rules: [{ level: 'None', resources: [{ resourceNames: ['x'] }] }] }),
      /using resourceNames requires at least one resource/,
    ],
    [
      'a version in the group',
      policyText({ rules: [{ level: 'None', resources: [{ group: 'rbac.authorization.k8s.io/v1' }] }] }),
      /group: Invalid value/,
    ],
    ['no policy', 'just text', /holds no object/],
    ['a list for a level', policyText({ rules: [{ level: ['None'] }] }), /rules\[0\]\.level must be a single value/],
  ]
  for (const [name, text, message] of refusals) {
    test(`refuses ${name}`, () => assert.throws(() => readPolicy(text, () => {}), message))
  }

  test('leaves out fields that nobody knows, and says so', () => {
    const warnings: string[] = []
    readPolicy(policyText({ rules: [{ level: 'None', user: ['x'] }] }), text => warnings.push(text))
    assert.match(warnings.join(), /rules\[0\]\.user/)
  })
})

describe('PolicyEvaluator', () => {
  const tim: User = { name: 'tim@k8s.io', groups: ['humans', 'developers'] }
  const cases: [string, Omit<PolicyRule, 'level'>, string, string, User | undefined, boolean][] = [
    ['everything', {}, 'GET', '/api/v1/nodes', tim, true],
    ['a user', { users: ['tim@k8s.io'] }, 'GET', '/healthz', tim, true],
    ['another user', { users: ['x'] }, 'GET', '/healthz', tim, false],
    ['nobody', { users: ['x'] }, 'GET', '/healthz', undefined, false],
    ['a group', { userGroups: ['developers'] }, 'GET', '/healthz', tim, true],
    ['groups of nobody', { userGroups: ['developers'] }, 'GET', '/healthz', undefined, false],
    ['a verb', { verbs: ['list'] }, 'GET', '/api/v1/nodes', tim, true],
    ['another verb', { verbs: ['get'] }, 'GET', '/api/v1/nodes', tim, false],
    ['a namespace', { namespaces: ['a'] }, 'GET', '/api/v1/namespaces/a/pods', tim, true],
    ['no namespace', { namespaces: [''] }, 'GET', '/api/v1/nodes', tim, true],
    ['a path by namespaces', { namespaces: [''] }, 'GET', '/healthz', tim, false],
    ['a path', { nonResourceURLs: ['/logs*'] }, 'GET', '/logs/x', tim, true],
    ['all paths', { nonResourceURLs: ['*'] }, 'GET', '/x', tim, true],
    ['resources by paths', { nonResourceURLs: ['*'] }, 'GET', '/api/v1/nodes', tim, false],
    ['a group of resources', { resources: [{}] }, 'GET', '/api/v1/nodes', tim, true],
    ['another group', { resources: [{ group: 'apps' }] }, 'GET', '/api/v1/nodes', tim, false],
    ['all groups', { resources: [{ group: '*' }] }, 'GET', '/apis/apps/v1/deployments', tim, true],
    ['a resource', { resources: [{ resources: ['pods'] }] }, 'GET', '/api/v1/pods', tim, true],
    [
      'not its subresource',
      { resources: [{ resources: ['pods'] }] },
      'GET',
      '/api/v1/namespaces/a/pods/b/log',
      tim,
      false,
    ],
    [
      'a subresource',
      { resources: [{ resources: ['pods/log'] }] },
      'GET',
      '/api/v1/namespaces/a/pods/b/log',
      tim,
      true,
    ],
    [
      'all subresources',
      { resources: [{ resources: ['pods/*'] }] },
      'GET',
      '/api/v1/namespaces/a/pods/b/log',
      tim,
      true,
    ],
    ['of all', { resources: [{ resources: ['*/log'] }] }, 'GET', '/api/v1/namespaces/a/pods/b/log', tim, true],
    ['of all, another', { resources: [{ resources: ['*/log'] }] }, 'GET', '/api/v1/pods', tim, false],
    [
      'a name',
      { resources: [{ resources: ['pods'], resourceNames: ['b'] }] },
      'GET',
      '/api/v1/namespaces/a/pods/b',
      tim,
      true,
    ],
    [
      'not that name',
      { resources: [{ resources: ['pods'], resourceNames: ['c'] }] },
      'GET',
      '/api/v1/namespaces/a/pods/b',
      tim,
      false,
    ],
  ]
  for (const [name, rule, method, path, user, expected] of cases) {
    test(`${name}: ${expected}`, () => {
      const evaluator = new PolicyEvaluator({ rules: [{ level: 'Request', ...rule }] })
      assert.equal(evaluator.evaluate(user, requestInfo(method, path, '')).level, expected ? 'Request' : 'None')
    })
  }

  test('the first rule that matches decides; stages add up and managed fields are overridden', () => {
    const evaluator = new PolicyEvaluator({
      omitStages: ['RequestReceived'],
      omitManagedFields: true,
      rules: [
        { level: 'Metadata', verbs: ['get'], omitStages: ['Panic'], omitManagedFields: false },
        { level: 'RequestResponse' },
      ],
    })
    const info = requestInfo('GET', '/api/v1/namespaces/a/pods/b', '')
    assert.deepEqual(evaluator.evaluate(tim, info), {
      level: 'Metadata',
      omitStages: new Set(['RequestReceived', 'Panic']),
      omitManagedFields: false,
    })
    assert.equal(evaluator.evaluate(tim, requestInfo('GET', '/api/v1/pods', '')).omitManagedFields, true)
  })
})
