/** Equal ranges of one big address range, handed out one by one (kubernetes pkg/controller/nodeipam/ipam/cidrset). */
import { type Cidr, formatIp, maskedBytes, parseCidr } from '@canopus/apimachinery'
import type { CidrMetrics } from './cidr-metrics.ts'

export class CidrSet {
  readonly #base: bigint
  readonly #width: number
  readonly #bits: number
  readonly #shift: bigint
  readonly #count: number
  readonly #used = new Set<number>()
  readonly #metrics: CidrMetrics | undefined
  #next = 0

  /** `size` is the prefix length of what is handed out. Throws where it does not fit into `range`. */
  constructor(range: string, size: number, metrics?: (range: string, count: number) => CidrMetrics) {
    const cidr = parseCidr(range)
    if (!cidr) throw new TypeError(`invalid CIDR ${JSON.stringify(range)}`)
    this.#width = cidr.bytes.length
    this.#bits = this.#width * 8
    if (size < cidr.length || size > this.#bits) throw new RangeError(`ranges of /${size} do not fit into ${range}`)
    this.#base = numberOf(cidr)
    this.#shift = BigInt(this.#bits - size)
    this.#count = 2 ** Math.min(size - cidr.length, 16)
    this.#size = size
    this.#metrics = metrics?.(`${formatIp(maskedBytes(cidr))}/${cidr.length}`, this.#count)
  }

  readonly #size: number

  get isIpv6(): boolean {
    return this.#width === 16
  }

  /** The next free range; nothing where all are taken. */
  allocate(): string | undefined {
    for (let tried = 0; tried < this.#count; tried++) {
      const index = (this.#next + tried) % this.#count
      if (this.#used.has(index)) continue
      this.#used.add(index)
      this.#next = (index + 1) % this.#count
      this.#metrics?.allocated(this.#used.size, tried)
      return this.#textOf(index)
    }
    return undefined
  }

  /** Marks a range as taken, should it be one of ours. */
  occupy(range: string): void {
    const index = this.#indexOf(range)
    if (index === undefined || this.#used.has(index)) return
    this.#used.add(index)
    this.#metrics?.allocated(this.#used.size)
  }

  release(range: string): void {
    const index = this.#indexOf(range)
    if (index !== undefined && this.#used.delete(index)) this.#metrics?.released(this.#used.size)
  }

  #indexOf(range: string): number | undefined {
    const cidr = parseCidr(range)
    if (!cidr || cidr.bytes.length !== this.#width) return undefined
    const index = (numberOf(cidr) - this.#base) >> this.#shift
    return index >= 0n && index < BigInt(this.#count) ? Number(index) : undefined
  }

  #textOf(index: number): string {
    let rest = this.#base + (BigInt(index) << this.#shift)
    const bytes = new Array<number>(this.#width)
    for (let at = this.#width - 1; at >= 0; at--) {
      bytes[at] = Number(rest & 0xffn)
      rest >>= 8n
    }
    return `${formatIp(bytes)}/${this.#size}`
  }
}

function numberOf(cidr: Cidr): bigint {
  return maskedBytes(cidr).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}
