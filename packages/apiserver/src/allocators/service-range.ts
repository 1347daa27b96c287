/** A range of cluster addresses as numbers counted from its first usable one. */
import { formatIp, parseCidr, parseIp } from '@canopus/apimachinery'
import type { Index } from './allocator.ts'

/** Only so many of the first addresses are given out unasked (an IPv6 /64 has more than anybody can count). */
const MAX_SIZE = 2 ** 20

export class ServiceRange {
  readonly cidr: string
  readonly family: 'IPv4' | 'IPv6'
  readonly #base: bigint
  /** The first usable address, of IPv4: plain numbers hold these. */
  readonly #first: number | undefined
  /** Usable addresses: neither the network's nor (IPv4) the broadcast one. */
  readonly #usable: bigint
  /** How many of them are given out to those who ask for none of them: these have numbers below this. */
  readonly size: number

  /** Throws an Error where the text is no range with room for a service. */
  constructor(cidr: string) {
    const parsed = parseCidr(cidr)
    if (parsed === undefined) throw new Error(`${JSON.stringify(cidr)} is no address range (such as 10.96.0.0/16)`)
    const bits = parsed.bytes.length * 8
    this.cidr = cidr
    this.family = bits === 32 ? 'IPv4' : 'IPv6'
    const total = 2n ** BigInt(bits - parsed.length)
    this.#base = (toBigInt(parsed.bytes) / total) * total
    this.#first = this.family === 'IPv4' ? Number(this.#base) + 1 : undefined
    this.#usable = total - (this.family === 'IPv4' ? 2n : 1n)
    this.size = Number(this.#usable > MAX_SIZE ? BigInt(MAX_SIZE) : this.#usable)
    if (this.size < 1) throw new Error(`the address range ${cidr} has no room for services`)
  }

  addressAt(index: number): string {
    if (this.#first !== undefined) return dotted(this.#first + index)
    const bytes: number[] = new Array(16).fill(0)
    let rest = this.#base + 1n + BigInt(index)
    for (let at = 15; at >= 0; at--) {
      bytes[at] = Number(rest & 255n)
      rest >>= 8n
    }
    return formatIp(bytes)
  }

  /** The first address, which no service can have. */
  get networkAddress(): string {
    return this.addressAt(-1)
  }

  /** `undefined` where the address is not in the range; what nobody gets unasked is a `bigint`. */
  indexOf(address: string): Index | undefined {
    if (address.includes(':') !== (this.family === 'IPv6')) return undefined
    const bytes = parseIp(address)
    if (bytes === undefined) return undefined
    const index = this.#first === undefined ? toBigInt(bytes) - this.#base - 1n : toNumber(bytes) - this.#first
    if (index < 0 || index >= this.#usable) return undefined
    return index < this.size ? Number(index) : BigInt(index)
  }
}

const dotted = (address: number): string =>
  `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`

/** Of four bytes. */
const toNumber = ([a = 0, b = 0, c = 0, d = 0]: readonly number[]): number => ((a * 256 + b) * 256 + c) * 256 + d

function toBigInt(bytes: readonly number[]): bigint {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return value
}

/** How many of the first addresses are kept for those who ask for them: as upstream, between 16 and 256. */
export function reservedAddresses(size: number): number {
  if (size < 16) return 0
  return Math.min(Math.max(16, Math.floor(size / 16)), 256)
}

/** The same for node ports: between 16 and 128. */
export function reservedPorts(size: number): number {
  if (size < 16) return 0
  return Math.min(Math.max(16, Math.floor(size / 32)), 128)
}
