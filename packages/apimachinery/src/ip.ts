import { isFeatureOn } from './features.ts'
import { type FieldError, invalid } from './field-error.ts'

/** The four or sixteen bytes of an IP address in text; nothing where it is none. Leading zeros count as decimal, as upstream. */
export function parseIp(text: string): number[] | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

/** Digit by digit: an address is read several times for each service that is made. */
function parseIpv4(text: string): number[] | undefined {
  const bytes: number[] = []
  let byte = -1 // no digit yet
  for (let at = 0; at <= text.length; at++) {
    const digit = text.charCodeAt(at) - ZERO // not a number at the end
    if (digit >= 0 && digit <= 9) {
      byte = Math.max(byte, 0) * 10 + digit
      if (byte > 255) return undefined
    } else if (byte < 0 || (at < text.length && digit !== DOT)) return undefined
    else {
      bytes.push(byte)
      byte = -1
    }
  }
  return bytes.length === 4 ? bytes : undefined
}

const ZERO = '0'.charCodeAt(0)
const DOT = '.'.charCodeAt(0) - ZERO

function parseIpv6(text: string): number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groupsOf(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? groupsOf(halves[1]!, true) : []
  if (head === undefined || tail === undefined) return undefined
  const missing = 16 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined
  return [...head, ...new Array<number>(missing).fill(0), ...tail]
}

function groupsOf(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [index, group] of groups.entries()) {
    if (last && index === groups.length - 1 && group.includes('.')) {
      const embedded = parseIpv4(group)
      if (embedded === undefined) return undefined
      bytes.push(...embedded)
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 255)
    }
  }
  return bytes
}

const isMapped = (bytes: readonly number[]): boolean =>
  bytes.length === 16 && bytes.slice(0, 10).every(byte => byte === 0) && bytes[10] === 255 && bytes[11] === 255

/** Canonical text (RFC 5952); addresses mapped into IPv6 come out as IPv4, as Go prints them. */
export function formatIp(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.')
  if (isMapped(bytes)) return bytes.slice(12).join('.')
  const groups = Array.from({ length: 8 }, (_, i) => bytes[i * 2]! * 256 + bytes[i * 2 + 1]!)
  const [start, length] = longestZeroRun(groups)
  const hex = groups.map(group => group.toString(16))
  if (length < 2) return hex.join(':')
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}

function longestZeroRun(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0]
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (start + length < 8 && groups[start + length] === 0) length++
    if (length > best[1]) best = [start, length]
  }
  return best
}

export const isIp = (text: string): boolean => parseIp(text) !== undefined
export const isIpv4 = (text: string): boolean => !text.includes(':') && parseIp(text) !== undefined
export const isIpv6 = (text: string): boolean => text.includes(':') && parseIp(text) !== undefined

/** Whether an address is one that others could have: not loopback, link-local, multicast, broadcast or none (Go's IsGlobalUnicast). */
export function isGlobalUnicast(text: string): boolean {
  const parsed = parseIp(text)
  if (parsed === undefined) return false
  const bytes = isMapped(parsed) ? parsed.slice(12) : parsed
  const [first, second] = [bytes[0]!, bytes[1]!]
  if (bytes.length === 4) {
    const linkLocal = first === 169 && second === 254
    const none = ['0.0.0.0', '255.255.255.255'].includes(bytes.join('.'))
    return first !== 127 && !linkLocal && (first & 0xf0) !== 224 && !none
  }
  const unspecifiedOrLoopback = bytes.slice(0, 15).every(byte => byte === 0) && bytes[15]! <= 1
  return !unspecifiedOrLoopback && first !== 255 && !(first === 254 && (second & 0xc0) === 128)
}

const hasLeadingZero = (text: string): boolean => /(^|[.:])0[0-9]+(?=\.|$)/.test(text)

const STRICT = 'StrictIPCIDRValidation'

/** Upstream's strict check of old fields (IsValidIPForLegacyField); `oldValues` pass as they are. */
export function validateIp(field: string, text: string, oldValues: readonly string[] = []): FieldError[] {
  if (oldValues.includes(text)) return []
  const bytes = parseIp(text)
  if (bytes === undefined) {
    return [invalid(field, text, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')]
  }
  const errors: FieldError[] = []
  if (!isFeatureOn(STRICT)) return errors
  if (hasLeadingZero(text)) errors.push(invalid(field, text, 'must not have leading 0s'))
  if (isMapped(bytes)) errors.push(invalid(field, text, 'must not be an IPv4-mapped IPv6 address'))
  return errors
}

/** A parsed `address/length`. */
export interface Cidr {
  bytes: number[]
  length: number
}

export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/')
  const bytes = slash < 0 ? undefined : parseIp(text.slice(0, slash))
  const digits = text.slice(slash + 1)
  if (bytes === undefined || !/^[0-9]+$/.test(digits) || Number(digits) > bytes.length * 8) return undefined
  return { bytes, length: Number(digits) }
}

/** The address with all bits behind the prefix cleared. */
export function maskedBytes({ bytes, length }: Cidr): number[] {
  return bytes.map((byte, i) => {
    const kept = Math.min(8, Math.max(0, length - i * 8))
    return byte & (0xff << (8 - kept)) & 0xff
  })
}

/** Upstream's strict check of old fields (IsValidCIDRForLegacyField). */
export function validateCidr(field: string, text: string, oldValues: readonly string[] = []): FieldError[] {
  if (oldValues.includes(text)) return []
  const cidr = parseCidr(text)
  if (cidr === undefined) {
    return [invalid(field, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')]
  }
  if (!isFeatureOn(STRICT)) return []
  const [address = '', length = ''] = text.split('/')
  if (hasLeadingZero(address) || /^0[0-9]/.test(length)) {
    return [invalid(field, text, 'must not have leading 0s in IP or prefix length')]
  }
  if (isMapped(cidr.bytes)) return [invalid(field, text, 'must not have an IPv4-mapped IPv6 address')]
  if (maskedBytes(cidr).some((byte, i) => byte !== cidr.bytes[i])) {
    return [invalid(field, text, 'must not have bits set beyond the prefix length')]
  }
  return []
}
