import type { CapacityRequestPolicy, CapacityRequirements, Device, DeviceCapacity } from '@canopus/api/resource/v1'
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  type Quantity,
  quantityOf,
  scaledQuantity,
  subtractQuantities,
} from '@canopus/apimachinery'

/** How much of each capacity of a device claims share already. */
export type Consumed = ReadonlyMap<string, Quantity>

/**
 * Whether the device has what a request wants of its capacities beside what others have of them; an amount that the driver's
 * policy does not know is never there, nor is a capacity that the device does not have (KEP-5075, consumable_capacity.go of
 * k8s.io/dynamic-resource-allocation).
 */
export function hasCapacity(
  { capacity = {} }: Device,
  wanted: CapacityRequirements | undefined,
  ...taken: readonly (Consumed | undefined)[]
): boolean {
  const requests = wanted?.requests ?? {}
  if (Object.keys(requests).some(each => !(each in capacity))) return false
  return Object.entries(capacity).every(([name, each]) => {
    const amount = amountOf(requests[name], each)
    if (isAgainst(amount, each.requestPolicy)) return false
    const sum = taken.reduce((total, others) => {
      const other = others?.get(name)
      return other === undefined ? total : addQuantities(total, other)
    }, amount)
    return compareQuantities(sum, each.value) <= 0
  })
}

/** What a request takes of each capacity of a device that it shares with others. */
export function consumption(
  { capacity = {} }: Device,
  wanted: CapacityRequirements | undefined,
): Map<string, Quantity> {
  const requests = wanted?.requests ?? {}
  return new Map(Object.entries(capacity).map(([name, each]) => [name, amountOf(requests[name], each)]))
}

/** The sum of two, or where `sign` is -1 their difference. */
export function addConsumed(a: Consumed | undefined, b: Consumed, sign: 1 | -1 = 1): Map<string, Quantity> {
  const sum = new Map(a)
  for (const [name, amount] of b) {
    const before = sum.get(name) ?? quantityOf(0)
    sum.set(name, sign === 1 ? addQuantities(before, amount) : subtractQuantities(before, amount))
  }
  return sum
}

/** As the results of claims write it. */
export function writtenCapacity(consumed: Consumed): Record<string, string> {
  return Object.fromEntries([...consumed].map(([name, amount]) => [name, formatQuantity(amount)]))
}

/** The other way round. */
export function readCapacity(written: Readonly<Record<string, string>>): Map<string, Quantity> {
  return new Map(Object.entries(written).map(([name, amount]) => [name, parseQuantity(amount)]))
}

/** What is wanted, raised to what the driver gives; without a wish the default, or else everything. */
function amountOf(wanted: string | undefined, { value, requestPolicy }: DeviceCapacity): Quantity {
  if (wanted === undefined) return parseQuantity(requestPolicy?.default ?? value)
  const amount = parseQuantity(wanted)
  const { validRange, validValues } = requestPolicy ?? {}
  if (validRange !== undefined) {
    if (compareQuantities(amount, validRange.min) < 0) return parseQuantity(validRange.min)
    if (validRange.step === undefined) return amount
    const step = scaledQuantity(validRange.step, 0)
    const least = scaledQuantity(validRange.min, 0)
    const steps = (scaledQuantity(amount, 0) - least + step - 1n) / step
    return quantityOf(least + step * steps, 'BinarySI')
  }
  const enough = validValues?.find(each => compareQuantities(amount, each) <= 0)
  return enough === undefined ? amount : parseQuantity(enough)
}

function isAgainst(amount: Quantity, policy: CapacityRequestPolicy | undefined): boolean {
  if (policy === undefined) return false
  const { validRange, validValues = [] } = policy
  if (policy.default !== undefined && compareQuantities(amount, policy.default) === 0) return false
  if (validRange !== undefined) {
    const { min, max, step } = validRange
    if (max !== undefined && compareQuantities(amount, max) > 0) return true
    return step !== undefined && (scaledQuantity(amount, 0) - scaledQuantity(min, 0)) % scaledQuantity(step, 0) !== 0n
  }
  return validValues.length > 0 && !validValues.some(each => compareQuantities(amount, each) === 0)
}
