import { formatIp } from '@canopus/apimachinery'
import { func, member, overload } from '../../check/declarations.ts'
import type { Library } from '../../environment.ts'
import { typesByName } from '../../stdlib/index.ts'
import { boolType, intType, opaqueType, stringType } from '../../types/type.ts'
import { CelError } from '../../values/error.ts'
import { OpaqueValue, type Value } from '../../values/value.ts'
import { parseAddr } from '../netip.ts'

export const ipType = opaqueType('net.IP')

export class IpValue extends OpaqueValue {
  readonly type = ipType
  readonly bytes: readonly number[]

  constructor(bytes: readonly number[]) {
    super()
    this.bytes = bytes
  }

  equals(other: Value): boolean {
    return other instanceof IpValue && other.bytes.join() === this.bytes.join()
  }

  override costSize(): number {
    return this.bytes.length
  }
}

/** An IPv4 address written as an IPv6 address. */
export const isMapped = (bytes: readonly number[]): boolean =>
  bytes.length === 16 && bytes.slice(0, 10).every(byte => byte === 0) && bytes[10] === 255 && bytes[11] === 255

/** The address of a text. Throws CelError; addresses with a zone and IPv4 mapped into IPv6 are refused, too. */
export function toIp(text: string): IpValue {
  const parsed = parseAddr(text)
  const quoted = JSON.stringify(text)
  if (typeof parsed === 'string') {
    throw new CelError(`IP Address ${quoted} parse error during conversion from string: ${parsed}`)
  }
  if (parsed.zone !== '') throw new CelError(`IP address ${quoted} with zone value is not allowed`)
  if (isMapped(parsed.bytes)) throw new CelError(`IPv4-mapped IPv6 address ${quoted} is not allowed`)
  return new IpValue(parsed.bytes)
}

export function isIp(text: string): boolean {
  try {
    toIp(text)
    return true
  } catch {
    return false
  }
}

type Test = (bytes: readonly number[]) => boolean

const is4: Test = bytes => bytes.length === 4
const isUnspecified: Test = bytes => bytes.every(byte => byte === 0)
const isLoopback: Test = bytes =>
  is4(bytes) ? bytes[0] === 127 : bytes.slice(0, 15).every(byte => byte === 0) && bytes[15] === 1
const isLinkLocalMulticast: Test = bytes =>
  is4(bytes) ? bytes[0] === 224 && bytes[1] === 0 && bytes[2] === 0 : bytes[0] === 255 && (bytes[1]! & 15) === 2
const isLinkLocalUnicast: Test = bytes =>
  is4(bytes) ? bytes[0] === 169 && bytes[1] === 254 : bytes[0] === 254 && (bytes[1]! & 192) === 128
const isMulticast: Test = bytes => (is4(bytes) ? (bytes[0]! & 240) === 224 : bytes[0] === 255)
const isBroadcast: Test = bytes => is4(bytes) && bytes.every(byte => byte === 255)
const isGlobalUnicast: Test = bytes =>
  !isBroadcast(bytes) &&
  !isUnspecified(bytes) &&
  !isLoopback(bytes) &&
  !isMulticast(bytes) &&
  !isLinkLocalUnicast(bytes)

const test = (name: string, id: string, holds: Test) =>
  func(
    name,
    member(id, [ipType], boolType, ({ bytes }: IpValue) => holds(bytes)),
  )

/** `ip('192.168.0.1').isLoopback()` and so on. Behaviour: apiserver pkg/cel/library/ip.go. */
export const ipLibrary: Library = {
  types: typesByName([ipType]),
  functions: [
    func('ip', overload('string_to_ip', [stringType], ipType, toIp)),
    func('isIP', overload('is_ip', [stringType], boolType, isIp)),
    func(
      'ip.isCanonical',
      overload('ip_is_canonical', [stringType], boolType, (text: string) => formatIp(toIp(text).bytes) === text),
    ),
    func(
      'family',
      member('ip_family', [ipType], intType, ({ bytes }: IpValue) => (is4(bytes) ? 4 : 6)),
    ),
    func(
      'string',
      overload('ip_to_string', [ipType], stringType, ({ bytes }: IpValue) => formatIp(bytes)),
    ),
    test('isUnspecified', 'ip_is_unspecified', isUnspecified),
    test('isLoopback', 'ip_is_loopback', isLoopback),
    test('isLinkLocalMulticast', 'ip_is_link_local_multicast', isLinkLocalMulticast),
    test('isLinkLocalUnicast', 'ip_is_link_local_unicast', isLinkLocalUnicast),
    test('isGlobalUnicast', 'ip_is_global_unicast', isGlobalUnicast),
  ],
}
