import type { QuotaAmounts, QuotaEvaluator } from '@canopus/api'
import { quotaMatches } from '@canopus/api'
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

// The sums of quota admission, pure. Upstream: k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go.

/** One request as quotas see it. */
export interface QuotaRequest {
  evaluator: QuotaEvaluator
  object: KubeObject
  /** What is stored now, for an update. */
  oldObject: KubeObject | undefined
  /** Milliseconds. */
  now: number
}

export type QuotaVerdict =
  /** The quotas, with `status.used` raised where it had to be (the same value where not). */
  { kind: 'fits'; quotas: readonly ResourceQuota[] } | { kind: 'refused'; why: string }

/** Charges the request to all quotas of its namespace that count it, or to none. */
export function charge(quotas: readonly ResourceQuota[], request: QuotaRequest): QuotaVerdict {
  const { evaluator, object, oldObject, now } = request
  const usage = evaluator.usage(object, now)
  const negative = [...usage].filter(([, amount]) => amount.mantissa < 0n).map(([name]) => name)
  const result: ResourceQuota[] = []
  for (const quota of quotas) {
    const hard = quota.status?.hard ?? {}
    if (!quotaMatches(quota, hard, evaluator, object)) {
      result.push(quota)
      continue
    }
    const tracked = Object.keys(hard).filter(name => evaluator.tracks(name))
    const missing = evaluator.missing?.(tracked, object)
    const { name } = quota.metadata
    if (missing !== undefined) return refused(`failed quota: ${name}: ${missing}`)
    if (tracked.some(each => quota.status?.used?.[each] === undefined)) {
      return refused(`status unknown for quota: ${name}, resources: ${tracked.sort().join(',')}`)
    }
    if (negative.length > 0) {
      return refused(`quota usage is negative for resource(s): ${negative.sort().join(',')}`)
    }
    const counted = oldObject !== undefined && quotaMatches(quota, hard, evaluator, oldObject)
    const change = counted ? growth(usage, evaluator.usage(oldObject, now)) : usage
    const charged = raise(quota, change)
    if (typeof charged === 'string') return refused(charged)
    result.push(charged)
  }
  return { kind: 'fits', quotas: result }
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
