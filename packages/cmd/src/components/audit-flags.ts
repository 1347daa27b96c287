/** `--audit-...` as kube-apiserver has them (k8s.io/apiserver/pkg/server/options/audit.go). */

import { aggregateText } from '@canopus/apimachinery'
import { type AuditMode, type Auditor, type BatchOptions, createAuditor, type Dialer } from '@canopus/apiserver'
import type { Logger, MetricsRegistry } from '@canopus/base'
import { Failure } from '@canopus/cli'
import { createHttpsTransport, readKubeconfigUser } from '@canopus/host'
import { systemClock, systemRandom } from '@canopus/platform'
import { type Command, Option } from 'commander'
import { bool, duration, fileOf, integer, rate } from '../flags.ts'

/** Of the backend `Log` or `Webhook`. */
interface BackendFlags {
  mode: AuditMode
  version?: string
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
const FORMATS: readonly string[] = ['legacy', 'json']
const AUDIT_VERSION = 'audit.k8s.io/v1'
const KIB = 1024

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
      new Option('--audit-log-format <format>', 'a line of JSON or of text for each event: json, legacy').default(
        'json',
      ),
    )
    .option('--audit-log-maxage <days>', 'how long old logs are kept; 0 for ever', integer, 366)
    .option('--audit-log-maxbackup <number>', 'how many old logs are kept; 0 for all', integer, 100)
    .option('--audit-log-maxsize <megabytes>', 'when a log is put aside; 0 for never', integer, 100)
    .option('--audit-log-compress [bool]', 'compress old logs', bool, false)
    .option('--audit-webhook-config-file <file>', 'kubeconfig of the program that events are sent to')
    .option('--audit-webhook-initial-backoff <duration>', 'time before the first retry', duration, 10_000)
  for (const name of ['log', 'webhook'] as const) addBackendFlags(command, name)
}

function addBackendFlags(command: Command, name: 'log' | 'webhook'): void {
  const flag = `--audit-${name}`
  const { mode, maxSize, throttle } = DEFAULTS[name]
  command
    .addOption(new Option(`--audit-${name}-version <version>`).hideHelp())
    .addOption(
      new Option(`${flag}-mode <mode>`, `whether answers wait for their events: ${MODES.join(', ')}`).default(mode),
    )
    .option(`${flag}-batch-buffer-size <number>`, 'events that wait at most', integer, 10_000)
    .option(`${flag}-batch-max-size <number>`, 'events in one batch', integer, maxSize)
    .option(`${flag}-batch-max-wait <duration>`, 'how long events wait for others', duration, 30_000)
    .option(`${flag}-batch-throttle-enable [bool]`, 'limit the number of batches', bool, throttle)
    .option(`${flag}-batch-throttle-qps <number>`, 'batches per second', rate, 10)
    .option(`${flag}-batch-throttle-burst <number>`, 'batches at once', integer, 15)
    .option(`${flag}-truncate-enabled [bool]`, 'cut off events that are too large', bool, false)
    .option(`${flag}-truncate-max-batch-size <bytes>`, 'size of a batch', integer, 10 * KIB * KIB)
    .option(`${flag}-truncate-max-event-size <bytes>`, 'size of an event', integer, 100 * KIB)
}

/** `undefined` where the flags ask for no audit. Rejects with `Failure` where a file is missing or wrong. */
export async function auditorOf(
  flags: AuditFlags,
  { logger, metrics, dial }: { logger: Logger; metrics: MetricsRegistry; dial?: Dialer | undefined },
): Promise<Auditor | undefined> {
  const { auditPolicyFile, auditLogPath, auditWebhookConfigFile } = flags
  const wrong = findings(flags)
  if (wrong.length > 0) throw new Failure(aggregateText(wrong))
  if (auditPolicyFile === undefined) {
    if (auditLogPath ?? auditWebhookConfigFile) logger.warn('without --audit-policy-file nothing is audited')
    return undefined
  }
  if (auditLogPath === undefined && auditWebhookConfigFile === undefined) return undefined
  const policy = fileOf('audit-policy-file', auditPolicyFile)
  const log = auditLogPath === undefined ? {} : { log: { path: auditLogPath, ...logOptions(flags) } }
  const webhook =
    auditWebhookConfigFile === undefined ? {} : { webhook: webhookOptions(auditWebhookConfigFile, flags, dial) }
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

function webhookOptions(file: string, flags: AuditFlags, dial: Dialer | undefined) {
  const user = readUser(file)
  const { origin, pathname } = new URL(user.server)
  return {
    transport: createHttpsTransport({ ...user, server: origin, dial }),
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
  const own = backendFlags(flags, name)
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

function backendFlags(flags: AuditFlags, name: 'Log' | 'Webhook'): BackendFlags {
  const prefix = `audit${name}`
  return Object.fromEntries(
    Object.entries(flags)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.charAt(prefix.length).toLowerCase() + key.slice(prefix.length + 1), value]),
  ) as unknown as BackendFlags
}

/** What is wrong with the flags of the backends that are used, in upstream's words. */
function findings(flags: AuditFlags): string[] {
  const log =
    flags.auditLogPath === undefined
      ? []
      : [...backendFindings('log', backendFlags(flags, 'Log')), ...logFindings(flags)]
  if (flags.auditWebhookConfigFile === undefined) return log
  return [...log, ...backendFindings('webhook', backendFlags(flags, 'Webhook'))]
}

function backendFindings(name: string, flags: BackendFlags): string[] {
  const { truncateMaxEventSize: event, truncateMaxBatchSize: batch } = flags
  const truncated = [
    ...positive([[`truncate ${name} max event size`, event]]),
    ...(batch < event
      ? [`invalid audit truncate ${name} max batch size ${batch}, must be greater than max event size (${event})`]
      : []),
  ]
  return [...batchFindings(name, flags).slice(0, 1), ...truncated.slice(0, 1), ...versionFindings(flags)]
}

function batchFindings(name: string, flags: BackendFlags): string[] {
  const { mode, batchThrottleEnable: isThrottled } = flags
  if (!MODES.includes(mode)) return [`invalid audit ${name} mode ${mode}, allowed modes are "${MODES.join(',')}"`]
  if (mode !== 'batch') return []
  return positive([
    [`batch ${name} buffer size`, flags.batchBufferSize],
    [`batch ${name} max batch size`, flags.batchMaxSize],
    ...(isThrottled
      ? ([
          [`batch ${name} throttle QPS`, flags.batchThrottleQps],
          [`batch ${name} throttle burst`, flags.batchThrottleBurst],
        ] as const)
      : []),
  ])
}

const positive = (values: readonly (readonly [what: string, value: number])[]): string[] =>
  values
    .filter(([, value]) => value <= 0)
    .map(([what, value]) => `invalid audit ${what} ${value}, must be a positive number`)

const versionFindings = ({ version }: BackendFlags): string[] =>
  version === undefined || version === AUDIT_VERSION
    ? []
    : [`invalid group version, allowed versions are ["${AUDIT_VERSION}"]`]

function logFindings(flags: AuditFlags): string[] {
  const { auditLogFormat: format } = flags
  const limits = { maxage: flags.auditLogMaxage, maxbackup: flags.auditLogMaxbackup, maxsize: flags.auditLogMaxsize }
  return [
    ...(FORMATS.includes(format)
      ? []
      : [`invalid audit log format ${format}, allowed formats are "${FORMATS.join(',')}"`]),
    ...Object.entries(limits)
      .filter(([, value]) => value < 0)
      .map(([name, value]) => `--audit-log-${name} ${value} can't be a negative number`),
  ]
}
