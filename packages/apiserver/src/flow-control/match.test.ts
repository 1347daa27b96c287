import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { requestInfo } from '../filters/request-info.ts'
import type { User } from '../security.ts'
import { digest } from './configuration.ts'
import { MANDATORY_LEVELS, MANDATORY_SCHEMAS, SUGGESTED_LEVELS, SUGGESTED_SCHEMAS } from './defaults.ts'
import { matchesSchema } from './match.ts'

const everybody = 'system:authenticated'
const admin: User = { name: 'kubernetes-admin', groups: ['system:masters', everybody] }
const node: User = { name: 'system:node:n1', groups: ['system:nodes', everybody] }
const manager: User = { name: 'system:kube-controller-manager', groups: [everybody] }
const scheduler: User = { name: 'system:kube-scheduler', groups: [everybody] }
const account = (namespace: string): User => ({
  name: `system:serviceaccount:${namespace}:robot`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, everybody],
})
const alice: User = { name: 'alice', groups: [everybody] }
const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] }
const nobody: User = { name: 'nobody', groups: [] }
const LEASE = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x'

const cases: readonly [User, string, string, string][] = [
  [admin, 'GET', '/api/v1/pods', 'exempt'],
  [admin, 'GET', '/healthz', 'exempt'],
  [anonymous, 'GET', '/livez', 'probes'],
  [anonymous, 'GET', '/readyz/etcd', 'probes'],
  [anonymous, 'POST', '/livez', 'global-default'],
  [alice, 'GET', '/version', 'global-default'],
  [manager, 'PUT', LEASE, 'system-leader-election'],
  [scheduler, 'GET', LEASE, 'system-leader-election'],
  [manager, 'DELETE', LEASE, 'kube-controller-manager'],
  [account('kube-system'), 'POST', '/apis/coordination.k8s.io/v1/namespaces/x/leases', 'system-leader-election'],
  [node, 'PATCH', '/api/v1/nodes/n1/status', 'system-node-high'],
  [node, 'PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1', 'system-node-high'],
  [node, 'GET', '/api/v1/namespaces/a/secrets/s', 'system-nodes'],
  [node, 'GET', '/version', 'system-nodes'],
  [manager, 'GET', '/api/v1/pods', 'kube-controller-manager'],
  [scheduler, 'POST', '/api/v1/namespaces/a/pods/p/binding', 'kube-scheduler'],
  [account('kube-system'), 'GET', '/api/v1/pods', 'kube-system-service-accounts'],
  [account('kube-system-2'), 'GET', '/api/v1/pods', 'service-accounts'],
  [account('default'), 'GET', '/api/v1/pods', 'service-accounts'],
  [alice, 'GET', '/api/v1/namespaces/a/pods/p', 'global-default'],
]

describe('the flow schemas of every cluster', () => {
  const levels = [...SUGGESTED_LEVELS, ...MANDATORY_LEVELS]
  const { schemas } = digest(new Map(), levels, [...SUGGESTED_SCHEMAS, ...MANDATORY_SCHEMAS], 0)
  for (const [user, method, path, expected] of cases) {
    it(`${user.name}: ${method} ${path} belongs to ${expected}`, () => {
      const info = requestInfo(method, path, '')
      assert.equal(schemas.find(each => matchesSchema(each, user, info))?.metadata.name, expected)
    })
  }
  it('match nobody without groups', () => {
    const info = requestInfo('GET', '/api/v1/pods', '')
    assert.equal(
      schemas.find(each => matchesSchema(each, nobody, info)),
      undefined,
    )
  })
})

describe('rules', () => {
  const schema = (rule: object) => ({
    spec: {
      priorityLevelConfiguration: { name: 'x' },
      matchingPrecedence: 1,
      rules: [{ subjects: [{ kind: 'User', user: { name: '*' } }], ...rule }],
    },
  })
  const resource = (rule: object) =>
    schema({ resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], ...rule }] })
  const rows: readonly [string, object, string, string, boolean][] = [
    ['cluster scope must be asked for', {}, 'GET', '/api/v1/nodes/n', false],
    ['cluster scope', { clusterScope: true }, 'GET', '/api/v1/nodes/n', true],
    ['all namespaces are cluster scope', {}, 'GET', '/api/v1/pods', false],
    ['a namespace', { namespaces: ['a'] }, 'GET', '/api/v1/namespaces/a/pods', true],
    ['another namespace', { namespaces: ['b'] }, 'GET', '/api/v1/namespaces/a/pods', false],
    ['a subresource is no resource', { resources: ['pods'] }, 'GET', '/api/v1/namespaces/a/pods/p/log', false],
    ['a subresource', { resources: ['pods/log'] }, 'GET', '/api/v1/namespaces/a/pods/p/log', true],
    ['another verb', { verbs: ['get'] }, 'GET', '/api/v1/namespaces/a/pods', false],
    ['another group', { apiGroups: ['apps'] }, 'GET', '/api/v1/namespaces/a/pods', false],
  ]
  for (const [name, rule, method, path, expected] of rows) {
    it(name, () => assert.equal(matchesSchema(resource(rule) as never, alice, requestInfo(method, path, '')), expected))
  }
  const paths: readonly [string, string, boolean][] = [
    ['/healthz', '/healthz', true],
    ['/healthz', '/healthz/etcd', true],
    ['/healthz', '/healthzz', false],
    ['/openapi/*', '/openapi/v3/api', true],
    ['/openapi/*', '/openapi', false],
    ['*', '/anything', true],
  ]
  for (const [url, path, expected] of paths) {
    it(`${url} ${expected ? 'covers' : 'does not cover'} ${path}`, () => {
      const rule = schema({ nonResourceRules: [{ verbs: ['get'], nonResourceURLs: [url] }] })
      assert.equal(matchesSchema(rule as never, alice, requestInfo('GET', path, '')), expected)
    })
  }
})
