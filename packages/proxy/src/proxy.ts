import { EndpointSlices, Services } from '@canopus/api'
import type { Service } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import type { Clock, Logger } from '@canopus/base'
import { sleep } from '@canopus/base'
import type { Informer, InformerFactory } from '@canopus/client'
import { type NftChange, type NftTable, renderChanges, renderTable } from '@canopus/network/nft-table'
import type { Controller } from '@canopus/operator'
import { type HealthCheck, healthCheckOf } from './health-check.ts'
import { planService, type ServicePlan } from './plan.ts'
import { ServicesState, servicesTable } from './table.ts'

/** What the proxy does to the node. */
export interface ProxyEffects {
  /** Applies nft commands as one transaction. */
  applyNft(commands: string): Promise<void>
  /** Forgets UDP flows to these addresses, which would stick to endpoints that are gone. */
  forgetUdpFlows(addresses: readonly string[]): Promise<void>
  /** Node ports that other tables on this machine have, as `tcp . 30080`. Default: nobody else is here. */
  nodePortsElsewhere?(): Promise<ReadonlySet<string>>
  /** Answers at these ports whether a service has endpoints here, and at no others. Default: nowhere. */
  serveHealthChecks?(checks: ReadonlyMap<number, HealthCheck>): void
}

export interface ProxyOptions {
  informers: InformerFactory
  clock: Clock
  logger: Logger
  nodeName: string
  clusterCidr: string
  /** Name of the nft table. */
  table: string
  /** Ranges of addresses of this machine at which node ports are another cluster's. */
  foreignNodes?: readonly string[]
  /** Told of a node port that another cluster on this machine has too, as `tcp . 30080`. */
  portTaken?(service: Service, port: string): void
  effects: ProxyEffects
  /** Milliseconds in which changes are gathered into one transaction. Default 10. */
  gather?: number
}

const SERVICE_NAME = 'kubernetes.io/service-name'
const RETRY_DELAY = 1000

/** Keeps the node's services table in line with Services and EndpointSlices. Ends, leaving the table, when the signal aborts. */
export function createProxy(options: ProxyOptions): Controller {
  return { name: 'proxy', run: signal => new ServiceProxy(options).run(signal) }
}

class ServiceProxy {
  private readonly options: ProxyOptions
  private readonly services: Informer<Service>
  private readonly slices: Informer<EndpointSlice>
  private readonly table: NftTable
  private state = new ServicesState()
  private readonly udp = new Map<string, readonly string[]>()
  private readonly dirty = new Set<string>()
  private readonly checks = new Map<string, [number, HealthCheck]>()
  private wake: () => void = () => {}

  constructor(options: ProxyOptions) {
    this.options = options
    this.services = options.informers.informer(Services)
    this.slices = options.informers.informer(EndpointSlices)
    this.slices.addIndex('service', serviceKeysOf)
    this.table = servicesTable(options.table, options.clusterCidr, options.foreignNodes)
  }

  async run(signal: AbortSignal): Promise<void> {
    const removals = [
      this.services.addHandler({
        added: service => this.mark([keyOf(service)]),
        updated: (_, service) => this.mark([keyOf(service)]),
        deleted: service => this.mark([keyOf(service)]),
      }),
      this.slices.addHandler({
        added: slice => this.mark(serviceKeysOf(slice)),
        updated: (old, slice) => this.mark([...serviceKeysOf(old), ...serviceKeysOf(slice)]),
        deleted: slice => this.mark(serviceKeysOf(slice)),
      }),
    ]
    signal.addEventListener('abort', () => this.wake(), { once: true })
    try {
      await Promise.all([this.services.waitForSync(signal), this.slices.waitForSync(signal)])
      await this.loop(signal)
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      for (const remove of removals) remove()
      this.options.effects.serveHealthChecks?.(new Map())
    }
  }

  private async loop(signal: AbortSignal): Promise<void> {
    let rebuild = true
    while (!signal.aborted) {
      try {
        await this.sync(rebuild)
        rebuild = false
      } catch (error) {
        this.options.logger.error('services table could not be updated; rebuilding it', { error })
        rebuild = true
        await sleep(this.options.clock, RETRY_DELAY, signal)
        continue
      }
      await this.untilDirty(signal)
      await sleep(this.options.clock, this.options.gather ?? 10, signal)
    }
  }

  /** Brings the kernel's table to the informers' state: all of it, or what changed since the last call. */
  private async sync(rebuild: boolean): Promise<void> {
    if (rebuild) {
      this.state = new ServicesState()
      for (const service of this.services.lister.list()) this.dirty.add(keyOf(service))
    }
    const keys = [...this.dirty]
    this.dirty.clear()
    const stale: string[] = []
    const changes = keys.flatMap(key => {
      const plan = this.plan(key)
      const changed = this.state.update(key, plan)
      if (changed.length > 0) stale.push(...(this.udp.get(key) ?? []), ...(plan?.udp ?? []))
      this.udp.set(key, plan?.udp ?? [])
      return changed
    })
    const commands = rebuild
      ? renderTable(this.table) + renderChanges(this.table, this.state.all())
      : renderChanges(this.table, inOrder(changes))
    await this.options.effects.applyNft(commands)
    this.updateHealthChecks(keys)
    await this.findTakenPorts(keys, changes)
    if (stale.length > 0) await this.options.effects.forgetUdpFlows([...new Set(stale)])
  }

  private updateHealthChecks(keys: readonly string[]): void {
    const { effects, nodeName } = this.options
    for (const key of keys) {
      const service = this.serviceOf(key)
      const check = service && healthCheckOf(service, this.slices.lister.byIndex('service', key), nodeName)
      if (check) this.checks.set(key, check)
      else this.checks.delete(key)
    }
    effects.serveHealthChecks?.(new Map(this.checks.values()))
  }

  /** Looks whether node ports that are new here are taken on this machine: only one of the two gets the packets. */
  private async findTakenPorts(services: readonly string[], changes: readonly NftChange[]): Promise<void> {
    const { effects, portTaken } = this.options
    const added = changes.flatMap(change =>
      change.op === 'add-element' && change.container === 'np' ? [change.key] : [],
    )
    if (added.length === 0 || portTaken === undefined || effects.nodePortsElsewhere === undefined) return
    const elsewhere = await effects.nodePortsElsewhere()
    for (const port of added.filter(each => elsewhere.has(each))) {
      const [protocol, number] = port.split(' . ')
      const service = services
        .map(key => this.serviceOf(key))
        .find(each =>
          each?.spec.ports?.some(
            ({ nodePort, protocol: own = 'TCP' }) => String(nodePort) === number && own.toLowerCase() === protocol,
          ),
        )
      if (service) portTaken(service, port)
    }
  }

  private serviceOf(key: string): Service | undefined {
    const slash = key.indexOf('/')
    return this.services.lister.get(key.slice(slash + 1), key.slice(0, slash))
  }

  private plan(key: string): ServicePlan | undefined {
    const service = this.serviceOf(key)
    return (
      service && planService(service, this.slices.lister.byIndex('service', key), { nodeName: this.options.nodeName })
    )
  }

  private mark(keys: readonly string[]): void {
    for (const key of keys) this.dirty.add(key)
    if (this.dirty.size > 0) this.wake()
  }

  private untilDirty(signal: AbortSignal): Promise<void> {
    if (this.dirty.size > 0 || signal.aborted) return Promise.resolve()
    return new Promise(resolve => {
      this.wake = resolve
    })
  }
}

const RANK: Readonly<Record<NftChange['op'], number>> = {
  'set-chain': 0,
  'delete-element': 1,
  'add-element': 2,
  'flush-container': 3,
  'delete-chain': 4,
}

/** Across services: chains first, then what goes, then what comes, so that an address may pass from one service to another. */
function inOrder(changes: readonly NftChange[]): NftChange[] {
  return changes.toSorted((a, b) => RANK[a.op] - RANK[b.op])
}

const keyOf = (service: Service): string => `${service.metadata.namespace}/${service.metadata.name}`

function serviceKeysOf(slice: EndpointSlice): string[] {
  const name = slice.metadata.labels?.[SERVICE_NAME]
  return name === undefined ? [] : [`${slice.metadata.namespace}/${name}`]
}
