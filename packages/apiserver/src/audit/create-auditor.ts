/** Auditing as kube-apiserver's flags have it (k8s.io/apiserver/pkg/server/options/audit.go). */
import type { Clock, Logger, MetricsRegistry, Random } from '@canopus/base'
import type { Transport } from '@canopus/client'
import { AuditMetrics, auditMetrics } from './audit-metrics.ts'
import { type AuditBackend, Auditor } from './auditor.ts'
import { type AuditMode, type BatchOptions, inMode } from './buffered-backend.ts'
import { LogBackend, type LogFormat, streamSink } from './log-backend.ts'
import { readPolicy } from './policy.ts'
import { openRotatingFile } from './rotating-file.ts'
import { type TruncateOptions, TruncatingBackend } from './truncating-backend.ts'
import { WebhookBackend } from './webhook-backend.ts'

interface BackendOptions {
  readonly mode: AuditMode
  readonly batch: BatchOptions
  /** Nothing is truncated where missing. */
  readonly truncate?: TruncateOptions
}

export interface AuditLogOptions extends BackendOptions {
  /** `-` for standard output. */
  readonly path: string
  readonly format: LogFormat
  /** Megabytes; 0 for no rotation. */
  readonly maxSize: number
  readonly maxBackups: number
  /** Days. */
  readonly maxAge: number
  readonly compress: boolean
}

export interface AuditWebhookOptions extends BackendOptions {
  readonly transport: Transport
  readonly path?: string
  /** Milliseconds. */
  readonly initialBackoff: number
}

export interface AuditorOptions {
  /** Text of the policy file. */
  readonly policy: string
  readonly log?: AuditLogOptions
  readonly webhook?: AuditWebhookOptions
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Where events are counted; nowhere where missing. */
  readonly metrics?: MetricsRegistry
}

interface Context {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: AuditMetrics
}

const MEGABYTE = 1024 * 1024

/** Rejects where the policy is none or the log cannot be opened. */
export async function createAuditor(options: AuditorOptions): Promise<Auditor> {
  const { log, webhook, clock, random, logger } = options
  const context = {
    clock,
    random,
    logger,
    metrics: options.metrics === undefined ? new AuditMetrics() : auditMetrics(options.metrics),
  }
  const policy = readPolicy(options.policy, message => logger.warn(message))
  const backends: AuditBackend[] = []
  if (log !== undefined) backends.push(wrapped(await logBackend(log, context), log, context))
  if (webhook !== undefined) {
    backends.push(wrapped(new WebhookBackend({ ...webhook, ...context }), webhook, context))
  }
  return new Auditor(policy, backends, clock, context.metrics)
}

function wrapped(
  backend: AuditBackend,
  { mode, batch, truncate }: BackendOptions,
  { clock, logger, metrics }: Context,
): AuditBackend {
  const moded = inMode(mode, backend, batch, clock, logger, metrics)
  return truncate === undefined ? moded : new TruncatingBackend(moded, truncate, logger)
}

async function logBackend(log: AuditLogOptions, { clock, logger, metrics }: Context): Promise<AuditBackend> {
  const { path, maxBackups, maxAge: maxAgeDays, compress } = log
  const sink =
    path === '-'
      ? streamSink(process.stdout)
      : await openRotatingFile({
          path,
          maxBytes: log.maxSize * MEGABYTE,
          maxBackups,
          maxAgeDays,
          compress,
          clock,
          logger,
        })
  return new LogBackend(sink, log.format, logger, metrics)
}
