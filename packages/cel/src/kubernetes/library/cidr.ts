import { type Cidr, formatIp, maskedBytes } from '@canopus/apimachinery'
import { func, member, overload } from '../../check/declarations.ts'
import type { Library } from '../../environment.ts'
import { typesByName } from '../../stdlib/index.ts'
import { boolType, intType, opaqueType, stringType } from '../../types/type.ts'
import { CelError } from '../../values/error.ts'
import { OpaqueValue, type Value } from '../../values/value.ts'
import { parseAddr } from '../netip.ts'
import { IpValue, ipType, isMapped, toIp } from './ip.ts'

export const cidrType = opaqueType('net.CIDR')

export class CidrValue extends OpaqueValue {
  readonly type = cidrType
  readonly cidr: Cidr

  constructor(cidr: Cidr) {
    super()
    this.cidr = cidr
  }

  equals(other: Value): boolean {
    return other instanceof CidrValue && formatCidr(other) === formatCidr(this)
  }

  override costSize(): number {
    return Math.ceil(this.cidr.length / 8)
  }
}

const formatCidr = ({ cidr }: CidrValue): string => `${formatIp(cidr.bytes)}/${cidr.length}`

/** A prefix as Go's netip.ParsePrefix reads it, or what is wrong with it. */
function parsePrefix(text: string): Cidr | string {
  const slash = text.lastIndexOf('/')
  const fail = (why: string): string => `netip.ParsePrefix(${JSON.stringify(text)}): ${why}`
  if (slash < 0) return fail("no '/'")
  const address = text.slice(0, slash)
  const digits = text.slice(slash + 1)
  if (address.includes('%')) return fail('IPv6 zones cannot be present in a prefix')
  const parsed = parseAddr(address)
  if (typeof parsed === 'string') return fail(parsed)
  const { bytes } = parsed
  if (!/^(0|[1-9]\d*)$/.test(digits)) return fail(`bad bits after slash: ${JSON.stringify(digits)}`)
  if (Number(digits) > bytes.length * 8) return fail('prefix length out of range')
  return { bytes: [...bytes], length: Number(digits) }
}

function toCidr(text: string): CidrValue {
  const parsed = parsePrefix(text)
  const prefix = 'network address parse error during conversion from string: '
  if (typeof parsed === 'string') throw new CelError(prefix + prefix + parsed)
  if (isMapped(parsed.bytes)) {
    throw new CelError(`${prefix}IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`)
  }
  return new CidrValue(parsed)
}

function isCidr(text: string): boolean {
  try {
    toCidr(text)
    return true
  } catch {
    return false
  }
}

/** Whether the network has an address in it. */
function containsIp({ cidr }: CidrValue, { bytes }: IpValue): boolean {
  if (cidr.bytes.length !== bytes.length) return false
  const masked = maskedBytes({ bytes: [...bytes], length: cidr.length })
  return maskedBytes(cidr).join() === masked.join()
}

const containsCidr = (outer: CidrValue, inner: CidrValue): boolean =>
  outer.cidr.length <= inner.cidr.length && containsIp(outer, new IpValue(inner.cidr.bytes))

/** `cidr('192.168.0.0/24').containsIP(...)` and so on. Behaviour: apiserver pkg/cel/library/cidr.go. */
export const cidrLibrary: Library = {
  types: typesByName([cidrType]),
  functions: [
    func('cidr', overload('string_to_cidr', [stringType], cidrType, toCidr)),
    func('isCIDR', overload('is_cidr', [stringType], boolType, isCidr)),
    func(
      'containsIP',
      member('cidr_contains_ip_string', [cidrType, stringType], boolType, (cidr: CidrValue, text: string) =>
        containsIp(cidr, toIp(text)),
      ),
      member('cidr_contains_ip_ip', [cidrType, ipType], boolType, containsIp),
    ),
    func(
      'containsCIDR',
      member('cidr_contains_cidr_string', [cidrType, stringType], boolType, (cidr: CidrValue, text: string) =>
        containsCidr(cidr, toCidr(text)),
      ),
      member('cidr_contains_cidr', [cidrType, cidrType], boolType, containsCidr),
    ),
    func(
      'ip',
      member('cidr_ip', [cidrType], ipType, ({ cidr }: CidrValue) => new IpValue(cidr.bytes)),
    ),
    func(
      'prefixLength',
      member('cidr_prefix_length', [cidrType], intType, ({ cidr }: CidrValue) => cidr.length),
    ),
    func(
      'masked',
      member(
        'cidr_masked',
        [cidrType],
        cidrType,
        ({ cidr }: CidrValue) => new CidrValue({ bytes: maskedBytes(cidr), length: cidr.length }),
      ),
    ),
    func('string', overload('cidr_to_string', [cidrType], stringType, formatCidr)),
  ],
}
