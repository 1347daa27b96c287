/** Deeper nesting is refused, with Go's message, where Go draws the line. */
export const MAX_DEPTH = 10_000

/** So deep functions that call themselves can follow a value on every stack; no API object comes near. */
export const SHALLOW_DEPTH = 1_000

/** Calls of a small function that the stack has room for where it has room for all that a request does with `MAX_DEPTH` levels. */
const ENOUGH_CALLS = 60_000

let kept: number | undefined

/**
 * How deep what is kept of a text may nest, since every function that walks a value recursively must stay within JavaScript's
 * stack: as deep as Go allows where this program was started with a stack for that, else `SHALLOW_DEPTH`. Fields that nobody
 * knows are dropped, however deep they are.
 */
export function keptDepth(): number {
  kept ??= hasRoom(ENOUGH_CALLS) ? MAX_DEPTH : SHALLOW_DEPTH
  return kept
}

function hasRoom(calls: number): boolean {
  try {
    return descend(calls)
  } catch {
    return false
  }
}

const descend = (calls: number): boolean => calls === 0 || descend(calls - 1)
