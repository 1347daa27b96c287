/** The text forms of moments in API objects. */

/** `metav1.Time`: RFC 3339 in whole seconds. */
export function timestamp(now: number): string {
  return `${new Date(now).toISOString().slice(0, 19)}Z`
}

/** `metav1.MicroTime`: RFC 3339 with six digits (leases, events). */
export function microTimestamp(now: number): string {
  return `${new Date(now).toISOString().slice(0, 23)}000Z`
}

/** Milliseconds since the epoch of a time in an object; nothing where it is missing or no time. */
export function millisecondsOf(time: string | undefined): number | undefined {
  const value = time === undefined ? Number.NaN : Date.parse(time)
  return Number.isNaN(value) ? undefined : value
}
