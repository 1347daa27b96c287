import type { PolicyRule } from '@canopus/api/rbac/v1'
import { CORE, EVENTS, READ, rule } from './policy-table.ts'

export interface NamespacedRoleFacts {
  namespace: string
  name: string
  rules: readonly PolicyRule[]
}

const LEADER_ELECTION = [
  rule('create get list update watch', 'coordination.k8s.io', 'leases'),
  rule('create get list update watch', 'coordination.k8s.io', 'leasecandidates'),
]

/** The default roles inside namespaces (plugin/pkg/auth/authorizer/rbac/bootstrappolicy/namespace_policy.go). */
export const NAMESPACE_ROLES: readonly NamespacedRoleFacts[] = [
  {
    namespace: 'kube-public',
    name: 'system:controller:bootstrap-signer',
    rules: [rule(READ, CORE, 'configmaps'), rule('update', CORE, 'configmaps', 'cluster-info'), EVENTS],
  },
  {
    namespace: 'kube-system',
    name: 'extension-apiserver-authentication-reader',
    rules: [rule(READ, CORE, 'configmaps', 'extension-apiserver-authentication')],
  },
  { namespace: 'kube-system', name: 'system::leader-locking-kube-controller-manager', rules: LEADER_ELECTION },
  { namespace: 'kube-system', name: 'system::leader-locking-kube-scheduler', rules: LEADER_ELECTION },
  { namespace: 'kube-system', name: 'system:controller:bootstrap-signer', rules: [rule(READ, CORE, 'secrets')] },
  {
    namespace: 'kube-system',
    name: 'system:controller:cloud-provider',
    rules: [rule('create get list watch', CORE, 'configmaps')],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:token-cleaner',
    rules: [rule('delete get list watch', CORE, 'secrets'), EVENTS],
  },
]

export interface BindingFacts {
  /** Of a role binding; a cluster role binding has none. */
  namespace?: string
  /** The role's, where it differs from the binding's. */
  name?: string
  role: string
  users?: readonly string[]
  groups?: readonly string[]
  /** Service accounts in kube-system. */
  serviceAccounts?: readonly string[]
}

const SYSTEM = 'kube-system'
const CONTROLLER_MANAGER = 'system:kube-controller-manager'
const SCHEDULER = 'system:kube-scheduler'

export const NAMESPACE_BINDINGS: readonly BindingFacts[] = [
  {
    namespace: 'kube-public',
    role: 'system:controller:bootstrap-signer',
    serviceAccounts: ['bootstrap-signer'],
  },
  {
    namespace: SYSTEM,
    name: 'system::extension-apiserver-authentication-reader',
    role: 'extension-apiserver-authentication-reader',
    users: [CONTROLLER_MANAGER, SCHEDULER],
  },
  {
    namespace: SYSTEM,
    role: 'system::leader-locking-kube-controller-manager',
    users: [CONTROLLER_MANAGER],
    serviceAccounts: ['kube-controller-manager', 'leader-election-controller'],
  },
  {
    namespace: SYSTEM,
    role: 'system::leader-locking-kube-scheduler',
    users: [SCHEDULER],
    serviceAccounts: ['kube-scheduler'],
  },
  { namespace: SYSTEM, role: 'system:controller:bootstrap-signer', serviceAccounts: ['bootstrap-signer'] },
  { namespace: SYSTEM, role: 'system:controller:cloud-provider', serviceAccounts: ['cloud-provider'] },
  { namespace: SYSTEM, role: 'system:controller:token-cleaner', serviceAccounts: ['token-cleaner'] },
]

/** Without those of the controllers, which follow from their names. */
export const CLUSTER_BINDINGS: readonly BindingFacts[] = [
  { role: 'cluster-admin', groups: ['system:masters'] },
  { role: 'system:basic-user', groups: ['system:authenticated'] },
  { role: 'system:discovery', groups: ['system:authenticated'] },
  { role: 'system:kube-controller-manager', users: [CONTROLLER_MANAGER] },
  { role: 'system:kube-dns', serviceAccounts: ['kube-dns'] },
  { role: 'system:kube-scheduler', users: [SCHEDULER] },
  { role: 'system:monitoring', groups: ['system:monitoring'] },
  // Nodes get their rights from the Node authorizer; the binding stays for whoever runs without it.
  { role: 'system:node' },
  { role: 'system:node-proxier', users: ['system:kube-proxy'] },
  { role: 'system:public-info-viewer', groups: ['system:authenticated', 'system:unauthenticated'] },
  { role: 'system:service-account-issuer-discovery', groups: ['system:serviceaccounts'] },
  { role: 'system:volume-scheduler', users: [SCHEDULER] },
]
