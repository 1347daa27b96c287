import { goTimeQuote } from '../go-quote.ts'

/**
 * The message of Go's time.Parse for a text that is no time of this layout. Follows the layout element by element, as Go does.
 */
export function timeErrorText(text: string, fraction: boolean): string {
  const layout = `2006-01-02T15:04:05${fraction ? '.000000' : ''}Z07:00`
  const head = `parsing time ${goTimeQuote(text)}`
  const cannot = (rest: string, element: string): string =>
    `${head} as "${layout}": cannot parse ${goTimeQuote(rest)} as "${element}"`
  let rest = text
  for (const [element, pattern, range] of ELEMENTS) {
    const match = pattern.exec(rest)
    if (match === null) return cannot(rest, element)
    if (range !== undefined && !within(match[0], range)) return `${head}: ${range[2]} out of range`
    rest = rest.slice(match[0].length)
  }
  const seconds = /^\.\d+/.exec(rest)?.[0]
  if (fraction && seconds?.length !== 7) return cannot(rest, '.000000')
  rest = rest.slice(seconds?.length ?? 0)
  const zone = /^(?:Z|[+-]\d\d:\d\d)/.exec(rest)?.[0]
  if (zone === undefined) return cannot(rest, 'Z07:00')
  rest = rest.slice(zone.length)
  return rest === '' ? `${head}: day out of range` : `${head}: extra text: ${goTimeQuote(rest)}`
}

type Range = readonly [number, number, string]
const ELEMENTS: readonly (readonly [string, RegExp, Range?])[] = [
  ['2006', /^\d{4}/],
  ['-', /^-/],
  ['01', /^\d\d/, [1, 12, 'month']],
  ['-', /^-/],
  ['02', /^\d\d/, [1, 31, 'day']],
  ['T', /^T/],
  ['15', /^\d\d?/, [0, 23, 'hour']],
  [':', /^:/],
  ['04', /^\d\d/, [0, 59, 'minute']],
  [':', /^:/],
  ['05', /^\d\d/, [0, 59, 'second']],
]

const within = (text: string, [from, to]: Range): boolean => Number(text) >= from && Number(text) <= to
