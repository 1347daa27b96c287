/** `--audit-...` as kube-apiserver has them (k8s.io/apiserver/pkg/server/options/audit.go). */
import { type AuditMode, type Auditor, type BatchOptions, createAuditor } from '@canopus/apiserver'
import type { Logger, MetricsRegistry } from '@canopus/base'
import { Failure } from '@canopus/cli'
import { createHttpsTransport, readKubeconfigUser } from '@canopus/host'
import { systemClock, systemRandom } from '@canopus/platform'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { bool, duration, fileOf, number } from '../flags.ts'

/** Of the backend `Log` or `Webhook`. */
interface BackendFlags {
  mode: AuditMode
  batchBufferSize: number
  batchMaxSize: number
  batchMaxWait: number
  batchThrottleEnable: boolean
  batchThrottleQps: number
  batchThrottleBurst: number
  truncateEnabled: boolean
  truncateMaxBatchSize: number
  truncateMaxEventSize: number
}

export interface AuditFlags {
  auditPolicyFile?: string
  auditLogPath?: string
  auditLogFormat: 'json' | 'legacy'
  auditLogMaxage: number
  auditLogMaxbackup: number
  auditLogMaxsize: number
  auditLogCompress: boolean
  auditWebhookConfigFile?: string
  auditWebhookInitialBackoff: number
}

const MODES: readonly AuditMode[] = ['batch', 'blocking', 'blocking-strict']
const KIB = 1024
const count = number(0, Number.MAX_SAFE_INTEGER)
const positive = number(1, Number.MAX_SAFE_INTEGER)

/** What a backend's flags are where they are not given. */
const DEFAULTS = {
  log: { mode: 'blocking', maxSize: 1, throttle: false },
  webhook: { mode: 'batch', maxSize: 400, throttle: true },
} as const

export function addAuditFlags(command: Command): void {
  command
    .option('--audit-policy-file <file>', 'which requests are audited, and how much of them')
    .option('--audit-log-path <file>', 'where events are logged; - for standard output')
    .addOption(
      new Option('--audit-log-format <format>', 'a line of JSON or of text for each event')
        .choices(['json', 'legacy'])
        .default('json'),
    )
    .option('--audit-log-maxage <days>', 'how long old logs are kept; 0 for ever', count, 366)
    .option('--audit-log-maxbackup <number>', 'how many old logs are kept; 0 for all', count, 100)
    .option('--audit-log-maxsize <megabytes>', 'when a log is put aside; 0 for never', count, 100)
    .option('--audit-log-compress [bool]', 'compress old logs', bool, false)
    .option('--audit-webhook-config-file <file>', 'kubeconfig of the program that events are sent to')
    .option('--audit-webhook-initial-backoff <duration>', 'time before the first retry', duration, 10_000)
  for (const name of ['log', 'webhook'] as const) addBackendFlags(command, name)
}

function addBackendFlags(command: Command, name: 'log' | 'webhook'): void {
  const flag = `--audit-${name}`
  const { mode, maxSize, throttle } = DEFAULTS[name]
  command
    .addOption(new Option(`--audit-${name}-version <version>`).choices(['audit.k8s.io/v1']).hideHelp())
    .addOption(new Option(`${flag}-mode <mode>`, 'whether answers wait for their events').choices(MODES).default(mode))
    .option(`${flag}-batch-buffer-size <number>`, 'events that wait at most', positive, 10_000)
    .option(`${flag}-batch-max-size <number>`, 'events in one batch', positive, maxSize)
    .option(`${flag}-batch-max-wait <duration>`, 'how long events wait for others', duration, 30_000)
    .option(`${flag}-batch-throttle-enable [bool]`, 'limit the number of batches', bool, throttle)
    .option(`${flag}-batch-throttle-qps <number>`, 'batches per second', rate, 10)
    .option(`${flag}-batch-throttle-burst <number>`, 'batches at once', positive, 15)
    .option(`${flag}-truncate-enabled [bool]`, 'cut off events that are too large', bool, false)
    .option(`${flag}-truncate-max-batch-size <bytes>`, 'size of a batch', positive, 10 * KIB * KIB)
    .option(`${flag}-truncate-max-event-size <bytes>`, 'size of an event', positive, 100 * KIB)
}

function rate(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value > 0)) throw new InvalidArgumentError('not a positive number.')
  return value
}

/** `undefined` where the flags ask for no audit. Rejects with `Failure` where a file is missing or wrong. */
export async function auditorOf(
  flags: AuditFlags,
  logger: Logger,
  metrics: MetricsRegistry,
): Promise<Auditor | undefined> {
  const { auditPolicyFile, auditLogPath, auditWebhookConfigFile } = flags
  if (auditPolicyFile === undefined) {
    if (auditLogPath ?? auditWebhookConfigFile) logger.warn('without --audit-policy-file nothing is audited')
    return undefined
  }
  if (auditLogPath === undefined && auditWebhookConfigFile === undefined) return undefined
  const policy = fileOf('audit-policy-file', auditPolicyFile)
  const log = auditLogPath === undefined ? {} : { log: { path: auditLogPath, ...logOptions(flags) } }
  const webhook = auditWebhookConfigFile === undefined ? {} : { webhook: webhookOptions(auditWebhookConfigFile, flags) }
  try {
    const basics = { clock: systemClock, random: systemRandom, logger, metrics }
    return await createAuditor({ policy, ...log, ...webhook, ...basics })
  } catch (error) {
    throw new Failure(`--audit-policy-file or --audit-log-path: ${error instanceof Error ? error.message : error}`)
  }
}

function logOptions(flags: AuditFlags) {
  return {
    format: flags.auditLogFormat,
    maxSize: flags.auditLogMaxsize,
    maxBackups: flags.auditLogMaxbackup,
    maxAge: flags.auditLogMaxage,
    compress: flags.auditLogCompress,
    ...backendOptions(flags, 'Log'),
  }
}

function webhookOptions(file: string, flags: AuditFlags) {
  const user = readUser(file)
  const { origin, pathname } = new URL(user.server)
  return {
    transport: createHttpsTransport({ ...user, server: origin }),
    path: pathname,
    initialBackoff: flags.auditWebhookInitialBackoff,
    ...backendOptions(flags, 'Webhook'),
  }
}

function readUser(file: string): ReturnType<typeof readKubeconfigUser> {
  try {
    return readKubeconfigUser(file)
  } catch (error) {
    throw new Failure(`--audit-webhook-config-file: ${error instanceof Error ? error.message : error}`)
  }
}

function backendOptions(flags: AuditFlags, name: 'Log' | 'Webhook') {
  const prefix = `audit${name}`
  const own = Object.fromEntries(
    Object.entries(flags)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.charAt(prefix.length).toLowerCase() + key.slice(prefix.length + 1), value]),
  ) as unknown as BackendFlags
  if (own.truncateMaxBatchSize < own.truncateMaxEventSize) {
    const flag = `audit-${name.toLowerCase()}-truncate-max-batch-size`
    throw new Failure(`--${flag} must not be smaller than the largest event`)
  }
  const batch: BatchOptions = {
    bufferSize: own.batchBufferSize,
    maxSize: own.batchMaxSize,
    maxWait: own.batchMaxWait,
    concurrent: name === 'Webhook',
    ...(own.batchThrottleEnable ? { throttle: { qps: own.batchThrottleQps, burst: own.batchThrottleBurst } } : {}),
  }
  const { truncateMaxEventSize: maxEventSize, truncateMaxBatchSize: maxBatchSize } = own
  return { mode: own.mode, batch, ...(own.truncateEnabled ? { truncate: { maxEventSize, maxBatchSize } } : {}) }
}
