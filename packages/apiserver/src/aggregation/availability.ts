/**
 * Whether the servers of APIServices can be reached: the condition `Available` (k8s.io/kube-aggregator
 * pkg/controllers/status). What can be told from the Service and its endpoints is told without a request.
 */
import { APIServices, EndpointSlices, Services } from '@canopus/api'
import type { APIService, APIServiceCondition } from '@canopus/api/apiregistration/v1'
import type { Service } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import { formatTime, setCondition } from '@canopus/apimachinery'
import type { Clock, Logger } from '@canopus/base'
import type { Client } from '@canopus/client'
import { runWorkers, WorkQueue } from '@canopus/operator'
import type { ObjectReader, User } from '../security.ts'
import { slicesOf } from '../webhook/service-resolver.ts'
import type { AvailabilityMetrics } from './availability-metrics.ts'
import type { ExtensionServers } from './extension-servers.ts'

type Verdict = Pick<APIServiceCondition, 'status' | 'reason' | 'message'>

/** As whom the aggregator asks extension servers. */
export const AGGREGATOR: User = { name: 'system:kube-aggregator', groups: ['system:masters'] }

const LOCAL: Verdict = { status: 'True', reason: 'Local', message: 'Local APIServices are always available' }
const PASSED: Verdict = { status: 'True', reason: 'Passed', message: 'all checks passed' }
const unavailable = (reason: string, message: string): Verdict => ({ status: 'False', reason, message })

/** What the cluster's own objects say against an APIService; `undefined` where its server has to be asked. */
export function checkObjects(
  { spec }: APIService,
  service: Service | undefined,
  slices: readonly EndpointSlice[],
): Verdict | undefined {
  if (spec.service === undefined) return LOCAL
  const { name = '', namespace = '', port = 443 } = spec.service
  const who = `service/${name} in ${JSON.stringify(namespace)}`
  if (service === undefined) return unavailable('ServiceNotFound', `${who} is not present`)
  if ((service.spec.type ?? 'ClusterIP') !== 'ClusterIP') return undefined
  const found = service.spec.ports?.find(each => each.port === port)
  if (found === undefined) return unavailable('ServicePortError', `${who} is not listening on port ${port}`)
  const endpoints = `endpointslices for service/${name} in ${JSON.stringify(namespace)}`
  if (slices.length === 0) return unavailable('EndpointsNotFound', `cannot find ${endpoints}`)
  const portName = found.name ?? ''
  if (slices.some(slice => isServing(slice, portName))) return undefined
  return unavailable('MissingEndpoints', `${endpoints} have no addresses with port name ${JSON.stringify(portName)}`)
}

function isServing({ endpoints, ports }: EndpointSlice, portName: string): boolean {
  return (
    (endpoints ?? []).some(each => each.conditions?.ready !== false) &&
    (ports ?? []).some(each => (each.name ?? '') === portName && each.port !== undefined)
  )
}

/** A document that every server of the group version has. */
export const discoveryPath = ({ spec }: APIService): string =>
  spec.group ? `/apis/${spec.group}/${spec.version}` : `/api/${spec.version}`

/** How often a server is asked though nothing has changed, in milliseconds. */
const RESYNC = 30_000
const REQUEST_TIMEOUT = 5000
/** Several endpoints may be behind a service; one that answers is enough. */
const ATTEMPTS = 5

export interface AvailabilityOptions {
  readonly objects: ObjectReader
  readonly client: Client
  readonly clock: Clock
  readonly logger: Logger
  readonly servers: ExtensionServers
  readonly metrics: AvailabilityMetrics
}

export class Availability {
  readonly #options: AvailabilityOptions
  readonly #queue: WorkQueue
  readonly #stops: (() => void)[] = []

  constructor(options: AvailabilityOptions) {
    this.#options = options
    this.#queue = new WorkQueue({ clock: options.clock, initialBackoff: 5, maxBackoff: RESYNC })
  }

  /** Follows APIServices and what is behind them until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { objects, logger } = this.#options
    const stop = objects.onChange(APIServices, ({ object }) => {
      this.#followServices()
      this.#queue.add(object.metadata.name!)
    })
    const reconcile = (name: string): Promise<{ requeueAfter: number } | undefined> => this.sync(name, signal)
    await runWorkers({ queue: this.#queue, logger, workers: 5, reconcile }, signal)
    stop()
    for (const each of this.#stops.splice(0)) each()
  }

  /** Services and their endpoints change all day: they are only looked at while some server is behind one. */
  #followServices(): void {
    const { objects } = this.#options
    const needed = objects.list(APIServices).some(({ spec }) => spec.service !== undefined)
    if (needed === this.#stops.length > 0) return
    for (const stop of this.#stops.splice(0)) stop()
    if (!needed) return
    this.#stops.push(
      objects.onChange(Services, ({ object: { metadata } }) => this.#touched(metadata.namespace, metadata.name)),
      objects.onChange(EndpointSlices, ({ object: { metadata } }) =>
        this.#touched(metadata.namespace, metadata.labels?.['kubernetes.io/service-name']),
      ),
    )
  }

  /** Asks again about the APIServices whose server is behind this Service. */
  #touched(namespace: string | undefined, name: string | undefined): void {
    for (const { metadata, spec } of this.#options.objects.list(APIServices)) {
      if (spec.service?.name === name && spec.service?.namespace === namespace) this.#queue.add(metadata.name!)
    }
  }

  private async sync(name: string, signal: AbortSignal): Promise<{ requeueAfter: number } | undefined> {
    const { objects } = this.#options
    const service = objects.get(APIServices, name)
    if (service === undefined) return undefined
    const reference = service.spec.service
    const behind = reference && objects.get(Services, reference.name ?? '', reference.namespace ?? '')
    const told = checkObjects(service, behind, behind === undefined ? [] : slicesOf(objects, behind))
    if (told !== undefined) {
      await this.write(service, told)
      return reference === undefined ? undefined : { requeueAfter: RESYNC }
    }
    const failure = await this.ask(service, signal)
    signal.throwIfAborted()
    await this.write(service, failure === undefined ? PASSED : unavailable('FailedDiscoveryCheck', failure.message))
    if (failure !== undefined) throw failure
    return { requeueAfter: RESYNC }
  }

  /** Asks until one answers; the last failure where none does. */
  private async ask(service: APIService, signal: AbortSignal): Promise<Error | undefined> {
    const attempts = Array.from({ length: ATTEMPTS }, () => this.askOnce(service, signal))
    try {
      await Promise.any(attempts)
      return undefined
    } catch (error) {
      const errors = error instanceof AggregateError ? error.errors : [error]
      const last: unknown = errors.at(-1)
      return last instanceof Error ? last : new Error(String(last))
    }
  }

  private async askOnce(service: APIService, signal: AbortSignal): Promise<void> {
    const { servers } = this.#options
    const { host, port } = servers.address(service)
    const url = `https://${host}:${port}${discoveryPath(service)}`
    let status: number
    try {
      status = (await servers.get(service, discoveryPath(service), AGGREGATOR, {}, REQUEST_TIMEOUT, signal)).status
    } catch (error) {
      throw new Error(`failing or missing response from ${url}: ${describe(error)}`)
    }
    if (status < 200 || status >= 300) {
      throw new Error(`failing or missing response from ${url}: bad status from ${url}: ${status}`)
    }
  }

  private async write(service: APIService, verdict: Verdict): Promise<void> {
    const { client, clock, logger, metrics } = this.#options
    const before = service.status?.conditions
    const conditions = setCondition(before, { type: 'Available', ...verdict }, formatTime(clock.now()))
    const { name = '' } = service.metadata
    const was = before?.find(({ type }) => type === 'Available')?.status
    if (verdict.status === 'False' && was !== 'False') metrics.lost(name, verdict.reason ?? '')
    if (conditions === before) return
    logger.info('the availability of an APIService has changed', { name: service.metadata.name, ...verdict })
    await client.resource(APIServices).updateStatus({ ...service, status: { conditions: [...conditions] } })
  }
}

/** Errors of a connection that was tried at several addresses have their messages one level down. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(describe).join(', ')
  return error instanceof Error ? error.message || String(error) : String(error)
}
