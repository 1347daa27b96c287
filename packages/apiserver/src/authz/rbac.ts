import type { PolicyRule, RoleRef, Subject } from '@canopus/api/rbac/v1'
import { aggregateText, type KubeObject } from '@canopus/apimachinery'
import type { Attributes, Authorizer, Decision, SubjectRules, User } from '../security.ts'
import type { RoleIndex } from './role-index.ts'
import { rulesAllow } from './rules.ts'

/** Role-based access control (plugin/pkg/auth/authorizer/rbac). Allows or has no opinion; never denies. */
export class RbacAuthorizer implements Authorizer {
  readonly #index: RoleIndex

  constructor(index: RoleIndex) {
    this.#index = index
  }

  authorize(attributes: Attributes): Decision {
    let reason = ''
    const missing: string[] = []
    const allowed = this.#index.visitBindings(attributes.user, attributes.namespace, (binding, subject) => {
      const namespace = binding.metadata.namespace ?? ''
      const rules = this.#index.rulesOf(binding.roleRef, namespace)
      if (rules === undefined) {
        missing.push(missingRole(binding.roleRef))
        return false
      }
      if (!rulesAllow(rules, attributes)) return false
      reason = describeBinding(binding, subject)
      return true
    })
    if (allowed) return { decision: 'allow', reason }
    return { decision: 'no-opinion', reason: missing.length === 0 ? '' : `RBAC: ${aggregateText(missing)}` }
  }

  rulesFor(user: User, namespace: string): SubjectRules {
    const { rules, missing } = this.rulesOfUser(user, namespace)
    const result: SubjectRules = { resourceRules: [], nonResourceRules: [], incomplete: false }
    for (const { verbs, apiGroups, resources, resourceNames, nonResourceURLs } of rules) {
      if ((resources?.length ?? 0) > 0) {
        result.resourceRules.push({
          verbs,
          apiGroups: apiGroups ?? [],
          resources: resources ?? [],
          ...(resourceNames?.length ? { resourceNames } : {}),
        })
      }
      if ((nonResourceURLs?.length ?? 0) > 0) {
        result.nonResourceRules.push({ verbs, nonResourceURLs: nonResourceURLs ?? [] })
      }
    }
    if (missing.length > 0) result.evaluationError = aggregateText(missing)
    return result
  }

  /** Every rule that applies to the user in the namespace, and the roles that could not be found. */
  rulesOfUser(user: User, namespace: string): { rules: PolicyRule[]; missing: string[] } {
    const rules: PolicyRule[] = []
    const missing: string[] = []
    this.#index.visitBindings(user, namespace, binding => {
      const found = this.#index.rulesOf(binding.roleRef, binding.metadata.namespace ?? '')
      if (found === undefined) missing.push(missingRole(binding.roleRef))
      else rules.push(...found)
      return false
    })
    return { rules, missing }
  }
}

const missingRole = (ref: RoleRef): string =>
  `${ref.kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(ref.name)} not found`

function describeBinding(binding: KubeObject & { roleRef: RoleRef }, subject: Subject): string {
  const { namespace, name } = binding.metadata
  const kind = namespace ? 'RoleBinding' : 'ClusterRoleBinding'
  const where = namespace ? `${name}/${namespace}` : name
  const who =
    subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace || (namespace ?? '')}` : subject.name
  return `RBAC: allowed by ${kind} ${JSON.stringify(where)} of ${binding.roleRef.kind} ${JSON.stringify(binding.roleRef.name)} to ${subject.kind} ${JSON.stringify(who)}`
}
