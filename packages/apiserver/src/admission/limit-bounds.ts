import { canonicalQuantity, compareQuantities, milliValue, quantityValue } from '@canopus/apimachinery'

// One bound against one request and limit; texts as upstream's plugin/pkg/admission/limitranger/admission.go.

type Amounts = Readonly<Record<string, string>>

export interface Bounds {
  type: string
  min?: Amounts
  max?: Amounts
  maxLimitRequestRatio?: Amounts
}

/** What breaks the bounds, one text per finding. */
export function checkBounds(bounds: Bounds, requests: Amounts = {}, limits: Amounts = {}): string[] {
  const { type } = bounds
  return [
    ...each(bounds.min, (name, bound) =>
      belowMinimum(`minimum ${name} usage per ${type}`, bound, requests[name], limits[name]),
    ),
    ...each(bounds.max, (name, bound) =>
      aboveMaximum(`maximum ${name} usage per ${type}`, bound, requests[name], limits[name]),
    ),
    ...each(bounds.maxLimitRequestRatio, (name, bound) =>
      aboveRatio(`${name} max limit to request ratio per ${type}`, bound, requests[name], limits[name]),
    ),
  ]
}

/** The same for claims, whose limits nobody means. */
export function checkRequestBounds(bounds: Bounds, requests: Amounts = {}): string[] {
  const { type } = bounds
  return [
    ...each(bounds.min, (name, bound) =>
      belowMinimum(`minimum ${name} usage per ${type}`, bound, requests[name], undefined),
    ),
    ...each(bounds.max, (name, bound) => {
      const request = requests[name]
      const head = `maximum ${name} usage per ${type} is ${canonicalQuantity(bound)}`
      if (request === undefined) return `${head}.  No request is specified`
      return compareQuantities(request, bound) > 0 ? `${head}, but request is ${canonicalQuantity(request)}` : undefined
    }),
  ]
}

function each(bounds: Amounts | undefined, check: (name: string, bound: string) => string | undefined): string[] {
  return Object.entries(bounds ?? {})
    .map(([name, bound]) => check(name, bound))
    .filter(found => found !== undefined)
}

function belowMinimum(head: string, bound: string, request: string | undefined, limit: string | undefined) {
  const text = `${head} is ${canonicalQuantity(bound)}`
  if (request === undefined) return `${text}.  No request is specified`
  if (compareQuantities(request, bound) < 0) return `${text}, but request is ${canonicalQuantity(request)}`
  if (limit !== undefined && compareQuantities(limit, bound) < 0)
    return `${text}, but limit is ${canonicalQuantity(limit)}`
  return undefined
}

function aboveMaximum(head: string, bound: string, request: string | undefined, limit: string | undefined) {
  const text = `${head} is ${canonicalQuantity(bound)}`
  if (limit === undefined) return `${text}.  No limit is specified`
  if (compareQuantities(limit, bound) > 0) return `${text}, but limit is ${canonicalQuantity(limit)}`
  if (request !== undefined && compareQuantities(request, bound) > 0) {
    return `${text}, but request is ${canonicalQuantity(request)}`
  }
  return undefined
}

function aboveRatio(head: string, bound: string, request: string | undefined, limit: string | undefined) {
  const text = `${head} is ${canonicalQuantity(bound)}`
  const isNothing = (amount: string | undefined): boolean =>
    amount === undefined || compareQuantities(amount, '0') === 0
  if (isNothing(request)) return `${text}, but no request is specified or request is 0`
  if (isNothing(limit)) return `${text}, but no limit is specified or limit is 0`
  const ratio = precise(limit!) / precise(request!)
  return ratio > precise(bound) ? `${text}, but provided ratio is ${ratio.toFixed(6)}` : undefined
}

/** The amount as a number, to the thousandth where that can be exact. */
function precise(amount: string): number {
  const thousandths = milliValue(amount)
  return Number.isSafeInteger(thousandths) ? thousandths / 1000 : quantityValue(amount)
}
