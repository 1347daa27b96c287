/**
 * Resources that nobody may use but where a quota covers them (k8s.io/apiserver/pkg/admission/plugin/resourcequota,
 * `limitedResources`).
 */
import type { QuotaAmounts, QuotaEvaluator, QuotaScope } from '@canopus/api'
import type { KubeObject } from '@canopus/apimachinery'

export interface LimitedResource {
  readonly apiGroup?: string
  readonly resource: string
  /** Parts of the names of what quotas count: `requests.storage`. */
  readonly matchContains?: readonly string[]
  readonly matchScopes?: readonly QuotaScope[]
}

/** What quotas have to cover. */
export interface Demand {
  readonly names: ReadonlySet<string>
  readonly scopes: readonly QuotaScope[]
}

/** What has to be covered for this object. Scopes count whatever resource they were written for, as upstream's do. */
export function demandOf(
  limited: readonly LimitedResource[],
  type: { readonly group: string; readonly plural: string },
  evaluator: QuotaEvaluator,
  object: KubeObject,
  usage: QuotaAmounts,
): Demand {
  const own = limited.filter(({ apiGroup = '', resource }) => apiGroup === type.group && resource === type.plural)
  const parts = own.flatMap(({ matchContains }) => matchContains ?? [])
  const used = [...usage].filter(([, amount]) => amount.mantissa > 0n).map(([name]) => name)
  return {
    names: new Set(used.filter(name => parts.some(part => name.includes(part)))),
    scopes: limited.flatMap(({ matchScopes }) => matchScopes ?? []).filter(scope => evaluator.inScope(scope, object)),
  }
}

/** Scopes as Go prints a list of them. */
export const scopesText = (scopes: readonly QuotaScope[]): string =>
  `[${scopes.map(({ scopeName, operator, values = [] }) => `{${scopeName} ${operator} [${values.join(' ')}]}`).join(' ')}]`
