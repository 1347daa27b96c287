import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef } from '@canopus/api/rbac/v1'
import { deepEqual, type KubeObject, notFoundError } from '@canopus/apimachinery'
import { PRIVILEGED_GROUP } from '../authn/user.ts'
import { compact, uncovered } from '../authz/covers.ts'
import { showRule } from '../authz/rules.ts'
import type { AdmissionAttributes, AdmissionPlugin, Attributes } from '../security.ts'
import { type AdmissionContext, refusal } from './shared.ts'

const GROUP = 'rbac.authorization.k8s.io'
const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]

/**
 * Nobody gives away more than they have: a role's rules must be covered by the writer's own rights, or they hold `escalate`
 * on the role; a binding's by the same, or they hold `bind`. Upstream does this in the storage of these kinds
 * (pkg/registry/rbac), after admission; here it is one of the last plugins.
 */
export function roleEscalation(context: AdmissionContext): AdmissionPlugin {
  return {
    name: 'RoleEscalation',
    operations: ['CREATE', 'UPDATE'],
    resources: ['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings'].map(plural => `${GROUP}/${plural}`),
    async validate(attributes) {
      if (attributes.user.groups.includes(PRIVILEGED_GROUP) || changesOnlyOwners(attributes)) return
      if (attributes.type.plural.endsWith('bindings')) await checkBinding(attributes, context)
      else await checkRole(attributes, context)
    },
  }
}

/** What the garbage collector does to objects that it is about to remove. */
function changesOnlyOwners({ object, oldObject }: AdmissionAttributes): boolean {
  if (object === undefined || oldObject === undefined) return false
  const rest = (each: KubeObject): unknown => {
    const { ownerReferences, finalizers, managedFields, resourceVersion, ...metadata } = each.metadata
    return { ...each, metadata }
  }
  return deepEqual(rest(object), rest(oldObject))
}

async function checkRole(attributes: AdmissionAttributes, context: AdmissionContext): Promise<void> {
  const { namespace, type } = attributes
  const name = attributes.name || (attributes.object?.metadata.name ?? '')
  if (await holds(attributes, context, { verb: 'escalate', resource: type.plural, namespace, name })) return
  const role = attributes.object as Role | ClusterRole
  confirmCovered(attributes, context, role.rules ?? [])
  if (![role, attributes.oldObject].some(aggregates)) return
  if (uncovered(context.rbac.rulesOfUser(attributes.user, namespace).rules, EVERYTHING).length > 0) {
    throw refusal(attributes, 'must have cluster-admin privileges to use the aggregationRule')
  }
}

function aggregates(role: KubeObject | undefined): boolean {
  return ((role as ClusterRole | undefined)?.aggregationRule?.clusterRoleSelectors?.length ?? 0) > 0
}

async function checkBinding(attributes: AdmissionAttributes, context: AdmissionContext): Promise<void> {
  const { namespace } = attributes
  const { roleRef } = attributes.object as RoleBinding | ClusterRoleBinding
  const resource = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles'
  if (await holds(attributes, context, { verb: 'bind', resource, namespace, name: roleRef.name })) return
  confirmCovered(attributes, context, rulesBehind(roleRef, resource, namespace, context))
}

function rulesBehind(ref: RoleRef, resource: string, namespace: string, { roles }: AdmissionContext) {
  const rules = roles.rulesOf(ref, namespace)
  if (rules === undefined) throw notFoundError({ group: GROUP, resource, name: ref.name })
  return rules
}

function confirmCovered(
  attributes: AdmissionAttributes,
  { rbac }: AdmissionContext,
  rules: readonly PolicyRule[],
): void {
  const { user, namespace } = attributes
  const held = rbac.rulesOfUser(user, namespace)
  const missing = uncovered(held.rules, rules)
  if (missing.length === 0) return
  const groups = user.groups.map(group => JSON.stringify(group)).join(' ')
  const shown = [...new Set(compact(missing).map(showRule))].sort().join('\n')
  const errors = held.missing.length === 0 ? '' : `; resolution errors: [${held.missing.join(', ')}]`
  throw refusal(
    attributes,
    `user ${JSON.stringify(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${shown}${errors}`,
  )
}

async function holds(
  { user }: AdmissionAttributes,
  { authorizer }: AdmissionContext,
  asked: Pick<Attributes, 'verb' | 'resource' | 'namespace' | 'name'>,
): Promise<boolean> {
  const fixed = { user, isResourceRequest: true, path: '', apiGroup: GROUP, apiVersion: '*', subresource: '' }
  return (await authorizer.authorize({ ...fixed, ...asked })).decision === 'allow'
}
