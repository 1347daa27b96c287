/**
 * Whether what many clients saw of one key can be told as one story: every operation takes effect at once, somewhere between its call
 * and its answer (Wing and Gong, "Testing and verifying concurrent objects"; with Lowe's memory of states already tried).
 */

/** The value of the key, or nothing. Every write has a value of its own. */
export type State = string | undefined

export interface Operation {
  readonly what: string
  /** On one clock for all. */
  readonly called: number
  /** Infinity where no answer came: then it may have taken effect at any time, or never. */
  readonly answered: number
  /** The state after it, where its answer fits this state; `false` where not. */
  effect(state: State): State | false
}

/** An order of the operations that explains all answers, or `undefined`. */
export function linearize(operations: readonly Operation[], initial: State = undefined): Operation[] | undefined {
  const sorted = [...operations].sort((one, other) => one.called - other.called)
  const tried = new Set<string>()
  const order: Operation[] = []

  const search = (done: bigint, state: State): boolean => {
    const left = sorted.filter((_, index) => (done & (1n << BigInt(index))) === 0n)
    if (left.every(each => each.answered === Number.POSITIVE_INFINITY)) return true
    const id = `${done.toString(36)} ${state}`
    if (tried.has(id)) return false
    tried.add(id)
    // What was answered before another was called comes before that.
    const end = Math.min(...left.map(each => each.answered))
    for (const [index, each] of sorted.entries()) {
      if (each.called > end) break
      const bit = 1n << BigInt(index)
      if ((done & bit) !== 0n) continue
      const next = each.effect(state)
      if (next === false) continue
      order.push(each)
      if (search(done | bit, next)) return true
      order.pop()
    }
    return false
  }

  return search(0n, initial) ? order : undefined
}
