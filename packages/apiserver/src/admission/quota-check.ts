import { type QuotaAmounts, type QuotaEvaluator, type QuotaScope, quotaMatches, quotaScopes } from '@canopus/api'
import type { ResourceQuota } from '@canopus/api/core/v1'
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  type KubeObject,
  parseQuantity,
  quantityOf,
  subtractQuantities,
} from '@canopus/apimachinery'
import type { Demand } from './limited-resources.ts'

// The sums of quota admission, pure. Upstream: k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go.

/** One request as quotas see it. */
export interface QuotaRequest {
  evaluator: QuotaEvaluator
  object: KubeObject
  /** What is stored now, for an update. */
  oldObject: KubeObject | undefined
  /** Milliseconds. */
  now: number
  /** What must be covered, of what the object uses; nothing where missing. */
  demand?: (usage: QuotaAmounts) => Demand
}

export type QuotaVerdict =
  /** The quotas, with `status.used` raised where it had to be (the same value where not). */
  | { kind: 'fits'; quotas: readonly ResourceQuota[] }
  | { kind: 'refused'; why: string }
  /** Upstream answers with an error of the server. */
  | { kind: 'uncovered'; scopes: readonly QuotaScope[] }

/** Charges the request to all quotas of its namespace that count it, or to none. */
export function charge(quotas: readonly ResourceQuota[], request: QuotaRequest): QuotaVerdict {
  const { evaluator, object, oldObject, now } = request
  const usage = evaluator.usage(object, now)
  const counting = quotas.filter(quota => quotaMatches(quota, quota.status?.hard ?? {}, evaluator, object))
  for (const quota of counting) {
    const problem = problemOf(quota, evaluator, object)
    if (problem !== undefined) return refused(problem)
  }
  const negative = [...usage].filter(([, amount]) => amount.mantissa < 0n).map(([name]) => name)
  if (negative.length > 0) return refused(`quota usage is negative for resource(s): ${negative.sort().join(',')}`)
  const grown = oldObject === undefined ? usage : growth(usage, evaluator.usage(oldObject, now))
  const changeOf = (quota: ResourceQuota): QuotaAmounts =>
    oldObject !== undefined && quotaMatches(quota, quota.status?.hard ?? {}, evaluator, oldObject) ? grown : usage
  const changes = new Map(counting.map(quota => [quota, changeOf(quota)]))
  const isMore = [...(counting.length === 0 ? [grown] : changes.values())].some(isSome)
  if (!isMore) return { kind: 'fits', quotas }
  const uncovered = request.demand && coverage(quotas, counting, request, request.demand(usage))
  if (uncovered !== undefined) return uncovered
  const result: ResourceQuota[] = []
  for (const quota of quotas) {
    const change = changes.get(quota)
    const charged = change === undefined ? quota : raise(quota, change)
    if (typeof charged === 'string') return refused(charged)
    result.push(charged)
  }
  return { kind: 'fits', quotas: result }
}

const isSome = (amounts: QuotaAmounts): boolean => [...amounts.values()].some(({ mantissa }) => mantissa !== 0n)

const trackedBy = ({ status }: ResourceQuota, evaluator: QuotaEvaluator): string[] =>
  Object.keys(status?.hard ?? {}).filter(name => evaluator.tracks(name))

/** Why the quota cannot say whether there is room for the object. */
function problemOf(quota: ResourceQuota, evaluator: QuotaEvaluator, object: KubeObject): string | undefined {
  const { name } = quota.metadata
  const tracked = trackedBy(quota, evaluator)
  const missing = evaluator.missing?.(tracked, object)
  if (missing !== undefined) return `failed quota: ${name}: ${missing}`
  if (!tracked.some(each => quota.status?.used?.[each] === undefined)) return undefined
  return `status unknown for quota: ${name}, resources: ${tracked.sort().join(',')}`
}

/** The refusal where quotas do not cover what they have to. */
function coverage(
  quotas: readonly ResourceQuota[],
  counting: readonly ResourceQuota[],
  { evaluator, object }: QuotaRequest,
  { names, scopes }: Demand,
): QuotaVerdict | undefined {
  const covered = new Set(counting.flatMap(quota => trackedBy(quota, evaluator)))
  const uncovered = [...names].filter(name => !covered.has(name))
  if (uncovered.length > 0) return refused(`insufficient quota to consume: ${uncovered.sort().join(',')}`)
  const own = quotas.flatMap(quotaScopes).filter(scope => evaluator.inScope(scope, object))
  const open = scopes.filter(({ scopeName }) => !own.some(each => each.scopeName === scopeName))
  return open.length === 0 ? undefined : { kind: 'uncovered', scopes: open }
}

const refused = (why: string): QuotaVerdict => ({ kind: 'refused', why })

/** What is used more than before; less is noticed by the controller that counts anew. */
function growth(usage: QuotaAmounts, before: QuotaAmounts): QuotaAmounts {
  const result: QuotaAmounts = new Map()
  for (const [name, amount] of usage) {
    const more = subtractQuantities(amount, before.get(name) ?? quantityOf(0))
    if (more.mantissa > 0n) result.set(name, more)
  }
  return result
}

/** The quota with the change added, or why it does not fit. */
function raise(quota: ResourceQuota, change: QuotaAmounts): ResourceQuota | string {
  const hard = quota.status?.hard ?? {}
  const used = { ...quota.status?.used }
  const wanted = [...change].filter(([name, amount]) => hard[name] !== undefined && amount.mantissa !== 0n)
  if (wanted.length === 0) return quota
  const exceeded: string[] = []
  for (const [name, amount] of wanted) {
    const sum = addQuantities(parseQuantity(used[name] ?? '0'), amount)
    if (compareQuantities(sum, hard[name]!) > 0) exceeded.push(name)
    else used[name] = formatQuantity(sum)
  }
  if (exceeded.length === 0) return { ...quota, status: { ...quota.status, used } }
  const show = (amount: (name: string) => string): string =>
    exceeded
      .sort()
      .map(name => `${name}=${amount(name)}`)
      .join(',')
  const requested = show(name => formatQuantity(change.get(name)!))
  const before = show(name => formatQuantity(parseQuantity(quota.status?.used?.[name] ?? '0')))
  const limited = show(name => formatQuantity(parseQuantity(hard[name]!)))
  return `exceeded quota: ${quota.metadata.name}, requested: ${requested}, used: ${before}, limited: ${limited}`
}
