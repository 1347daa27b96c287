/**
 * Makes the rules of aggregated cluster roles out of those that they select
 * (kubernetes pkg/controller/clusterroleaggregation).
 */

import { ClusterRoles } from '@canopus/api'
import type { ClusterRole, PolicyRule } from '@canopus/api/rbac/v1'
import { labelSelector, matches, semanticEqual } from '@canopus/apimachinery'
import { type Controller, type ControllerContext, defineController, on } from '@canopus/operator'

export function createClusterRoleAggregationController(context: ControllerContext): Controller {
  const roles = context.informers.informer(ClusterRoles)
  return defineController(context, {
    name: 'clusterrole-aggregation-controller',
    workers: 1,
    triggers: [
      // Any role may be selected by any other, and there are few that select.
      on(ClusterRoles, (_, enqueue) => {
        for (const role of roles.lister.list()) if (role.aggregationRule !== undefined) enqueue(role.metadata.name)
      }),
    ],
    async reconcile(name) {
      const role = roles.lister.get(name)
      if (role?.aggregationRule === undefined) return undefined
      const rules = aggregate(role, roles.lister.list())
      if (semanticEqual(rules, role.rules ?? [])) return undefined
      await context.client.resource(ClusterRoles).update({ ...role, rules })
      return undefined
    },
  })
}

/** The rules of all selected roles, in the order of selectors and names, each once. */
export function aggregate(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const rules: PolicyRule[] = []
  const sorted = [...all].sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1))
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const parsed = labelSelector(selector)
    for (const other of sorted) {
      if (other.metadata.name === role.metadata.name || !matches(parsed, other.metadata.labels)) continue
      for (const rule of other.rules ?? []) if (!rules.some(known => semanticEqual(known, rule))) rules.push(rule)
    }
  }
  return rules
}
