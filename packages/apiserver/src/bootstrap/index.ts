import { ClusterRoleBindings, ClusterRoles, RoleBindings, Roles } from '@canopus/api'
import type { ClusterRoleBinding } from '@canopus/api/rbac/v1'
import type { Draft } from '@canopus/apimachinery'
import type { Client } from '@canopus/client'
import type { FeatureGates } from '../features/feature-gates.ts'
import type { PostStartHooks } from '../health/post-start-hooks.ts'
import { type AuthenticationFacts, ensureAuthenticationConfig } from './authentication-config.ts'
import { ensureNamespaces, ensurePriorityClasses } from './cluster-objects.ts'
import { defaultClusterRoleBindings, defaultClusterRoles, defaultRoleBindings, defaultRoles } from './default-roles.ts'
import { reconcileObjects } from './ensure.ts'
import { ensureFlowControl } from './flow-control.ts'
import { ensureKubernetesService, type KubernetesServiceFacts } from './kubernetes-service.ts'
import { ensureNodeBootstrap } from './node-bootstrap.ts'
import { type Perseverance, persevere } from './persevere.ts'
import { aggregateRules, reconcileBinding, reconcileRole } from './reconcile-roles.ts'
import { ensureResourceMetrics } from './resource-metrics.ts'
import { splitBinding } from './split-binding.ts'

export interface BootstrapOptions {
  /** Where missing, `kube-system/extension-apiserver-authentication` is not written. */
  authentication?: AuthenticationFacts
  /** Where missing, the service `default/kubernetes` is not written. */
  service?: KubernetesServiceFacts
  /** Whether to keep the default roles; true where missing. */
  rbac?: boolean
  /** Whether machines with a bootstrap token may join by themselves; false where missing, as upstream. */
  nodeBootstrap?: boolean
  /** Features bring roles with them; the defaults where missing. */
  featureGates?: FeatureGates
  /** Whether the server says what nodes and pods use; false where missing. */
  resourceMetrics?: boolean
}

/**
 * Writes what every cluster has from its first moment: system namespaces, priority classes, default roles, the service
 * `kubernetes`. Run at every start by every API server; writes only what is missing. Throws what it cannot write, unless it is
 * told how to try again.
 */
export async function bootstrapCluster(
  client: Client,
  options: BootstrapOptions = {},
  hooks?: PostStartHooks,
  perseverance?: Perseverance,
): Promise<void> {
  const tried = (name: string, work: () => Promise<unknown>): Promise<unknown> =>
    perseverance === undefined ? work() : persevere(name, work, perseverance)
  const run = (name: string, work: () => Promise<unknown>): Promise<unknown> =>
    hooks === undefined ? tried(name, work) : hooks.run(name, () => tried(name, work))
  const { authentication, service } = options
  await run('start-system-namespaces-controller', () => ensureNamespaces(client))
  await Promise.all([
    run('scheduling/bootstrap-system-priority-classes', () => ensurePriorityClasses(client)),
    run('priority-and-fairness-config-producer', () => ensureFlowControl(client)),
    options.rbac === false ? undefined : run('rbac/bootstrap-roles', () => ensureRoles(client, options.featureGates)),
    authentication &&
      run('start-cluster-authentication-info-controller', () => ensureAuthenticationConfig(client, authentication)),
    service && run('bootstrap-controller', () => ensureKubernetesService(client, service)),
  ])
  if (options.resourceMetrics) await tried('resource-metrics', () => ensureResourceMetrics(client))
  if (options.nodeBootstrap) await tried('node-bootstrap', () => ensureNodeBootstrap(client))
}

/** The default roles and bindings; what an administrator added stays, what was taken away comes back. */
export async function ensureRoles(client: Client, gates?: FeatureGates): Promise<void> {
  await Promise.all([
    reconcileObjects(client, ClusterRoles, aggregateRules(defaultClusterRoles(gates)), reconcileRole),
    reconcileObjects(client, Roles, defaultRoles(), reconcileRole),
  ])
  const bindings = defaultClusterRoleBindings(gates)
  await splitBinding(client, 'system:discovery', bindings.find(isPublicInfoViewer))
  await Promise.all([
    reconcileObjects(client, ClusterRoleBindings, bindings, reconcileBinding),
    reconcileObjects(client, RoleBindings, defaultRoleBindings(), reconcileBinding),
  ])
}

const isPublicInfoViewer = ({ metadata }: Draft<ClusterRoleBinding>): boolean =>
  metadata.name === 'system:public-info-viewer'

export { type AuthenticationFacts, ensureAuthenticationConfig } from './authentication-config.ts'
export { SYSTEM_NAMESPACES, SYSTEM_PRIORITY_CLASSES } from './cluster-objects.ts'
export { keepFlowControl } from './flow-control.ts'
export { ensureKubernetesService, type KubernetesServiceFacts } from './kubernetes-service.ts'
export { keepLegacyTokenTracking } from './legacy-token-tracking.ts'
export { type BootstrapTokenOptions, createBootstrapToken } from './node-bootstrap.ts'
export { persevere } from './persevere.ts'
export { ensureServiceCidr, keepServiceCidr } from './service-cidr.ts'
