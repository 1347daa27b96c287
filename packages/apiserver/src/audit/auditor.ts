/** Whom requests are told to, by which policy. */
import { StatusError } from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import type { Latencies } from '../filters/latencies.ts'
import type { RequestInfo } from '../filters/request-info.ts'
import type { ApiRequest } from '../http/message.ts'
import type { Maybe, User } from '../security.ts'
import { AuditMetrics } from './audit-metrics.ts'
import { type AuditEvent, eventOf } from './event.ts'
import { type Policy, PolicyEvaluator, type Verdict } from './policy.ts'
import { RequestAudit } from './request-audit.ts'

/** Where events go (k8s.io/apiserver/pkg/audit, Backend). */
export interface AuditBackend {
  /** False where an event was lost and the request must not go on without it. A promise settles once it is kept. */
  process(events: readonly AuditEvent[]): Maybe<boolean>
  /** Waits for what is still under way, and lets go of files and connections. */
  close(): Promise<void>
}

export class Auditor {
  readonly clock: Clock
  readonly #policy: PolicyEvaluator
  readonly #backends: readonly AuditBackend[]
  readonly #metrics: AuditMetrics

  constructor(policy: Policy, backends: readonly AuditBackend[], clock: Clock, metrics = new AuditMetrics()) {
    this.#metrics = metrics
    this.clock = clock
    this.#policy = new PolicyEvaluator(policy)
    this.#backends = backends
  }

  /** `latencies` are missing where the time of the request is not measured. */
  open(request: ApiRequest, info: RequestInfo, id: string, latencies?: Latencies): RequestAudit {
    return new RequestAudit(this, request, info, id, latencies)
  }

  evaluate(user: User | undefined, info: RequestInfo): Verdict {
    const verdict = this.#policy.evaluate(user, info)
    this.#metrics.level(verdict.level)
    return verdict
  }

  tell(facts: AuditEvent): Maybe<boolean> {
    this.#metrics.events.add()
    const events = [eventOf(facts)]
    const results = this.#backends.map(backend => backend.process(events))
    if (results.every(result => typeof result === 'boolean')) return results.every(kept => kept === true)
    return Promise.all(results).then(all => all.every(Boolean))
  }

  /** Refuses the request where its first event had to be kept and was not. */
  required(kept: Maybe<boolean>, request: ApiRequest): Maybe<void> {
    if (kept instanceof Promise) return kept.then(result => this.required(result, request))
    if (kept) return
    this.#metrics.rejected.add()
    const message = 'failed to store audit event'
    throw new StatusError({ code: 500, reason: 'InternalError', message: `Internal error occurred: ${message}` })
  }

  async close(): Promise<void> {
    await Promise.all(this.#backends.map(backend => backend.close()))
  }
}
