/** Lists of a job's indexes such as `1,3-5` (pkg/apis/batch/validation/validation.go: validateIndexesFormat). */

type Interval = readonly [number, number]

/** An interval below `completions`, or what is wrong with it. */
function parseInterval(text: string, completions: number): Interval | string {
  const limits = text.split('-')
  if (limits.length > 2) {
    const rule = "violates the requirement that an index interval can have at most two parts separated by '-'"
    return `the fragment ${JSON.stringify(text)} ${rule}`
  }
  const numbers: number[] = []
  for (const limit of limits) {
    if (!/^[+]?[0-9]+$/.test(limit)) return `cannot convert string to integer for index: ${JSON.stringify(limit)}`
    const value = Number(limit)
    if (value >= completions) return `too large index: ${JSON.stringify(limit)}`
    numbers.push(value)
  }
  const [from = 0, to] = numbers
  if (to !== undefined && from >= to) return `non-increasing order, previous: ${from}, current: ${to}`
  return [from, to ?? from]
}

/** How many indexes a list names, or what is wrong with it. */
export function countIndexes(text: string, completions: number): number | string {
  if (text === '') return 0
  let total = 0
  let last: number | undefined
  for (const part of text.split(',')) {
    const interval = parseInterval(part, completions)
    if (typeof interval === 'string') return interval
    const [from, to] = interval
    if (last !== undefined && last >= from) return `non-increasing order, previous: ${last}, current: ${from}`
    total += to - from + 1
    last = to
  }
  return total
}

/** The first index that both lists name; intervals that make no sense are left to the check of the format. */
export function sharedIndex(one: string, other: string, completions: number): number | undefined {
  const intervals = (text: string): Interval[] =>
    text
      .split(',')
      .map(part => parseInterval(part, completions))
      .filter(each => typeof each !== 'string')
  if (one === '' || other === '') return undefined
  for (const [from, to] of intervals(one)) {
    for (const [otherFrom, otherTo] of intervals(other)) {
      if (from <= otherTo && otherFrom <= to) return Math.max(from, otherFrom)
    }
  }
  return undefined
}
