import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../../generated/rbac.v1.ts'
import { testCreate, testUpdate } from '../../testing/validation-table.ts'
import { ClusterRoleKind } from './clusterrole.ts'
import { ClusterRoleBindingKind } from './clusterrolebinding.ts'
import { RoleKind } from './role.ts'
import { RoleBindingKind } from './rolebinding.ts'

const metadata = { name: 'reader', namespace: 'default' }
const rule = { verbs: ['get'], apiGroups: [''], resources: ['pods'] }

testCreate(RoleKind, { metadata, rules: [rule] } as unknown as Role, [
  {
    name: 'no verbs',
    change: role => {
      role.rules![0]!.verbs = []
    },
    errors: ['rules[0].verbs: Required value: verbs must contain at least one value'],
  },
  {
    name: 'no resources',
    change: role => {
      role.rules = [{ verbs: ['get'] }]
    },
    errors: [
      'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
      'rules[0].resources: Required value: resource rules must supply at least one resource',
    ],
  },
  {
    name: 'paths in a namespace',
    change: role => {
      role.rules = [{ verbs: ['get'], nonResourceURLs: ['/x'] }]
    },
    errors: ['rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs'],
  },
])

testCreate(ClusterRoleKind, { metadata: { name: 'a' }, rules: [rule] } as unknown as ClusterRole, [
  {
    name: 'paths',
    change: role => {
      role.rules = [{ verbs: ['get'], nonResourceURLs: ['/x'] }]
    },
    errors: [],
  },
  {
    name: 'aggregation of nothing',
    change: role => {
      role.aggregationRule = {}
    },
    errors: [
      'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
    ],
  },
  {
    name: 'aggregation by a selector that is none',
    change: role => {
      role.aggregationRule = { clusterRoleSelectors: [{ matchExpressions: [{ key: 'a', operator: 'In' }] }] }
    },
    errors: [
      "aggregationRule.clusterRoleSelectors[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      'aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.',
    ],
  },
])

const binding = { metadata, roleRef: { kind: 'Role', name: 'reader' }, subjects: [{ kind: 'User', name: 'ann' }] }

testCreate(RoleBindingKind, binding as unknown as RoleBinding, [
  {
    name: 'no such kind of role',
    change: object => {
      object.roleRef.kind = 'X'
    },
    errors: ['roleRef.kind: Unsupported value: "X": supported values: "Role", "ClusterRole"'],
  },
  {
    name: 'no such kind of subject',
    change: object => {
      object.subjects = [{ kind: 'X', name: 'a' }]
    },
    errors: ['subjects[0].kind: Unsupported value: "X": supported values: "ServiceAccount", "User", "Group"'],
  },
])

testUpdate(RoleBindingKind, binding as unknown as RoleBinding, [
  {
    name: 'another role',
    change: object => {
      object.roleRef.name = 'writer'
    },
    errors: [
      'roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"writer"}: cannot change roleRef',
    ],
  },
  {
    name: 'another subject',
    change: object => {
      object.subjects = [{ kind: 'Group', name: 'all' }]
    },
    errors: [],
  },
])

const clusterBinding = { metadata: { name: 'a' }, roleRef: { kind: 'ClusterRole', name: 'reader' } }

testCreate(ClusterRoleBindingKind, clusterBinding as unknown as ClusterRoleBinding, [
  {
    name: 'account without a namespace',
    change: object => {
      object.subjects = [{ kind: 'ServiceAccount', name: 'a' }]
    },
    errors: ['subjects[0].namespace: Required value'],
  },
])
