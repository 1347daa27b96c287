/** Programs that are asked by POSTing a review to them (k8s.io/apiserver pkg/util/webhook): for tokens, permissions, images. */
import { type Clock, type Random, sleep, withTimeout } from '@canopus/base'
import type { Transport } from '@canopus/client'
import { traceHeaders } from '../tracing/span.ts'

/** Where such a program is, from its kubeconfig. */
export interface ReviewEndpoint {
  readonly transport: Transport
  /** Path and query. */
  readonly path: string
}

/** The program answered with an HTTP status that is no success. */
export class ReviewStatusError extends Error {
  readonly status: number
  readonly retryAfter: boolean

  constructor(status: number, retryAfter: boolean, text: string) {
    super(`the webhook answered ${status}: ${text.slice(0, 500)}`)
    this.name = 'ReviewStatusError'
    this.status = status
    this.retryAfter = retryAfter
  }
}

export interface ReviewClientOptions {
  readonly endpoint: ReviewEndpoint
  readonly clock: Clock
  readonly random: Random
  /** Of one attempt, in milliseconds; 30 s where missing. */
  readonly timeout?: number
  /** Before the second attempt, in milliseconds; half a second where missing. */
  readonly firstPause?: number
  /** Hears of every attempt: how long it took, and why it failed. */
  readonly attempted?: (seconds: number, error?: unknown) => void
}

/** Attempts and the growing pauses between them, as upstream's DefaultRetryBackoffWithInitialDelay. */
const ATTEMPTS = 5
const FIRST_PAUSE = 500
const FACTOR = 1.5
const JITTER = 0.2

export class ReviewClient {
  readonly #options: ReviewClientOptions

  constructor(options: ReviewClientOptions) {
    this.#options = options
  }

  /** Sends a review and gives the one that comes back. Tries again where the trouble may pass. */
  async send<T>(review: object): Promise<T> {
    const { clock, random, timeout = 30_000, firstPause = FIRST_PAUSE, attempted } = this.#options
    let pause = firstPause
    for (let attempt = 1; ; attempt++) {
      const begun = clock.monotonic()
      try {
        const answer = await withTimeout(clock, timeout, 'the webhook', signal => this.#once(review, signal))
        attempted?.((clock.monotonic() - begun) / 1000)
        return answer as T
      } catch (error) {
        attempted?.((clock.monotonic() - begun) / 1000, error)
        if (attempt === ATTEMPTS || !mayPass(error)) throw error
      }
      await sleep(clock, pause * (1 + JITTER * random.next()))
      pause *= FACTOR
    }
  }

  async #once(review: object, signal: AbortSignal): Promise<unknown> {
    const { transport, path } = this.#options.endpoint
    const response = await transport.send({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json', accept: 'application/json', ...traceHeaders() },
      body: Buffer.from(JSON.stringify(review)),
      signal,
    })
    const text = Buffer.from(await response.bytes()).toString()
    if (response.status < 200 || response.status > 299) {
      throw new ReviewStatusError(response.status, response.headers['retry-after'] !== undefined, text)
    }
    const answer: unknown = JSON.parse(text)
    if (typeof answer !== 'object' || answer === null) throw new Error('the webhook answered with no object')
    return answer
  }
}

function mayPass(error: unknown): boolean {
  if (error instanceof ReviewStatusError) return error.retryAfter || [429, 500, 504].includes(error.status)
  const code = (error as { code?: unknown } | null)?.code
  return code === 'ECONNRESET' || code === 'UND_ERR_SOCKET'
}
