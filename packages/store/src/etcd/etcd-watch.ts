import { AsyncQueue, abortable, Backoff, type Clock, type Logger, onAbort, sleep, type Timer } from '@canopus/base'
import * as grpc from '@grpc/grpc-js'
import { CompactedError, type StoreEvent, StoreUnavailableError, type WatchBatch } from '../store.ts'
import type { EtcdConnection } from './connection.ts'
import { methods, toNumber, type WatchRequest, type WatchResponse } from './messages.ts'

/** Batches that wait for a slow reader before the stream is paused. */
const queueLimit = 256
/**
 * Servers before 3.4.31 and 3.5.13 may answer a request for progress before events that they have queued already
 * (etcd-io/etcd#15220). An event is overtaken at most while the server sends the answer, so several answers in a row, each
 * asked for after the one before, are taken as one; and none in the time in which the server may still be reading history.
 */
const doubtfulAnswers = 3
const doubtfulTime = 500
/** A server passes a request for progress over in silence while the watch still reads history: it is asked again (upstream's period). */
const askAgainAfter = 100

type WatchStream = grpc.ClientDuplexStream<WatchRequest, WatchResponse>

export interface EtcdWatchOptions {
  connection: EtcdConnection
  clock: Clock
  logger: Logger
  /** First and last (exclusive) key as the server knows them. */
  key: Uint8Array
  rangeEnd: Uint8Array
  from: number
  signal: AbortSignal
  /** False for servers whose answers to requests for progress may overtake events. */
  trustsProgress: () => boolean
  toEvent: (event: WatchResponse['events'][number]) => StoreEvent
}

/** One watch: a stream of its own that is opened again, on another server if need be, where the last one left off. */
export class EtcdWatch {
  readonly #options: EtcdWatchOptions
  readonly #backoff = new Backoff({ initial: 50, max: 2000 })
  /** All writes up to here have been handed out. */
  #revision: number
  #stream: WatchStream | undefined
  #createdAt: number | undefined
  /** Answers to requests for progress still to come before one counts; 0 where none is wanted. */
  #answersWanted = 0
  #wantsProgress = false
  #again: Timer | undefined

  constructor(options: EtcdWatchOptions) {
    this.#options = options
    this.#revision = options.from
  }

  /** Asks the server how far this watch has come. */
  requestProgress(): void {
    this.#wantsProgress = true
    if (!this.#stream || this.#createdAt === undefined || this.#answersWanted > 0) return
    this.#wantsProgress = false
    const { clock, trustsProgress } = this.#options
    if (trustsProgress()) {
      this.#answersWanted = 1
      this.#ask(this.#stream)
      return
    }
    this.#answersWanted = doubtfulAnswers
    const stream = this.#stream
    clock.setTimer(this.#createdAt + doubtfulTime - clock.monotonic(), () => {
      if (this.#stream === stream) stream.write({ progressRequest: {} })
    })
  }

  #ask(stream: WatchStream): void {
    stream.write({ progressRequest: {} })
    this.#again?.cancel()
    this.#again = this.#options.clock.setTimer(askAgainAfter, () => {
      if (this.#stream === stream && this.#answersWanted > 0) this.#ask(stream)
    })
  }

  async *batches(): AsyncGenerator<WatchBatch, void, void> {
    const { signal, logger } = this.#options
    while (!signal.aborted) {
      try {
        for await (const response of this.#responses()) {
          const batch = this.#batchOf(response)
          if (!batch || batch.revision <= this.#revision) continue
          this.#backoff.reset()
          this.#revision = batch.revision
          yield batch
        }
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof CompactedError || isHopeless(error)) throw error
        logger.debug('watch on etcd is opened again', { from: this.#revision, reason: `${error}` })
      }
      await sleep(this.#options.clock, this.#backoff.next(), signal).catch(() => {})
    }
  }

  /** What one stream says until it ends. */
  async *#responses(): AsyncGenerator<WatchResponse, void, void> {
    const { connection, key, rangeEnd, signal, clock } = this.#options
    const stream = await abortable(connection.stream(methods.watch), signal)
    const queue = new AsyncQueue<WatchResponse>()
    stream.on('data', (response: WatchResponse) => {
      if (response.created && !response.canceled) {
        this.#createdAt = clock.monotonic()
        if (this.#wantsProgress) this.requestProgress()
      }
      queue.push(response)
      if (queue.length >= queueLimit) stream.pause()
    })
    stream.on('error', error => queue.fail(error))
    stream.on('end', () => queue.fail(new Error('the server ended the watch')))
    const release = onAbort(signal, () => queue.close())
    this.#stream = stream
    stream.write({
      createRequest: { key, rangeEnd, startRevision: this.#revision + 1, progressNotify: true, prevKv: true },
    })
    try {
      for await (const response of queue) {
        if (stream.isPaused() && queue.length === 0) stream.resume()
        yield response
      }
    } finally {
      release()
      if (this.#answersWanted > 0) this.#wantsProgress = true
      this.#again?.cancel()
      this.#answersWanted = 0
      this.#createdAt = undefined
      this.#stream = undefined
      stream.cancel()
    }
  }

  #batchOf(response: WatchResponse): WatchBatch | undefined {
    const compacted = toNumber(response.compactRevision)
    if (compacted > 0) throw new CompactedError(this.#revision, compacted)
    if (response.canceled) throw new Error(response.cancelReason || 'the server cancelled the watch')
    if (response.created) return undefined
    if (response.events.length > 0) {
      const events = response.events.map(this.#options.toEvent)
      return { events, revision: events.at(-1)!.revision }
    }
    return this.#isProgress() ? { events: [], revision: toNumber(response.header.revision) } : undefined
  }

  /** Takes an answer without events as progress, or asks once more where that may be wrong. */
  #isProgress(): boolean {
    // The server's own notice of progress, unasked, always keeps the order.
    if (this.#answersWanted === 0) return true
    this.#again?.cancel()
    this.#answersWanted--
    if (this.#answersWanted > 0) {
      this.#stream?.write({ progressRequest: {} })
      return false
    }
    if (this.#wantsProgress) this.requestProgress()
    return true
  }
}

function isHopeless(error: unknown): boolean {
  if (error instanceof StoreUnavailableError) return false
  const code = (error as Partial<grpc.ServiceError>).code
  return code === grpc.status.PERMISSION_DENIED || code === grpc.status.UNAUTHENTICATED
}
