import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject } from '@canopus/api/rbac/v1'
import type { Draft } from '@canopus/apimachinery'
import type { FeatureGates } from '../features/feature-gates.ts'
import { CLUSTER_ROLES } from './cluster-roles.ts'
import { CONTROLLER_ROLES, FEATURE_ROLES } from './controller-roles.ts'
import { type BindingFacts, CLUSTER_BINDINGS, NAMESPACE_BINDINGS, NAMESPACE_ROLES } from './namespace-roles.ts'

const API_VERSION = 'rbac.authorization.k8s.io/v1'
const RBAC_GROUP = 'rbac.authorization.k8s.io'
const CONTROLLER_PREFIX = 'system:controller:'
const AGGREGATE_TO = 'rbac.authorization.k8s.io/aggregate-to-'

/** Where this is not `true` any more, the API server leaves a default role alone. */
export const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate'

function metadata(name: string, namespace?: string, labels: Record<string, string> = {}) {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    annotations: { [AUTOUPDATE]: 'true' },
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
  }
}

function controllerRoles(gates: FeatureGates | undefined): [string, readonly PolicyRule[]][] {
  const features = Object.entries(FEATURE_ROLES).filter(([feature]) => gates?.enabled(feature))
  return [CONTROLLER_ROLES, ...features.map(([, roles]) => roles)].flatMap(roles => Object.entries(roles))
}

/** `gates`: where missing, those of 1.36 as they are by default. */
export function defaultClusterRoles(gates?: FeatureGates): Draft<ClusterRole>[] {
  const general = Object.entries(CLUSTER_ROLES).map(([name, facts]): Draft<ClusterRole> => {
    const labels = facts.aggregateTo === undefined ? {} : { [AGGREGATE_TO + facts.aggregateTo]: 'true' }
    return {
      apiVersion: API_VERSION,
      kind: 'ClusterRole',
      metadata: metadata(name, undefined, labels),
      ...(facts.aggregates === undefined
        ? {}
        : {
            aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [AGGREGATE_TO + facts.aggregates]: 'true' } }] },
          }),
      ...(facts.rules === undefined ? {} : { rules: [...facts.rules] }),
    }
  })
  const controllers = controllerRoles(gates).map(
    ([name, rules]): Draft<ClusterRole> => ({
      apiVersion: API_VERSION,
      kind: 'ClusterRole',
      metadata: metadata(CONTROLLER_PREFIX + name),
      rules: rules.map(withPatch),
    }),
  )
  return [...general, ...controllers]
}

/** Our controllers patch where upstream's replace: who may do the one may do the other. */
function withPatch(rule: PolicyRule): PolicyRule {
  const { verbs } = rule
  return verbs.includes('update') && !verbs.includes('patch') ? { ...rule, verbs: [...verbs, 'patch'].sort() } : rule
}

export function defaultClusterRoleBindings(gates?: FeatureGates): Draft<ClusterRoleBinding>[] {
  const controllers = controllerRoles(gates).map(([name]) => ({
    role: CONTROLLER_PREFIX + name,
    serviceAccounts: [name],
  }))
  return [...CLUSTER_BINDINGS, ...controllers].map(facts => binding(facts, 'ClusterRoleBinding', 'ClusterRole'))
}

export function defaultRoles(): Draft<Role>[] {
  return NAMESPACE_ROLES.map(({ namespace, name, rules }) => ({
    apiVersion: API_VERSION,
    kind: 'Role',
    metadata: metadata(name, namespace),
    rules: [...rules],
  }))
}

export function defaultRoleBindings(): Draft<RoleBinding>[] {
  return NAMESPACE_BINDINGS.map(facts => binding(facts, 'RoleBinding', 'Role'))
}

/** What the Node authorizer allows every node; the rest it decides by what runs there. */
export const NODE_RULES: readonly PolicyRule[] = CLUSTER_ROLES['system:node']!.rules!

function binding(facts: BindingFacts, kind: string, roleKind: string) {
  const subjects: Subject[] = [
    ...(facts.users ?? []).map(name => ({ apiGroup: RBAC_GROUP, kind: 'User', name })),
    ...(facts.groups ?? []).map(name => ({ apiGroup: RBAC_GROUP, kind: 'Group', name })),
    ...(facts.serviceAccounts ?? []).map(name => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' })),
  ]
  return {
    apiVersion: API_VERSION,
    kind,
    metadata: metadata(facts.name ?? facts.role, facts.namespace),
    roleRef: { apiGroup: RBAC_GROUP, kind: roleKind, name: facts.role },
    ...(subjects.length > 0 ? { subjects } : {}),
  }
}
