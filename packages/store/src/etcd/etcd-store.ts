import type { Clock, Logger } from '@canopus/base'
import { status } from '@grpc/grpc-js'
import {
  CompactedError,
  FutureRevisionError,
  KeyExistsError,
  type KeyValue,
  type ListOptions,
  type ListResult,
  RevisionMismatchError,
  type Store,
  StoreClosedError,
  type StoreEvent,
  StoreUnavailableError,
  type ValueAt,
  type WatchBatch,
  type WriteOptions,
} from '../store.ts'
import { type AroundCall, connectEtcd, type EtcdConnection, EtcdError, type EtcdTls } from './connection.ts'
import { EtcdWatch } from './etcd-watch.ts'
import type { Dial } from './forwarder.ts'
import { Leases } from './leases.ts'
import {
  compareEqual,
  compareModRevision,
  type EtcdKeyValue,
  eventDelete,
  methods,
  type RangeRequest,
  type RequestOp,
  type TxnResponse,
  toNumber,
  type WatchResponse,
} from './messages.ts'

export interface EtcdStoreOptions {
  /** By what way servers are reached; straight where missing. */
  dial?: Dial
  /** `https://host:port`, `http://host:port` or `unix:///path`, in order of preference. */
  endpoints: readonly string[]
  tls?: EtcdTls
  /** What stands in etcd where keys begin with `/registry` here. Default: the same. */
  prefix?: string
  clock: Clock
  logger: Logger
  /** How long one call may take, reconnecting included, in milliseconds. Default 10,000. */
  timeout?: number
  /** For how many seconds keys with a time to live may share a lease. Default 60. */
  leaseReuseSeconds?: number
  /** Stands around every single call to a server, for traces. */
  aroundCall?: AroundCall
  /**
   * Sets the revision in bytes that come back. etcd tells the revision of a write only afterwards, so what it keeps is
   * `value(0)`, as with upstream, whose objects lie in etcd without a `resourceVersion`. Default: bytes stay as they are.
   */
  stampRevision?: (value: Uint8Array, revision: number) => Uint8Array
}

/** With what keys of a `Store` begin. */
const ROOT = '/registry'

/** What etcd says of revisions that it does not have. */
const compactedDetails = 'etcdserver: mvcc: required revision has been compacted'
const futureDetails = 'etcdserver: mvcc: required revision is a future revision'

/** `openEtcdStore`, once this is loaded. */
export async function connectEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const connection = await connectEtcd(options)
  try {
    const { version } = await connection.read(methods.status, {})
    options.logger.debug('etcd answers', { version })
    return new EtcdStore(connection, options, ordersProgress(version))
  } catch (error) {
    connection.close()
    throw error
  }
}

class EtcdStore implements Store {
  readonly #connection: EtcdConnection
  readonly #options: EtcdStoreOptions
  readonly #prefix: string
  readonly #leases: Leases
  readonly #ordersProgress: boolean
  readonly #watches = new Set<EtcdWatch>()
  readonly #closing = new AbortController()

  constructor(connection: EtcdConnection, options: EtcdStoreOptions, ordersProgress: boolean) {
    this.#connection = connection
    this.#options = options
    this.#prefix = options.prefix ?? ROOT
    this.#leases = new Leases(connection, options.clock, options.leaseReuseSeconds)
    this.#ordersProgress = ordersProgress
  }

  async revision(): Promise<number> {
    const { header } = await this.#range({ key: utf8(`${this.#prefix}/`), countOnly: true })
    for (const watch of this.#watches) watch.requestProgress()
    return toNumber(header.revision)
  }

  async size(): Promise<number> {
    const { dbSize } = await this.#connection.read(methods.status, {})
    return toNumber(dbSize)
  }

  async get(key: string): Promise<KeyValue | undefined> {
    const { kvs } = await this.#range({ key: this.#key(key) })
    return kvs[0] && this.#keyValue(kvs[0])
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    const end = prefixEnd(this.#key(prefix))
    const start = this.#key(prefix)
    const from = options.startKey === undefined ? start : this.#key(options.startKey)
    const key = Buffer.compare(from, start) > 0 ? from : start
    if (Buffer.compare(key, end) >= 0)
      return { items: [], revision: options.revision ?? (await this.revision()), remaining: 0 }
    const request: RangeRequest = { key, rangeEnd: end }
    if (options.limit) request.limit = options.limit
    if (options.revision) request.revision = options.revision
    try {
      const { kvs, count, header } = await this.#range(request)
      return {
        items: kvs.map(kv => this.#keyValue(kv)),
        revision: options.revision || toNumber(header.revision),
        remaining: toNumber(count) - kvs.length,
      }
    } catch (error) {
      throw await this.#explainRevision(error, options.revision ?? 0)
    }
  }

  async count(prefix: string): Promise<number> {
    const key = this.#key(prefix)
    return toNumber((await this.#range({ key, rangeEnd: prefixEnd(key), countOnly: true })).count)
  }

  async create(key: string, value: ValueAt, options?: WriteOptions): Promise<KeyValue> {
    const response = await this.#txn(key, 0, await this.#putOf(key, value, options))
    if (!response.succeeded) throw new KeyExistsError(key, this.#currentOf(response))
    return written(key, value, response)
  }

  async update(key: string, value: ValueAt, expected: number, options?: WriteOptions): Promise<KeyValue> {
    // To etcd revision 0 means a key that does not exist, which no update may create.
    if (expected < 1) throw new RevisionMismatchError(key, expected, await this.get(key))
    const response = await this.#txn(key, expected, await this.#putOf(key, value, options))
    if (!response.succeeded) throw new RevisionMismatchError(key, expected, this.#currentOf(response))
    return written(key, value, response)
  }

  async delete(key: string, expected: number): Promise<{ revision: number; previous: KeyValue }> {
    if (expected < 1) throw new RevisionMismatchError(key, expected, await this.get(key))
    const remove: RequestOp = { requestDeleteRange: { key: this.#key(key), prevKv: true } }
    const response = await this.#txn(key, expected, remove)
    const previous = response.responses[0]?.responseDeleteRange?.prevKvs[0]
    if (!response.succeeded || !previous) throw new RevisionMismatchError(key, expected, this.#currentOf(response))
    return { revision: toNumber(response.header.revision), previous: this.#keyValue(previous) }
  }

  async *watch(prefix: string, from: number, signal: AbortSignal): AsyncGenerator<WatchBatch, void, void> {
    const { clock, logger } = this.#options
    const key = this.#key(prefix)
    const watch = new EtcdWatch({
      connection: this.#connection,
      clock,
      logger,
      key,
      rangeEnd: prefixEnd(key),
      from,
      signal: AbortSignal.any([signal, this.#closing.signal]),
      trustsProgress: () => this.#ordersProgress,
      toEvent: event => this.#event(event),
    })
    this.#watches.add(watch)
    try {
      yield* watch.batches()
    } finally {
      this.#watches.delete(watch)
    }
  }

  async compact(revision: number): Promise<void> {
    this.#check()
    try {
      await this.#connection.write(methods.compact, { revision })
    } catch (error) {
      if (error instanceof EtcdError && error.details === compactedDetails) return
      throw await this.#explainRevision(error, revision)
    }
  }

  /** etcd tells it only to watches that start too early, so this opens one where a list at revision 1 is refused. */
  async compactedRevision(): Promise<number> {
    try {
      await this.#range({ key: utf8(`${this.#prefix}/`), revision: 1, countOnly: true })
      return 1
    } catch (error) {
      if (!(error instanceof EtcdError) || error.details !== compactedDetails) throw error
    }
    try {
      const watched = this.watch('/', 0, AbortSignal.any([]))
      for await (const _ of watched) break
    } catch (error) {
      if (error instanceof CompactedError) return error.compacted
      throw error
    }
    throw new StoreUnavailableError('etcd does not tell what it has been compacted to')
  }

  async close(): Promise<void> {
    this.#closing.abort(new StoreClosedError())
    this.#connection.close()
  }

  #check(): void {
    if (this.#closing.signal.aborted) throw new StoreClosedError()
  }

  async #range(request: RangeRequest) {
    this.#check()
    return this.#connection.read(methods.range, request)
  }

  /** Does `op` where the newest write to `key` has the revision `expected`, 0 meaning that there is none; else reads the key. */
  async #txn(key: string, expected: number, op: RequestOp): Promise<TxnResponse> {
    this.#check()
    const bytes = this.#key(key)
    try {
      return await this.#connection.write(methods.txn, {
        compare: [{ result: compareEqual, target: compareModRevision, key: bytes, modRevision: expected }],
        success: [op],
        failure: [{ requestRange: { key: bytes } }],
      })
    } catch (error) {
      if (error instanceof EtcdError && error.code === status.NOT_FOUND) this.#leases.forget()
      throw error
    }
  }

  async #putOf(key: string, value: ValueAt, options: WriteOptions | undefined): Promise<RequestOp> {
    this.#check()
    const put = { key: this.#key(key), value: value(0) }
    if (!options?.ttlSeconds) return { requestPut: put }
    return { requestPut: { ...put, lease: await this.#leases.lease(options.ttlSeconds) } }
  }

  #currentOf(response: TxnResponse): KeyValue | undefined {
    const current = response.responses[0]?.responseRange?.kvs[0]
    return current && this.#keyValue(current)
  }

  #event({ type, kv, prevKv }: WatchResponse['events'][number]): StoreEvent {
    const key = this.#keyText(kv.key)
    const revision = toNumber(kv.modRevision)
    const previous = prevKv ? this.#keyValue(prevKv) : undefined
    if (type !== eventDelete) {
      const { value } = this.#keyValue(kv)
      return previous ? { type: 'put', key, value, revision, previous } : { type: 'put', key, value, revision }
    }
    // The value that was removed is gone only where the history has been compacted past the removal.
    if (!previous) throw new CompactedError(revision - 1, revision)
    return { type: 'delete', key, value: previous.value, revision, previous }
  }

  #keyValue(kv: EtcdKeyValue): KeyValue {
    const revision = toNumber(kv.modRevision)
    const stamp = this.#options.stampRevision
    // An empty field is not on the wire.
    const value = kv.value.length > 0 ? kv.value : empty
    return { key: this.#keyText(kv.key), value: stamp ? stamp(value, revision) : value, revision }
  }

  storedKey(key: string): string {
    return this.#prefix + key.slice(ROOT.length)
  }

  #key(key: string): Buffer {
    return utf8(this.storedKey(key))
  }

  #keyText(key: Uint8Array): string {
    const stored = Buffer.from(key.buffer, key.byteOffset, key.length).toString('utf8')
    return ROOT + stored.slice(this.#prefix.length)
  }

  async #explainRevision(error: unknown, requested: number): Promise<unknown> {
    if (!(error instanceof EtcdError)) return error
    if (error.details === compactedDetails) return new CompactedError(requested, await this.compactedRevision())
    if (error.details === futureDetails) return new FutureRevisionError(requested, await this.revision())
    return error
  }
}

const empty = new Uint8Array(0)
const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8')

function written(key: string, value: ValueAt, response: TxnResponse): KeyValue {
  const revision = toNumber(response.header.revision)
  return { key, value: value(revision), revision }
}

/** The first key after all that start with `prefix`. */
function prefixEnd(prefix: Uint8Array): Buffer {
  const end = Buffer.from(prefix)
  for (let at = end.length - 1; at >= 0; at--) {
    if (end[at] === 0xff) continue
    end[at]! += 1
    return end.subarray(0, at + 1)
  }
  // To etcd a range that ends with a zero byte has no end.
  return Buffer.from([0])
}

/** Whether answers to requests for progress keep the order of events (etcd-io/etcd#15220). */
function ordersProgress(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(part => Number.parseInt(part, 10))
  if (major !== 3) return major > 3
  return minor > 5 || (minor === 5 && patch >= 13) || (minor === 4 && patch >= 31)
}
