/** Which transformer each key has, and the file that it comes from (k8s.io/apiserver/pkg/server/options/encryptionconfig). */
import { type Clock, type Logger, type MetricsRegistry, type Random, sleep } from '@canopus/base'
import type { HealthCheck } from '../../health/health.ts'
import { textHash } from '../../metrics/reload-metrics.ts'
import { aesCbc, aesGcm } from './aes.ts'
import {
  type Key,
  type KmsConfiguration,
  type ProviderConfiguration,
  parseResource,
  type ResourceConfiguration,
  readEncryptionConfig,
} from './encryption-config.ts'
import { EncryptionMetrics } from './encryption-metrics.ts'
import { EnvelopeTransformer } from './envelope.ts'
import { KmsProbe } from './kms-probe.ts'
import { connectKms } from './kms-service.ts'
import { MeasuredTransformer, measuredKms } from './measured-transformer.ts'
import { secretbox } from './secretbox.ts'
import { identity, type Prefixed, PrefixTransformers, type Transformer } from './transformer.ts'

/** How often the file is looked at where it is reloaded. */
const RELOAD_PERIOD = 60_000
/** How long new plugins may take to answer at a reload, at least. */
const MIN_GRACE = 10_000
const HEALTH_POLL = 100

const AES = { aesgcm: aesGcm, aescbc: aesCbc }
const KMS_V1 =
  'KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead.  Canopus does not speak it.'

export interface EncryptionOptions {
  /** The file's text; asked for again where it is reloaded. Throws where there is none. */
  readFile(): string
  /** Whether to look at the file every minute. */
  readonly reload: boolean
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Where what it does is counted; nowhere where missing. */
  readonly metrics?: MetricsRegistry
  /** Tells this server from others in metrics. */
  readonly serverId?: string
}

/** What everything here works with. */
interface Context extends Omit<EncryptionOptions, 'metrics'> {
  readonly metrics: EncryptionMetrics
}

/** One state of the file. */
interface Loaded {
  readonly hash: string
  readonly transformers: ReadonlyMap<string, PrefixTransformers>
  readonly probes: readonly KmsProbe[]
  /** Milliseconds that answers of its plugins may be under way. */
  readonly grace: number
  close(): void
}

export class Encryption {
  readonly #options: Context
  #loaded: Loaded
  #generation = 0

  private constructor(options: Context, loaded: Loaded) {
    this.#options = options
    this.#loaded = loaded
  }

  /** Rejects where the file is invalid. Plugins that do not answer yet are waited for once, and then left to `run`. */
  static async load(options: EncryptionOptions): Promise<Encryption> {
    const { metrics: registry, serverId, clock } = options
    const context = { ...options, metrics: new EncryptionMetrics({ registry, serverId, clock }) }
    const loaded = load(context)
    context.metrics.reloads.applied(loaded.hash)
    await Promise.all(
      loaded.probes.map(probe =>
        probe.check().catch(error => {
          options.logger.error('kms plugin failed health check probe', { name: probe.name, error })
        }),
      ),
    )
    return new Encryption(context, loaded)
  }

  /** Changes with every reload. */
  get generation(): number {
    return this.#generation
  }

  /** By the most exact rule: the resource's own, its group's, everybody's; plain bytes without one. */
  transformerOf(group: string, resource: string): Transformer {
    const { transformers } = this.#loaded
    const found =
      transformers.get(ruleId(resource, group)) ??
      transformers.get(ruleId('*', group)) ??
      transformers.get(ruleId('*', '*'))
    if (found === undefined) return identity
    const { metrics, clock } = this.#options
    return new MeasuredTransformer(found, group === '' ? resource : `${resource}.${group}`, metrics, clock)
  }

  /**
   * One check for all plugins, under the name that upstream gave it; none where there are no plugins and never will be. A server whose
   * plugin is unwell is alive: to start it again would mend nothing.
   */
  healthChecks(): HealthCheck[] {
    if (!this.#options.reload && this.#loaded.probes.length === 0) return []
    return [{ name: 'kms-providers', scope: 'not-live', check: () => checkAll(this.#loaded.probes) }]
  }

  /** Keeps keys current and, where that is asked for, follows the file, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, reload } = this.#options
    try {
      let stop = this.probe(signal)
      while (!signal.aborted) {
        await sleep(clock, RELOAD_PERIOD, signal).catch(() => {})
        if (signal.aborted || !reload) continue
        if (await this.reload()) {
          stop()
          stop = this.probe(signal)
        }
      }
    } finally {
      this.#loaded.close()
    }
  }

  /** Takes the file over if it changed and its plugins are well. True where it did. */
  async reload(): Promise<boolean> {
    const { clock, logger, metrics } = this.#options
    let fresh: Loaded | undefined
    try {
      if (textHash(this.#options.readFile()) === this.#loaded.hash) return false
      fresh = load(this.#options)
      if (fresh.hash === this.#loaded.hash) throw new Error('the file changed back while it was read')
      await this.awaitHealth(fresh)
    } catch (error) {
      fresh?.close()
      metrics.reloads.reloaded(undefined)
      logger.error('the encryption configuration cannot be reloaded', { error })
      return false
    }
    const old = this.#loaded
    this.#loaded = fresh
    this.#generation++
    // What is under way with the old plugins may still end.
    clock.setTimer(old.grace, () => old.close())
    metrics.reloads.reloaded(fresh.hash)
    logger.info('the encryption configuration was reloaded', { hash: fresh.hash })
    return true
  }

  private async awaitHealth({ probes, grace }: Loaded): Promise<void> {
    const { clock } = this.#options
    const end = clock.monotonic() + Math.max(grace, MIN_GRACE)
    for (;;) {
      const failure = await checkAll(probes).then(
        () => undefined,
        error => error as Error,
      )
      if (failure === undefined) return
      if (clock.monotonic() >= end) {
        throw new Error(`health check for new transformers failed, polling error: ${failure.message}`)
      }
      await sleep(clock, HEALTH_POLL)
    }
  }

  private probe(signal: AbortSignal): () => void {
    const stop = new AbortController()
    const both = AbortSignal.any([signal, stop.signal])
    for (const probe of this.#loaded.probes) void probe.run(both)
    return () => stop.abort()
  }
}

async function checkAll(probes: readonly KmsProbe[]): Promise<void> {
  const errors: string[] = []
  for (const [index, probe] of probes.entries()) {
    await probe.check().catch(error => errors.push(`kms-provider-${index}: ${error.message}`))
  }
  if (errors.length === 1) throw new Error(errors[0])
  if (errors.length > 1) throw new Error(`[${errors.join(', ')}]`)
}

const ruleId = (resource: string, group: string): string => `${resource}.${group}`

function load(options: Context): Loaded {
  const text = options.readFile()
  const closing: (() => void)[] = []
  const close = (): void => {
    for (const each of closing.splice(0)) each()
  }
  try {
    const maker = new TransformerMaker(options, closing)
    const transformers = maker.all(readEncryptionConfig(text, options.reload))
    return { hash: textHash(text), transformers, probes: maker.probes, grace: 2 * maker.timeouts, close }
  } catch (error) {
    close()
    throw error
  }
}

class TransformerMaker {
  readonly probes: KmsProbe[] = []
  timeouts = 0
  readonly #options: Context
  readonly #closing: (() => void)[]

  constructor(options: Context, closing: (() => void)[]) {
    this.#options = options
    this.#closing = closing
  }

  all(configuration: readonly ResourceConfiguration[]): Map<string, PrefixTransformers> {
    const rules = new Map<string, Prefixed[]>()
    for (const { resources, providers } of configuration) {
      const made = providers.map(each => this.provider(each))
      for (const text of resources) {
        const { resource, group } = parseResource(text)
        for (const mask of [`*.${group}`, '*.*']) {
          if (!rules.has(mask)) continue
          throw new Error(`resource ${JSON.stringify(text)} is masked by earlier rule ${JSON.stringify(mask)}`)
        }
        const id = ruleId(resource, group)
        rules.set(id, [...(rules.get(id) ?? []), ...made])
      }
    }
    return new Map(Array.from(rules, ([id, list]) => [id, new PrefixTransformers(list, 'no matching prefix found')]))
  }

  private provider(provider: ProviderConfiguration): Prefixed {
    switch (provider.type) {
      case 'identity':
        return { prefix: '', transformer: identity }
      case 'aesgcm':
      case 'aescbc':
        return ofKeys(provider.type, provider.keys, AES[provider.type], 'AES')
      case 'secretbox':
        return ofKeys(provider.type, provider.keys, secretbox, 'Secretbox')
      case 'kms':
        return this.kms(provider.kms)
    }
  }

  private kms({ apiVersion, name, endpoint, timeout }: KmsConfiguration): Prefixed {
    if (apiVersion === 'v1') throw new Error(KMS_V1)
    const { clock, random, logger, metrics } = this.#options
    const service = measuredKms(connectKms(endpoint, timeout), name, metrics, clock)
    this.#closing.push(() => service.close())
    this.timeouts += timeout
    const probe = new KmsProbe({ name, service, metrics, clock, random, logger })
    this.probes.push(probe)
    return { prefix: `k8s:enc:kms:v2:${name}:`, transformer: new EnvelopeTransformer(service, probe, random, metrics) }
  }
}

function ofKeys(
  type: string,
  keys: readonly Key[],
  make: (key: Uint8Array) => Transformer,
  kindOfKey: string,
): Prefixed {
  const made = keys.map(({ name, secret }) => ({
    prefix: `${name}:`,
    transformer: make(Buffer.from(secret, 'base64')),
  }))
  const none = `no matching key was found for the provided ${kindOfKey} transformer`
  return { prefix: `k8s:enc:${type}:v1:`, transformer: new PrefixTransformers(made, none) }
}
