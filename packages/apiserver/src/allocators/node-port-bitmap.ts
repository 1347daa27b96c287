/**
 * Which node ports are taken, in the store, where all API servers look: one bit each, as upstream keeps it
 * (pkg/registry/core/service/allocator, `RangeAllocation` under /registry/ranges/servicenodeports).
 */
import { schemaOfKind } from '@canopus/api'
import { decodeProtobuf, isProtobuf } from '@canopus/apimachinery'
import { KeyExistsError, type KeyValue, RevisionMismatchError, type Store } from '@canopus/store'

const KEY = '/registry/ranges/servicenodeports'

export class NodePortBitmap {
  readonly #store: Store
  readonly #from: number
  readonly #range: string

  /** `from` and `to` are included. */
  constructor(store: Store, { from, to }: { from: number; to: number }) {
    this.#store = store
    this.#from = from
    this.#range = `${from}-${to}`
  }

  /** Takes all of the ports or none; answers those that were taken already. */
  async take(ports: readonly number[]): Promise<readonly number[]> {
    let conflicts: readonly number[] = []
    await this.change(bits => {
      conflicts = ports.filter(port => (bits & this.bit(port)) !== 0n)
      return conflicts.length > 0 ? bits : ports.reduce((sum, port) => sum | this.bit(port), bits)
    })
    return conflicts
  }

  async exists(): Promise<boolean> {
    return (await this.#store.get(KEY)) !== undefined
  }

  async free(ports: readonly number[]): Promise<void> {
    await this.change(bits => ports.reduce((sum, port) => sum & ~this.bit(port), bits))
  }

  /** Sets what is used and not set, and clears `leaked`. Answers what is set and not used. */
  async repair(used: ReadonlySet<number>, leaked: ReadonlySet<number>): Promise<readonly number[]> {
    let unused: number[] = []
    await this.change(bits => {
      let result = bits
      for (const port of used) result |= this.bit(port)
      for (const port of leaked) if (!used.has(port)) result &= ~this.bit(port)
      unused = this.portsOf(result).filter(port => !used.has(port))
      return result
    })
    return unused
  }

  private async change(decide: (bits: bigint) => bigint): Promise<void> {
    let current = await this.#store.get(KEY)
    for (;;) {
      const before = current === undefined ? undefined : this.bitsOf(current.value)
      const after = decide(before ?? 0n)
      if (after === before) return
      try {
        await this.write(current, this.encode(after))
        return
      } catch (error) {
        if (!(error instanceof RevisionMismatchError || error instanceof KeyExistsError)) throw error
        current = await this.#store.get(KEY)
      }
    }
  }

  private write(current: KeyValue | undefined, bytes: Uint8Array): Promise<KeyValue> {
    return current === undefined
      ? this.#store.create(KEY, () => bytes)
      : this.#store.update(KEY, () => bytes, current.revision)
  }

  private encode(bits: bigint): Uint8Array {
    const hex = bits === 0n ? '' : bits.toString(16)
    const data = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64')
    return Buffer.from(
      JSON.stringify({ kind: 'RangeAllocation', apiVersion: 'v1', metadata: {}, range: this.#range, data }),
    )
  }

  /** A bitmap of another range says nothing; repair fills the new one from the services. */
  private bitsOf(value: Uint8Array): bigint {
    const object = isProtobuf(value)
      ? decodeProtobuf((_, kind) => schemaOfKind({ group: '', version: 'v1', kind })!, value)
      : JSON.parse(Buffer.from(value).toString())
    const { range, data = '' } = object as { range?: string; data?: string }
    const hex = Buffer.from(data, 'base64').toString('hex')
    return range !== this.#range || hex === '' ? 0n : BigInt(`0x${hex}`)
  }

  private bit(port: number): bigint {
    return 1n << BigInt(port - this.#from)
  }

  private portsOf(bits: bigint): number[] {
    const ports: number[] = []
    const text = bits.toString(2)
    for (let at = 0; at < text.length; at++) if (text[text.length - 1 - at] === '1') ports.push(this.#from + at)
    return ports
  }
}
