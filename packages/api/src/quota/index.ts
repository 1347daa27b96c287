import { type KubeObject, quantityOf } from '@canopus/apimachinery'
import type { ResourceQuota } from '../generated/core.v1.ts'
import { claimQuota } from './claims.ts'
import { countName, type QuotaEvaluator, type QuotaScope } from './evaluator.ts'
import { podQuota } from './pods.ts'
import { resourceClaimQuota } from './resource-claims.ts'
import { serviceQuota } from './services.ts'

type Address = { group: string; plural: string }

/** Kinds that quotas never count: those that are not stored, and events. */
const IGNORED = new Set([
  '/bindings',
  '/componentstatuses',
  '/events',
  'events.k8s.io/events',
  'authentication.k8s.io/tokenreviews',
  'authentication.k8s.io/selfsubjectreviews',
  'authorization.k8s.io/subjectaccessreviews',
  'authorization.k8s.io/selfsubjectaccessreviews',
  'authorization.k8s.io/localsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectrulesreviews',
])

/** Kinds that can be counted under their plain plural as well. */
const ALIASED = ['/configmaps', '/resourcequotas', '/replicationcontrollers', '/secrets']

/** What quotas can say of this kind; nothing for kinds that they never count. */
export function quotaEvaluator(type: Address): QuotaEvaluator | undefined {
  const address = `${type.group}/${type.plural}`
  switch (address) {
    case '/pods':
      return podQuota as QuotaEvaluator
    case '/services':
      return serviceQuota as QuotaEvaluator
    case '/persistentvolumeclaims':
      return claimQuota as QuotaEvaluator
    case 'resource.k8s.io/resourceclaims':
      return resourceClaimQuota as QuotaEvaluator
    default:
      return IGNORED.has(address) ? undefined : counted(type, ALIASED.includes(address))
  }
}

function counted(type: Address, aliased: boolean): QuotaEvaluator {
  const names = aliased ? [countName(type), type.plural] : [countName(type)]
  return {
    tracks: name => names.includes(name),
    usage: () => new Map(names.map(name => [name, quantityOf(1)])),
    inScope: () => false,
  }
}

/** Whether the quota counts this object: it limits something of its kind, and the object is of all its scopes. */
export function quotaMatches(
  quota: ResourceQuota,
  limits: Readonly<Record<string, string>>,
  evaluator: QuotaEvaluator,
  object: KubeObject,
): boolean {
  return (
    Object.keys(limits).some(name => evaluator.tracks(name)) &&
    quotaScopes(quota).every(scope => evaluator.inScope(scope, object))
  )
}

/** The scopes that an object must be of to be counted. */
export function quotaScopes({ spec }: ResourceQuota): QuotaScope[] {
  return [
    ...(spec?.scopes ?? []).map(scopeName => ({ scopeName, operator: 'Exists' })),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ]
}

export { countName, type QuotaAmounts, type QuotaEvaluator, type QuotaScope } from './evaluator.ts'
