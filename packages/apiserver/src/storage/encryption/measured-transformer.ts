import type { Clock } from '@canopus/base'
import { codeOf, OK, timedCall } from '../../grpc/outcome.ts'
import type { Maybe } from '../../security.ts'
import type { Direction, EncryptionMetrics } from './encryption-metrics.ts'
import type { KmsService } from './kms-service.ts'
import type { PrefixTransformers, Read, Transformer } from './transformer.ts'

/** Counts what is done to the values of one resource (`secrets`, `deployments.apps`). */
export class MeasuredTransformer implements Transformer {
  readonly #inner: PrefixTransformers
  readonly #resource: string
  readonly #metrics: EncryptionMetrics
  readonly #clock: Clock

  constructor(inner: PrefixTransformers, resource: string, metrics: EncryptionMetrics, clock: Clock) {
    this.#inner = inner
    this.#resource = resource
    this.#metrics = metrics
    this.#clock = clock
  }

  fromStorage(stored: Uint8Array, path: string): Maybe<Read> {
    const note = this.#begin('from_storage', this.#inner.prefixOf(stored))
    const failed = (error: unknown): never => {
      note(codeOf(error))
      throw error
    }
    const done = (read: Read): Read => {
      note(OK)
      return read
    }
    try {
      const read = this.#inner.fromStorage(stored, path)
      return read instanceof Promise ? read.then(done, failed) : done(read)
    } catch (error) {
      return failed(error)
    }
  }

  toStorage(data: Uint8Array, path: string): Uint8Array {
    const note = this.#begin('to_storage', this.#inner.writePrefix)
    try {
      const stored = this.#inner.toStorage(data, path)
      note(OK)
      return stored
    } catch (error) {
      note(codeOf(error))
      throw error
    }
  }

  #begin(direction: Direction, prefix: string): (status: string) => void {
    const begun = this.#clock.monotonic()
    return status => {
      const seconds = (this.#clock.monotonic() - begun) / 1000
      this.#metrics.transformed(this.#resource, direction, prefix, seconds, status)
    }
  }
}

/** A plugin whose calls are timed. */
export function measuredKms(service: KmsService, name: string, metrics: EncryptionMetrics, clock: Clock): KmsService {
  const timed = <T>(method: string, call: Promise<T>): Promise<T> =>
    timedCall(clock, call, (code, seconds) => metrics.called(name, `/v2.KeyManagementService/${method}`, code, seconds))
  return {
    status: () => timed('Status', service.status()),
    encrypt: (uid, plaintext) => timed('Encrypt', service.encrypt(uid, plaintext)),
    decrypt: request => timed('Decrypt', service.decrypt(request)),
    close: () => service.close(),
  }
}
