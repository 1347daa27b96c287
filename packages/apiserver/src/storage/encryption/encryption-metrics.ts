/** What encryption at rest tells of itself (k8s.io/apiserver/pkg/storage/value, .../encrypt/envelope/metrics). */
import {
  type Clock,
  type Counter,
  exponentialBuckets,
  type Family,
  type Histogram,
  MetricsRegistry,
  perRegistry,
} from '@canopus/base'
import { OK } from '../../grpc/outcome.ts'
import { type ReloadMetrics, reloadMetrics, textHash } from '../../metrics/reload-metrics.ts'

export type Direction = 'from_storage' | 'to_storage'

export interface EncryptionMetricsOptions {
  readonly registry?: MetricsRegistry | undefined
  /** Tells this server from others. */
  readonly serverId?: string | undefined
  readonly clock: Clock
}

/** What is told of keys whether or not anything is encrypted. */
export const envelopeMetrics = perRegistry(registry => {
  registry
    .gauge(
      'apiserver_envelope_encryption_dek_cache_fill_percent',
      '[ALPHA] Percent of the cache slots currently occupied by cached DEKs.',
    )
    .with()
  return {
    cacheMisses: registry
      .counter(
        'apiserver_storage_envelope_transformation_cache_misses_total',
        '[ALPHA] Total number of cache misses while accessing key decryption key(KEK).',
      )
      .with(),
    generations: registry
      .histogram(
        'apiserver_storage_data_key_generation_duration_seconds',
        '[ALPHA] Latencies in seconds of data encryption key(DEK) generation operations.',
        [],
        exponentialBuckets(5e-6, 2, 14),
      )
      .with(),
    generationFailures: registry
      .counter(
        'apiserver_storage_data_key_generation_failures_total',
        '[ALPHA] Total number of failed data encryption key(DEK) generation operations.',
      )
      .with(),
  }
})

export class EncryptionMetrics {
  readonly reloads: ReloadMetrics
  readonly cacheMisses: Counter
  readonly #own: string
  readonly #clock: Clock
  readonly #transformations: Family<Counter>
  readonly #durations: Family<Histogram>
  readonly #generations: Histogram
  readonly #generationFailures: Counter
  readonly #operations: Family<Histogram>
  readonly #keys: Family<Counter>
  readonly #keyTimes: Family<Counter>
  readonly #statusTimes: Family<Counter>
  readonly #invalid: Family<Counter>
  readonly #cached: Family<Counter>

  constructor({ registry = new MetricsRegistry(), serverId = '', clock }: EncryptionMetricsOptions) {
    this.#own = textHash(serverId)
    this.#clock = clock
    this.reloads = reloadMetrics({ registry, of: 'encryption', stability: 'ALPHA', serverId, clock })
    const storage = (name: string): string => `apiserver_storage_${name}`
    const envelope = (name: string): string => `apiserver_envelope_encryption_${name}`
    this.#durations = registry.histogram(
      storage('transformation_duration_seconds'),
      '[ALPHA] Latencies in seconds of value transformation operations.',
      ['transformation_type', 'transformer_prefix'],
      exponentialBuckets(5e-6, 2, 25),
    )
    this.#transformations = registry.counter(
      storage('transformation_operations_total'),
      '[ALPHA] Total number of transformations, by what came of them.',
      ['resource', 'transformation_type', 'transformer_prefix', 'status'],
    )
    const { cacheMisses, generations, generationFailures } = envelopeMetrics(registry)
    this.cacheMisses = cacheMisses
    this.#generations = generations
    this.#generationFailures = generationFailures
    this.#operations = registry.histogram(
      envelope('kms_operations_latency_seconds'),
      '[ALPHA] KMS operation duration with gRPC error code status total.',
      ['provider_name', 'method_name', 'grpc_status_code'],
      exponentialBuckets(0.0001, 2, 20),
    )
    const key = ['transformation_type', 'provider_name', 'key_id_hash', 'apiserver_id_hash']
    this.#keys = registry.counter(
      envelope('key_id_hash_total'),
      '[ALPHA] Number of times a keyID is used split by transformation type, provider, and apiserver identity.',
      key,
    )
    this.#keyTimes = registry.gauge(
      envelope('key_id_hash_last_timestamp_seconds'),
      '[ALPHA] The last time in seconds when a keyID was used.',
      key,
    )
    this.#statusTimes = registry.gauge(
      envelope('key_id_hash_status_last_timestamp_seconds'),
      '[ALPHA] The last time in seconds when a keyID was returned by the Status RPC call.',
      ['provider_name', 'key_id_hash', 'apiserver_id_hash'],
    )
    this.#invalid = registry.counter(
      envelope('invalid_key_id_from_status_total'),
      '[ALPHA] Number of times an invalid keyID is returned by the Status RPC call split by error.',
      ['provider_name', 'error'],
    )
    this.#cached = registry.gauge(
      envelope('dek_source_cache_size'),
      '[ALPHA] Number of records in data encryption key (DEK) source cache.',
      ['provider_name'],
    )
  }

  /** One value was brought into another form, or could not be. `seconds` counts where it was. */
  transformed(resource: string, direction: Direction, prefix: string, seconds: number, status: string): void {
    this.#transformations.with(resource, direction, prefix, status).add()
    if (status === OK) this.#durations.with(direction, prefix).observe(seconds)
  }

  /** A new key for values was made, within so many seconds, or could not be. */
  generated(seconds: number | undefined): void {
    if (seconds === undefined) this.#generationFailures.add()
    else this.#generations.observe(seconds)
  }

  /** A plugin answered a call; `code` is gRPC's. */
  called(provider: string, method: string, code: string, seconds: number): void {
    this.#operations.with(provider, method, code).observe(seconds)
  }

  keyUsed(direction: Direction, provider: string, keyId: string): void {
    const labels = [direction, provider, textHash(keyId), this.#own]
    this.#keys.with(...labels).add()
    this.#keyTimes.with(...labels).set(this.#now())
  }

  keyTold(provider: string, keyId: string): void {
    this.#statusTimes.with(provider, textHash(keyId), this.#own).set(this.#now())
  }

  invalidKeyTold(provider: string, keyId: string): void {
    this.#invalid.with(provider, keyId === '' ? 'empty' : 'too_long').add()
  }

  /** So many keys of a plugin are remembered. */
  cached(provider: string, count: number): void {
    this.#cached.with(provider).set(count)
  }

  #now(): number {
    return this.#clock.now() / 1000
  }
}
