/** Events to a program behind HTTPS (plugin/pkg/audit/webhook/webhook.go, pkg/util/webhook/webhook.go). */
import { encodeJson } from '@canopus/apimachinery'
import { type Clock, type Logger, type Random, sleep } from '@canopus/base'
import type { Transport } from '@canopus/client'
import type { AuditMetrics } from './audit-metrics.ts'
import type { AuditBackend } from './auditor.ts'
import type { AuditEvent } from './event.ts'

export interface WebhookBackendOptions {
  readonly transport: Transport
  /** Where the kubeconfig's server wants its requests; `/` where missing. */
  readonly path?: string
  /** Milliseconds before the first retry; each further one waits half as long again. */
  readonly initialBackoff: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics?: AuditMetrics
}

const ATTEMPTS = 5
const FACTOR = 1.5
const JITTER = 0.2
const TIMEOUT = 30_000

export class WebhookBackend implements AuditBackend {
  readonly #options: WebhookBackendOptions
  readonly #abort = new AbortController()

  constructor(options: WebhookBackendOptions) {
    this.#options = options
  }

  async process(events: readonly AuditEvent[]): Promise<boolean> {
    const { clock, random, initialBackoff, logger, metrics } = this.#options
    const body = Buffer.from(
      encodeJson({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items: events }),
    )
    let wait = initialBackoff
    for (let attempt = 1; ; attempt++) {
      try {
        await this.post(body)
        return true
      } catch (error) {
        if (attempt === ATTEMPTS || this.#abort.signal.aborted) {
          metrics?.lost('webhook', events.length)
          logger.error('audit events were lost', { plugin: 'webhook', count: events.length, error })
          return false
        }
      }
      await sleep(clock, wait * (1 + random.next() * JITTER), this.#abort.signal).catch(() => {})
      wait *= FACTOR
    }
  }

  async close(): Promise<void> {
    this.#abort.abort()
  }

  private async post(body: Uint8Array): Promise<void> {
    const { transport, path = '/', clock } = this.#options
    const late = new AbortController()
    const timer = clock.setTimer(TIMEOUT, () => late.abort(new Error('the webhook did not answer in time')))
    try {
      const response = await transport.send({
        method: 'POST',
        path: `${path}?timeout=30s`,
        headers: { 'content-type': 'application/json', accept: 'application/json, */*' },
        body,
        signal: late.signal,
      })
      await response.bytes()
      if (response.status < 200 || response.status > 299) throw new Error(`the webhook answered ${response.status}`)
    } finally {
      timer.cancel()
    }
  }
}
