/** Levels that have seats to spare lend them to those that could use more, for ten seconds at a time (KEP-1040). */
import { allocate } from './allocation.ts'
import type { Level } from './level.ts'

/** Decides anew how many seats each level has for now. Returns the fair share of the demand. */
export function lendSeats(levels: Iterable<Level>, now: number): number {
  const all = [...levels]
  for (const level of all) level.review(now)
  const limited = all.filter(({ exempt }) => !exempt)
  const total = all.reduce((sum, { nominal }) => sum + nominal, 0)
  let remaining = total
  for (const level of all) {
    if (!level.exempt) continue
    const wanted = Math.max(level.least, level.demandHigh)
    remaining -= wanted
    level.setCurrent(wanted, now)
  }
  const atLeast = limited.map(level => Math.max(level.least, Math.min(level.nominal, level.demandHigh)))
  const claims = limited.map((level, index) => ({
    lower: atLeast[index]!,
    upper: level.most,
    target: Math.max(atLeast[index]!, level.demandSmoothed),
  }))
  for (const [index, level] of limited.entries()) level.target = claims[index]!.target
  const leastSum = limited.reduce((sum, { least }) => sum + least, 0)
  const atLeastSum = atLeast.reduce((sum, seats) => sum + seats, 0)
  if (remaining <= leastSum) {
    for (const level of limited) level.setCurrent(level.least, now)
    return 0
  }
  if (remaining <= atLeastSum) {
    const part = (remaining - leastSum) / (atLeastSum - leastSum)
    for (const [index, level] of limited.entries()) {
      level.setCurrent(level.least + Math.round((atLeast[index]! - level.least) * part), now)
    }
    return 0
  }
  const allocation = allocate(total, claims)
  for (const [index, level] of limited.entries()) {
    level.setCurrent(allocation === undefined ? level.current : Math.round(allocation.seats[index]!), now)
  }
  return allocation?.fairShare ?? 0
}
