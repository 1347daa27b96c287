/** IP addresses as Go's net/netip reads them, with its words for what is wrong. */

export interface NetipAddress {
  readonly bytes: readonly number[]
  readonly zone: string
}

/** The text is no address; the message is Go's, without the call that it begins with. */
class Problem extends Error {
  constructor(message: string, at = '') {
    super(at === '' ? message : `${message} (at ${JSON.stringify(at)})`)
  }
}

/** An address, or what is wrong with its text. */
export function parseAddr(text: string): NetipAddress | string {
  try {
    const kind = /[.:%]/.exec(text)?.[0]
    if (kind === '.') return { bytes: parseIpv4(text), zone: '' }
    if (kind === ':') return parseIpv6(text)
    throw new Problem(kind === '%' ? 'missing IPv6 address' : 'unable to parse IP')
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return `ParseAddr(${JSON.stringify(text)}): ${error.message}`
  }
}

function parseIpv4(text: string): number[] {
  const fields: number[] = []
  let value = 0
  let digits = 0
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    if (char >= '0' && char <= '9') {
      if (digits === 1 && value === 0) throw new Problem('IPv4 field has octet with leading zero')
      value = value * 10 + Number(char)
      digits++
      if (value > 255) throw new Problem('IPv4 field has value >255')
    } else if (char === '.') {
      const empty = i === 0 || i === text.length - 1 || text[i - 1] === '.'
      if (empty) throw new Problem('IPv4 field must have at least one digit', text.slice(i))
      if (fields.length === 3) throw new Problem('IPv4 address too long')
      fields.push(value)
      value = 0
      digits = 0
    } else {
      throw new Problem('unexpected character', text.slice(i))
    }
  }
  if (fields.length < 3) throw new Problem('IPv4 address too short')
  return [...fields, value]
}

function parseIpv6(text: string): NetipAddress {
  const percent = text.indexOf('%')
  const zone = percent < 0 ? '' : text.slice(percent + 1)
  if (percent >= 0 && zone === '') throw new Problem('zone must be a non-empty string')
  const { bytes, ellipsis } = readFields(percent < 0 ? text : text.slice(0, percent))
  if (bytes.length === 16) {
    if (ellipsis >= 0) throw new Problem('the :: must expand to at least one field of zeros')
    return { bytes, zone }
  }
  if (ellipsis < 0) throw new Problem('address string too short')
  const zeros = new Array<number>(16 - bytes.length).fill(0)
  return { bytes: [...bytes.slice(0, ellipsis), ...zeros, ...bytes.slice(ellipsis)], zone }
}

/** The bytes that are written, and where `::` stands among them (-1: nowhere). */
function readFields(text: string): { bytes: number[]; ellipsis: number } {
  const bytes: number[] = []
  let ellipsis = text.startsWith('::') ? 0 : -1
  let rest = ellipsis === 0 ? text.slice(2) : text
  while (rest !== '' || (bytes.length === 0 && ellipsis < 0)) {
    if (bytes.length === 16) throw new Problem('trailing garbage after address', rest)
    const digits = /^[0-9a-fA-F]*/.exec(rest)![0]
    if (digits.length > 4) throw new Problem('each group must have 4 or less digits', rest)
    if (digits === '') throw new Problem('each colon-separated field must have at least one digit', rest)
    if (rest[digits.length] === '.') return { bytes: [...bytes, ...embedded(rest, bytes.length, ellipsis)], ellipsis }
    const value = Number.parseInt(digits, 16)
    bytes.push(value >> 8, value & 255)
    rest = rest.slice(digits.length)
    if (rest === '') break
    if (!rest.startsWith(':')) throw new Problem('unexpected character, want colon', rest)
    if (rest === ':') throw new Problem('colon must be followed by more characters', rest)
    rest = rest.slice(1)
    if (!rest.startsWith(':')) continue
    if (ellipsis >= 0) throw new Problem('multiple :: in address', rest)
    ellipsis = bytes.length
    rest = rest.slice(1)
  }
  return { bytes, ellipsis }
}

/** The IPv4 address that an IPv6 address may end with. */
function embedded(rest: string, at: number, ellipsis: number): number[] {
  if (ellipsis < 0 && at !== 12) {
    throw new Problem('embedded IPv4 address must replace the final 2 fields of the address', rest)
  }
  if (at > 12) throw new Problem('too many hex fields to fit an embedded IPv4 at the end of the address', rest)
  return parseIpv4(rest)
}
