/** What is counted of the calls to the program that signs tokens (pkg/serviceaccount/externaljwt/metrics). */
import { type Clock, MetricsRegistry } from '@canopus/base'
import { codeOf, OK, timedCall } from '../../grpc/outcome.ts'
import type { ExternalSigner } from './signer.ts'

const BOUNDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

export class SignerMetrics {
  readonly #clock: Clock
  readonly #series

  constructor(clock: Clock, registry: MetricsRegistry = new MetricsRegistry()) {
    this.#clock = clock
    const name = (text: string): string => `apiserver_externaljwt_${text}`
    this.#series = {
      succeeded: registry.gauge(
        name('fetch_keys_success_timestamp'),
        '[ALPHA] Unix Timestamp in seconds of the last successful FetchKeys request',
      ),
      data: registry.gauge(
        name('fetch_keys_data_timestamp'),
        '[ALPHA] Unix Timestamp in seconds of the last successful FetchKeys data_timestamp value returned by the external signer',
      ),
      fetched: registry.counter(name('fetch_keys_request_total'), '[ALPHA] Total attempts at syncing supported JWKs', [
        'code',
      ]),
      signed: registry.counter(name('sign_request_total'), '[ALPHA] Total attempts at signing JWT', ['code']),
      durations: registry.histogram(
        name('request_duration_seconds'),
        '[ALPHA] Request duration and time for calls to external-jwt-signer',
        ['method', 'code'],
        BOUNDS,
      ),
    }
  }

  /** An attempt to sign, which the program may have answered with what is no good. */
  signing<T>(attempt: Promise<T>): Promise<T> {
    return timedCall(this.#clock, attempt, code => this.#series.signed.with(code).add())
  }

  /** `dataTime` in milliseconds; an error where the keys could not be had. */
  fetched(result: { dataTime: number } | { error: unknown }): void {
    if ('error' in result) {
      this.#series.fetched.with(codeOf(result.error)).add()
      return
    }
    this.#series.fetched.with(OK).add()
    this.#series.succeeded.with().set(this.#clock.now() / 1000)
    this.#series.data.with().set(result.dataTime / 1000)
  }

  /** The program, with its calls timed. */
  timed(signer: ExternalSigner): ExternalSigner {
    const time = <T>(method: string, call: Promise<T>): Promise<T> =>
      timedCall(this.#clock, call, (code, seconds) =>
        this.#series.durations.with(`/v1.ExternalJWTSigner/${method}`, code).observe(seconds),
      )
    return {
      sign: claims => time('Sign', signer.sign(claims)),
      fetchKeys: () => time('FetchKeys', signer.fetchKeys()),
      metadata: () => time('Metadata', signer.metadata()),
      close: () => signer.close(),
    }
  }
}
