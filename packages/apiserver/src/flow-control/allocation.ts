/** Divides seats among priority levels in proportion to what each could use, within each one's bounds (conc_alloc.go). */

export interface Claim {
  /** What it could use; at least the lower bound. */
  readonly target: number
  readonly lower: number
  readonly upper: number
}

const LEAST_TARGET = 0.001

export interface Allocation {
  readonly seats: readonly number[]
  /** The share of its target that everybody gets whom no bound keeps from it. */
  readonly fairShare: number
}

/**
 * The one division that sums to `total` where everybody gets the same share of the target, or a bound where that is out of
 * bounds. `undefined` where the bounds make it impossible.
 */
export function allocate(total: number, claims: readonly Claim[]): Allocation | undefined {
  const sum = (of: (claim: Claim) => number): number => claims.reduce((before, claim) => before + of(claim), 0)
  const epsilon = 1e-7
  if (sum(({ lower }) => lower) - total > epsilon || total - sum(({ upper }) => upper) > epsilon) return undefined
  const targets = claims.map(({ target }) => Math.max(target, LEAST_TARGET))
  const at = (share: number): number[] =>
    claims.map(({ lower, upper }, index) => Math.max(lower, Math.min(upper, share * targets[index]!)))
  const totalAt = (share: number): number => at(share).reduce((before, seats) => before + seats, 0)
  // The total grows with the share, linearly between the shares at which somebody meets a bound.
  const corners = claims
    .flatMap(({ lower, upper }, index) => [lower / targets[index]!, upper / targets[index]!])
    .sort((a, b) => a - b)
  let low = 0
  for (const corner of corners) {
    const reached = totalAt(corner)
    if (reached < total - epsilon) {
      low = corner
      continue
    }
    const before = totalAt(low)
    const share = reached - before > epsilon ? low + ((corner - low) * (total - before)) / (reached - before) : corner
    return { seats: at(share), fairShare: share }
  }
  return { seats: at(low), fairShare: low }
}
