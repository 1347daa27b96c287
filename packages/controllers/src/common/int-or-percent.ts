/** Fields such as maxSurge: a number, or a share of another number. */

/** The number that `value` means of `total`; percentages are rounded up or down. Nothing where it is no number. */
export function scaledValue(
  value: number | string | undefined,
  total: number,
  rounding: 'up' | 'down',
): number | undefined {
  if (typeof value === 'number') return value
  const percent = /^(\d+)%$/.exec(value ?? '')
  if (!percent) return undefined
  const share = (Number(percent[1]) * total) / 100
  return rounding === 'up' ? Math.ceil(share) : Math.floor(share)
}
