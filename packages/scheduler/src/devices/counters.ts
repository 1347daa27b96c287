import { quantityValue } from '@canopus/apimachinery'
import type { Pool, SlicedDevice } from './pools.ts'

/** What devices of a pool share and each of them takes some of (KEP-4815). */
export class Counters {
  readonly #isAllocated: (device: string) => boolean
  /** By pool: what is left, by counter; less than nothing where more was given than there is. */
  readonly #left = new Map<Pool, Map<string, number>>()

  /** `isAllocated`: whether claims have the device already, by its id. */
  constructor(isAllocated: (device: string) => boolean) {
    this.#isAllocated = isAllocated
  }

  /** Takes what the device needs; false, and nothing is taken, where some counter of the pool does not have so much left. */
  take(each: SlicedDevice): boolean {
    if ((each.device.consumesCounters ?? []).length === 0) return true
    const left = this.#of(each.pool)
    change(left, each, -1)
    for (const amount of left.values()) {
      if (amount >= 0) continue
      change(left, each, 1)
      return false
    }
    return true
  }

  giveBack(each: SlicedDevice): void {
    if ((each.device.consumesCounters ?? []).length > 0) change(this.#of(each.pool), each, 1)
  }

  #of(pool: Pool): Map<string, number> {
    let left = this.#left.get(pool)
    if (left !== undefined) return left
    left = new Map()
    for (const { name: set, counters } of pool.counters.values()) {
      for (const [counter, { value }] of Object.entries(counters)) left.set(`${set}/${counter}`, quantityValue(value))
    }
    for (const each of pool.devices) if (this.#isAllocated(each.id)) change(left, each, -1)
    this.#left.set(pool, left)
    return left
  }
}

function change(left: Map<string, number>, { device }: SlicedDevice, sign: 1 | -1): void {
  for (const { counterSet, counters } of device.consumesCounters ?? []) {
    for (const [counter, { value }] of Object.entries(counters)) {
      const name = `${counterSet}/${counter}`
      const before = left.get(name)
      if (before !== undefined) left.set(name, before + sign * quantityValue(value))
    }
  }
}
