/**
 * Unified diffs of lines, as Python's difflib makes them and the Go port of it that upstream uses
 * (k8s.io/apimachinery/pkg/util/diff).
 */

type Tag = 'equal' | 'replace' | 'delete' | 'insert'

/** Lines `[i1, i2)` of the one text against `[j1, j2)` of the other. */
interface Step {
  readonly tag: Tag
  readonly i1: number
  readonly i2: number
  readonly j1: number
  readonly j2: number
}

interface Match {
  readonly i: number
  readonly j: number
  readonly size: number
}

/** From so many lines on, those that come too often are not looked for. */
const MANY = 200

/** Hunks with `context` lines around what differs; empty where nothing does. */
export function unifiedDiff(a: readonly string[], b: readonly string[], context = 3): string {
  const out: string[] = []
  for (const group of groups(stepsOf(a, b), context)) {
    const [first, last] = [group[0]!, group.at(-1)!]
    out.push(`@@ -${range(first.i1, last.i2)} +${range(first.j1, last.j2)} @@`)
    for (const { tag, i1, i2, j1, j2 } of group) {
      if (tag === 'equal') for (const line of a.slice(i1, i2)) out.push(` ${line}`)
      if (tag === 'replace' || tag === 'delete') for (const line of a.slice(i1, i2)) out.push(`-${line}`)
      if (tag === 'replace' || tag === 'insert') for (const line of b.slice(j1, j2)) out.push(`+${line}`)
    }
  }
  return out.map(line => `${line}\n`).join('')
}

function range(start: number, stop: number): string {
  const length = stop - start
  if (length === 1) return `${start + 1}`
  return `${length === 0 ? start : start + 1},${length}`
}

/** Cuts what is equal for long, and leaves out where nothing differs. */
function* groups(steps: Step[], context: number): Generator<Step[]> {
  let group: Step[] = []
  for (const [index, step] of steps.entries()) {
    let { tag, i1, i2, j1, j2 } = step
    if (tag === 'equal') {
      if (index === 0) [i1, j1] = [Math.max(i1, i2 - context), Math.max(j1, j2 - context)]
      if (index === steps.length - 1) [i2, j2] = [Math.min(i2, i1 + context), Math.min(j2, j1 + context)]
      else if (i2 - i1 > context * 2) {
        group.push({ tag, i1, i2: Math.min(i2, i1 + context), j1, j2: Math.min(j2, j1 + context) })
        if (differs(group)) yield group
        group = []
        ;[i1, j1] = [Math.max(i1, i2 - context), Math.max(j1, j2 - context)]
      }
    }
    group.push({ tag, i1, i2, j1, j2 })
  }
  if (differs(group)) yield group
}

const differs = (group: readonly Step[]): boolean => group.some(({ tag }) => tag !== 'equal')

function stepsOf(a: readonly string[], b: readonly string[]): Step[] {
  const steps: Step[] = []
  let [i, j] = [0, 0]
  for (const match of [...matches(a, b), { i: a.length, j: b.length, size: 0 }]) {
    const tag = i < match.i ? (j < match.j ? 'replace' : 'delete') : j < match.j ? 'insert' : undefined
    if (tag !== undefined) steps.push({ tag, i1: i, i2: match.i, j1: j, j2: match.j })
    ;[i, j] = [match.i + match.size, match.j + match.size]
    if (match.size > 0) steps.push({ tag: 'equal', i1: match.i, i2: i, j1: match.j, j2: j })
  }
  return steps
}

/** The longest run of equal lines, then the same on both sides of it; runs that touch are one. */
function matches(a: readonly string[], b: readonly string[]): Match[] {
  const places = new Map<string, number[]>()
  for (const [j, line] of b.entries()) places.set(line, [...(places.get(line) ?? []), j])
  const often = b.length >= MANY ? Math.floor(b.length / 100) + 1 : Number.POSITIVE_INFINITY
  for (const [line, found] of places) if (found.length > often) places.delete(line)
  const found: Match[] = []
  const open: [number, number, number, number][] = [[0, a.length, 0, b.length]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [aLow, aHigh, bLow, bHigh] = next
    const match = longest(a, b, places, next)
    if (match.size === 0) continue
    found.push(match)
    open.push([aLow, match.i, bLow, match.j], [match.i + match.size, aHigh, match.j + match.size, bHigh])
  }
  found.sort((one, other) => one.i - other.i)
  const joined: Match[] = []
  for (const match of found) {
    const before = joined.at(-1)
    if (before !== undefined && before.i + before.size === match.i && before.j + before.size === match.j) {
      joined[joined.length - 1] = { ...before, size: before.size + match.size }
    } else joined.push(match)
  }
  return joined
}

function longest(
  a: readonly string[],
  b: readonly string[],
  places: ReadonlyMap<string, readonly number[]>,
  [aLow, aHigh, bLow, bHigh]: readonly [number, number, number, number],
): Match {
  let [i, j, size] = [aLow, bLow, 0]
  let lengths = new Map<number, number>()
  for (let at = aLow; at < aHigh; at++) {
    const next = new Map<number, number>()
    for (const there of places.get(a[at]!) ?? []) {
      if (there < bLow || there >= bHigh) continue
      const length = (lengths.get(there - 1) ?? 0) + 1
      next.set(there, length)
      if (length > size) [i, j, size] = [at - length + 1, there - length + 1, length]
    }
    lengths = next
  }
  while (i > aLow && j > bLow && a[i - 1] === b[j - 1]) [i, j, size] = [i - 1, j - 1, size + 1]
  while (i + size < aHigh && j + size < bHigh && a[i + size] === b[j + size]) size++
  return { i, j, size }
}
