/** Where the time of a request goes (k8s.io/apiserver/pkg/endpoints/request/webhook_duration.go). */
import { formatDuration } from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import type { Maybe } from '../security.ts'

export type Layer =
  | 'apf-queue-wait'
  | 'authentication'
  | 'authorization'
  | 'etcd'
  | 'impersonation'
  | 'mutating-webhook'
  | 'serialize-response-object'
  | 'validating-webhook'

/** What is done at the same time, or asked again: of these the longest counts, of the others the sum. */
const LONGEST: ReadonlySet<Layer> = new Set(['apf-queue-wait', 'authorization', 'validating-webhook'])
const PREFIX = 'apiserver.latency.k8s.io/'

/** Milliseconds that one request has spent in each layer. */
export class Latencies {
  readonly #clock: Clock
  readonly #spent = new Map<Layer, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(layer: Layer, milliseconds: number): void {
    const before = this.#spent.get(layer) ?? 0
    this.#spent.set(layer, LONGEST.has(layer) ? Math.max(before, milliseconds) : before + milliseconds)
  }

  /** Does `work`, and adds how long it took, whether or not it succeeded. */
  measure<T>(layer: Layer, work: () => Maybe<T>): Maybe<T> {
    const start = this.#clock.monotonic()
    const end = (): void => this.add(layer, this.#clock.monotonic() - start)
    let result: Maybe<T>
    try {
      result = work()
    } catch (error) {
      end()
      throw error
    }
    if (result instanceof Promise) return result.finally(end)
    end()
    return result
  }

  /** What clients are not promised: the time in webhooks, which belong to somebody else. */
  get webhooks(): number {
    return (this.#spent.get('mutating-webhook') ?? 0) + (this.#spent.get('validating-webhook') ?? 0)
  }

  /** For the audit event of a request that took `total` milliseconds. */
  annotations(total: number): [key: string, value: string][] {
    const layers = [...this.#spent].filter(([, spent]) => spent > 0)
    if (layers.length === 0) return []
    return [...layers, ['total', total] as const].map(([layer, spent]) => [`${PREFIX}${layer}`, formatDuration(spent)])
  }
}

/** The same for what may not be measured. */
export const measured = <T>(latencies: Latencies | undefined, layer: Layer, work: () => Maybe<T>): Maybe<T> =>
  latencies === undefined ? work() : latencies.measure(layer, work)
