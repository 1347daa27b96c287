import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClusterRoleBindings, ClusterRoles, RoleBindings, Roles } from '@canopus/api'
import type { PolicyRule } from '@canopus/api/rbac/v1'
import { FakeObjects } from '../authn/testing/fake-objects.ts'
import { defaultClusterRoleBindings, defaultClusterRoles } from '../bootstrap/default-roles.ts'
import { aggregateRules } from '../bootstrap/reconcile-roles.ts'
import { forbiddenAttributes } from '../filters/authorization.ts'
import type { Attributes, Authorizer, Decision } from '../security.ts'
import { compact, uncovered } from './covers.ts'
import { alwaysAllow, alwaysDeny, privilegedGroup, unionAuthorizer } from './modes.ts'
import { RbacAuthorizer } from './rbac.ts'
import { RoleIndex } from './role-index.ts'
import { ruleAllows } from './rules.ts'

const JANE = { name: 'jane', groups: ['dev', 'system:authenticated'] }

/** `verb resource[/subresource] [namespace] [name]` or `verb /path`. */
export function attributes(text: string, user: Attributes['user'] = JANE, apiGroup = ''): Attributes {
  const [verb = '', what = '', namespace = '', name = ''] = text.split(' ')
  const isResourceRequest = !what.startsWith('/')
  const [resource = '', subresource = ''] = isResourceRequest ? what.split('/') : []
  const path = isResourceRequest ? `/api/v1/${resource}` : what
  return { user, verb, isResourceRequest, path, apiGroup, apiVersion: 'v1', resource, subresource, namespace, name }
}

describe('rules', () => {
  const rule = (partial: Partial<PolicyRule>): PolicyRule => ({ verbs: ['get'], apiGroups: [''], ...partial })
  const cases: [string, PolicyRule, string, boolean][] = [
    ['a resource', rule({ resources: ['pods'] }), 'get pods ns', true],
    ['another verb', rule({ resources: ['pods'] }), 'list pods ns', false],
    ['any verb', rule({ verbs: ['*'], resources: ['pods'] }), 'list pods ns', true],
    ['another group', rule({ apiGroups: ['apps'], resources: ['pods'] }), 'get pods ns', false],
    ['any group', rule({ apiGroups: ['*'], resources: ['pods'] }), 'get pods ns', true],
    ['not the subresource', rule({ resources: ['pods'] }), 'get pods/log ns x', false],
    ['the subresource', rule({ resources: ['pods/log'] }), 'get pods/log ns x', true],
    ['only the subresource', rule({ resources: ['pods/log'] }), 'get pods ns x', false],
    ['everything', rule({ resources: ['*'] }), 'get pods/log ns x', true],
    ['a subresource of everything', rule({ resources: ['*/scale'] }), 'get deployments/scale ns x', true],
    ['not others of everything', rule({ resources: ['*/scale'] }), 'get deployments/status ns x', false],
    ['a name', rule({ resources: ['pods'], resourceNames: ['a'] }), 'get pods ns a', true],
    ['another name', rule({ resources: ['pods'], resourceNames: ['a'] }), 'get pods ns b', false],
    ['no name', rule({ resources: ['pods'], resourceNames: ['a'] }), 'get pods ns', false],
    ['a path', rule({ nonResourceURLs: ['/version'] }), 'get /version', true],
    ['a longer path', rule({ nonResourceURLs: ['/version'] }), 'get /version/', false],
    ['paths below', rule({ nonResourceURLs: ['/healthz/*'] }), 'get /healthz/etcd', true],
    ['not the path above', rule({ nonResourceURLs: ['/healthz/*'] }), 'get /healthz', false],
    ['all paths', rule({ nonResourceURLs: ['*'] }), 'get /anything', true],
    ['no path for resources', rule({ resources: ['*'] }), 'get /version', false],
  ]
  for (const [name, given, request, expected] of cases) {
    it(`allow ${name}: ${request}: ${expected}`, () => assert.equal(ruleAllows(given, attributes(request)), expected))
  }
})

describe('RBAC', () => {
  const GROUP = 'rbac.authorization.k8s.io'
  function setUp() {
    const objects = new FakeObjects()
    const rules = (text: string) => [{ apiGroups: [''], resources: text.split(' '), verbs: ['get', 'list'] }]
    objects.put(ClusterRoles, { metadata: { name: 'reader' }, rules: rules('pods services') })
    objects.put(Roles, { metadata: { name: 'secrets', namespace: 'a' }, rules: rules('secrets') })
    const bind = (kind: string, role: string, subjects: object[]) => ({
      roleRef: { apiGroup: GROUP, kind, name: role },
      subjects,
    })
    objects.put(ClusterRoleBindings, {
      metadata: { name: 'ops' },
      ...bind('ClusterRole', 'reader', [{ kind: 'Group', name: 'ops', apiGroup: GROUP }]),
    })
    objects.put(RoleBindings, {
      metadata: { name: 'jane', namespace: 'a' },
      ...bind('ClusterRole', 'reader', [{ kind: 'User', name: 'jane', apiGroup: GROUP }]),
    })
    objects.put(RoleBindings, {
      metadata: { name: 'robots', namespace: 'a' },
      ...bind('Role', 'secrets', [
        { kind: 'ServiceAccount', name: 'robot' },
        { kind: 'ServiceAccount', name: 'robot', namespace: 'b' },
      ]),
    })
    return { objects, rbac: new RbacAuthorizer(new RoleIndex(objects)) }
  }
  const ops = { name: 'joe', groups: ['ops'] }
  const robot = (namespace: string) => ({ name: `system:serviceaccount:${namespace}:robot`, groups: [] })
  const cases: [string, string, Attributes['user'], boolean][] = [
    ['a cluster role binding holds everywhere', 'list pods b', ops, true],
    ['and for all namespaces at once', 'list pods', ops, true],
    ['a role binding holds in its namespace', 'list pods a', JANE, true],
    ['and not in others', 'list pods b', JANE, false],
    ['and not for all namespaces', 'list pods', JANE, false],
    ['a role gives only what it says', 'delete pods a', JANE, false],
    ['a service account of the namespace', 'get secrets a x', robot('a'), true],
    ['a service account of another namespace', 'get secrets a x', robot('b'), true],
    ['a service account nobody named', 'get secrets a x', robot('c'), false],
    ['strangers', 'get pods a x', { name: 'x', groups: ['y'] }, false],
  ]
  for (const [name, request, user, allowed] of cases) {
    it(`${name}: ${request}`, () => {
      const { rbac } = setUp()
      assert.equal(rbac.authorize(attributes(request, user)).decision, allowed ? 'allow' : 'no-opinion')
    })
  }

  it('says which binding allowed it', () => {
    const { rbac } = setUp()
    const reasons = [rbac.authorize(attributes('list pods', ops)), rbac.authorize(attributes('list pods a'))]
    assert.deepEqual(
      reasons.map(({ reason }) => reason),
      [
        'RBAC: allowed by ClusterRoleBinding "ops" of ClusterRole "reader" to Group "ops"',
        'RBAC: allowed by RoleBinding "jane/a" of ClusterRole "reader" to User "jane"',
      ],
    )
  })

  it('names roles that are missing', () => {
    const { objects, rbac } = setUp()
    objects.remove(ClusterRoles, 'reader')
    assert.deepEqual(rbac.authorize(attributes('list pods', ops)), {
      decision: 'no-opinion',
      reason: 'RBAC: clusterrole.rbac.authorization.k8s.io "reader" not found',
    })
  })

  it('follows changes of roles and bindings', () => {
    const { objects, rbac } = setUp()
    const may = (request: string) => rbac.authorize(attributes(request)).decision === 'allow'
    const binding = objects.get(RoleBindings, 'jane', 'a')!
    objects.put(RoleBindings, { ...binding, subjects: [{ kind: 'User', name: 'joe', apiGroup: GROUP }] })
    assert.equal(may('list pods a'), false)
    objects.put(RoleBindings, binding)
    assert.equal(may('list pods a'), true)
    objects.put(ClusterRoles, { metadata: { name: 'reader' }, rules: [] })
    assert.equal(may('list pods a'), false)
    objects.put(ClusterRoles, {
      metadata: { name: 'reader' },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }],
    })
    assert.equal(may('list pods a'), true)
    objects.remove(RoleBindings, 'jane', 'a')
    assert.equal(may('list pods a'), false)
  })

  it('lists what a user may do', () => {
    const { rbac } = setUp()
    assert.deepEqual(rbac.rulesFor(JANE, 'a').resourceRules, [
      { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods', 'services'] },
    ])
    assert.deepEqual(rbac.rulesFor(JANE, 'b').resourceRules, [])
  })
})

describe('default roles', () => {
  const objects = new FakeObjects()
  for (const role of aggregateRules(defaultClusterRoles())) objects.put(ClusterRoles, role)
  for (const binding of defaultClusterRoleBindings()) objects.put(ClusterRoleBindings, binding)
  objects.put(RoleBindings, {
    metadata: { name: 'edit', namespace: 'a' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
    subjects: [{ kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' }],
  })
  const rbac = new RbacAuthorizer(new RoleIndex(objects))
  const anonymous = { name: 'system:anonymous', groups: ['system:unauthenticated'] }
  const controller = (name: string) => ({ name: `system:serviceaccount:kube-system:${name}`, groups: [] })
  const cases: [string, Attributes['user'], boolean, string?][] = [
    ['get /healthz', anonymous, true],
    ['get /livez', anonymous, true],
    ['get /version', anonymous, true],
    ['get /metrics', anonymous, false],
    ['get /api', anonymous, false],
    ['list pods a', anonymous, false],
    ['get /apis/apps/v1', JANE, true],
    ['get /openapi/v3', JANE, true],
    ['create selfsubjectaccessreviews', JANE, true, 'authorization.k8s.io'],
    ['create pods a', JANE, true],
    ['get pods/log a x', JANE, true],
    ['create pods/exec a x', JANE, true],
    ['create deployments a', JANE, true, 'apps'],
    ['create roles a', JANE, false, 'rbac.authorization.k8s.io'],
    ['create pods b', JANE, false],
    ['create pods a', controller('replicaset-controller'), true],
    ['update deployments/status a x', controller('deployment-controller'), true, 'apps'],
    ['update deployments/status a x', controller('job-controller'), false, 'apps'],
    ['create pods/binding a x', { name: 'system:kube-scheduler', groups: [] }, true],
  ]
  for (const [request, user, allowed, group] of cases) {
    it(`${allowed ? 'let' : 'do not let'} ${user.name} ${request}`, () => {
      const { decision } = rbac.authorize(attributes(request, user, group))
      assert.equal(decision, allowed ? 'allow' : 'no-opinion')
    })
  }
})

describe('modes', () => {
  const saying = (decision: Decision['decision'], reason = ''): Authorizer => ({
    authorize: () => ({ decision, reason }),
  })
  const later = (inner: Authorizer): Authorizer => ({ authorize: async each => inner.authorize(each) })
  const cases: [string, Authorizer[], Decision][] = [
    ['the first that allows', [saying('no-opinion', 'a'), saying('allow')], { decision: 'allow', reason: '' }],
    ['a denial ends the search', [saying('deny', 'no'), saying('allow')], { decision: 'deny', reason: 'no' }],
    [
      'all reasons where nobody has an opinion',
      [saying('no-opinion', 'a'), later(saying('no-opinion', 'b')), saying('no-opinion', 'c')],
      { decision: 'no-opinion', reason: 'a\nb\nc' },
    ],
    ['an answer that comes later', [later(saying('no-opinion')), alwaysAllow], { decision: 'allow', reason: '' }],
    ['always deny', [alwaysDeny], { decision: 'no-opinion', reason: 'Everything is forbidden.' }],
  ]
  for (const [name, authorizers, expected] of cases) {
    it(`give ${name}`, async () => {
      assert.deepEqual(await unionAuthorizer(authorizers).authorize(attributes('get pods a x')), expected)
    })
  }
  it('let system:masters do everything', () => {
    const masters = { name: 'admin', groups: ['system:masters'] }
    assert.deepEqual(privilegedGroup.authorize(attributes('delete nodes', masters)), { decision: 'allow', reason: '' })
  })
})

describe('denials', () => {
  const cases: [string, string, string, string][] = [
    [
      'list pods default',
      '',
      '',
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    ],
    [
      'get deployments/scale default web',
      'apps',
      'because',
      'deployments.apps "web" is forbidden: User "jane" cannot get resource "deployments/scale" in API group "apps" in the namespace "default": because',
    ],
    [
      'list nodes',
      '',
      '',
      'nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope',
    ],
    ['get /metrics', '', '', 'forbidden: User "jane" cannot get path "/metrics"'],
  ]
  for (const [request, group, reason, expected] of cases) {
    it(`read like upstream: ${request}`, () => {
      const error = forbiddenAttributes(attributes(request, JANE, group), reason)
      assert.equal(error.message, expected)
      assert.equal(error.code, 403)
    })
  }
})

describe('covering of rules', () => {
  const pods = (...verbs: string[]): PolicyRule => ({ apiGroups: [''], resources: ['pods'], verbs })
  const named: PolicyRule = { ...pods('get'), resourceNames: ['a'] }
  const cases: [string, PolicyRule[], PolicyRule[], PolicyRule[]][] = [
    ['equal rules', [pods('get')], [pods('get')], []],
    ['fewer verbs', [pods('get')], [pods('get', 'list')], [pods('list')]],
    ['two rules together', [pods('get'), pods('list')], [pods('get', 'list')], []],
    ['a star', [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }], [pods('get')], []],
    ['a star wanted', [pods('get')], [pods('*')], [pods('*')]],
    ['all names held', [pods('get')], [named], []],
    ['one name held', [named], [pods('get')], [pods('get')]],
    [
      'a path below',
      [{ nonResourceURLs: ['/a/*'], verbs: ['get'] }],
      [{ nonResourceURLs: ['/a/b', '/c'], verbs: ['get'] }],
      [{ nonResourceURLs: ['/c'], verbs: ['get'] }],
    ],
  ]
  for (const [name, held, wanted, expected] of cases) {
    it(`finds what is missing: ${name}`, () => assert.deepEqual(uncovered(held, wanted), expected))
  }
  it('is told in few words', () => assert.deepEqual(compact([pods('get'), pods('list')]), [pods('get', 'list')]))
})
