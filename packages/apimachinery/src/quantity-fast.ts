/** Multiplier of a suffix by its letters; `m` is treated apart. */
const multipliers: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
}

/**
 * The value of plain small quantities (`500m`, `128Mi`, `4`) in floating point, for hot paths such as scheduling: whole
 * units or thousandths, rounded up. Answers nothing for all others (signs, fractions, exponents, huge ones).
 */
export function parseSmallQuantity(text: string, thousandths: boolean): number | undefined {
  let digits = 0
  let value = 0
  for (; digits < text.length; digits++) {
    const code = text.charCodeAt(digits) - 48
    if (code < 0 || code > 9) break
    value = value * 10 + code
  }
  if (digits === 0 || digits > 15) return undefined
  if (digits === text.length) return inRange(thousandths ? value * 1000 : value)
  const suffix = text.slice(digits)
  if (suffix === 'm') return thousandths ? value : Math.ceil(value / 1000)
  const multiplier = Object.hasOwn(multipliers, suffix) ? multipliers[suffix] : undefined
  return multiplier === undefined ? undefined : inRange(value * multiplier * (thousandths ? 1000 : 1))
}

const inRange = (value: number): number | undefined => (value <= Number.MAX_SAFE_INTEGER ? value : undefined)
