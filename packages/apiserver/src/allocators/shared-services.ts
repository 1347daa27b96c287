/**
 * Addresses and ports of services, shared with other API servers: what this server thinks is free is chosen here
 * (`ServiceAllocators`), and claimed in the store before the service is written.
 */
import { IPAddresses, ServiceCIDRs, Services } from '@canopus/api'
import type { Service } from '@canopus/api/core/v1'
import { clone, invalid, type KubeObject } from '@canopus/apimachinery'
import { type Clock, type Logger, sleep } from '@canopus/base'
import type { AllocationScope, AllocatorFigures } from '../metrics/allocator-metrics.ts'
import type { KindHooks, Release } from '../registry/kind-store.ts'
import type { Maybe, ObjectReader } from '../security.ts'
import { type AddressClaims, clusterAddresses } from './address-claims.ts'
import type { NodePortBitmap } from './node-port-bitmap.ts'
import { invalidService, nodePortsOf, type ServiceAllocators } from './services.ts'

/** As upstream: every three minutes, and a port that no service has is free after the third time. */
const REPAIR_PERIOD = 180_000
const LEAK_ROUNDS = 3

export interface SharedServicesOptions {
  readonly local: ServiceAllocators
  readonly addresses: AddressClaims
  readonly ports: NodePortBitmap
  readonly objects: ObjectReader
  /** Waits until `objects` shows all that was written before now. */
  readonly fresh: () => Maybe<unknown>
  readonly clock: Clock
  readonly logger: Logger
  /** Where it is counted what was given out. */
  readonly figures: AllocatorFigures
}

export class SharedServices implements KindHooks {
  readonly #options: SharedServicesOptions
  readonly #leaks = new Map<number, number>()

  constructor(options: SharedServicesOptions) {
    this.#options = options
    const { local, objects } = options
    local.follow(objects)
    objects.onChange(IPAddresses, ({ type, object }) => {
      if (type === 'deleted') local.addressFreed(object.metadata.name)
      else local.addressTaken(object.metadata.name)
    })
    objects.onChange(ServiceCIDRs, ({ type, object }) => local.rangeChanged(object, type === 'deleted'))
  }

  async allocate(object: KubeObject, old: KubeObject | undefined, dryRun: boolean): Promise<Release> {
    const service = object as Service
    // A status has nothing to allocate, and its spec is the stored one, which is shared.
    if (service.spec === (old as Service | undefined)?.spec) return () => {}
    const asked = clone(service.spec)
    const { clock } = this.#options
    const begun = clock.monotonic()
    for (;;) {
      const release = await this.choose(service, old, asked, dryRun)
      if (dryRun) return release
      try {
        const undo = await this.claim(service, old as Service | undefined, asked)
        if (undo !== undefined) {
          this.given(service, old as Service | undefined, asked, (clock.monotonic() - begun) / 1000)
          return () => {
            release()
            undo()
          }
        }
      } catch (error) {
        release()
        throw error
      }
      // Somebody else was faster. What was found taken is known to be so now: choose again.
      release()
      service.spec = clone(asked)
    }
  }

  /** Takes what this server thinks is free. Before it refuses, it hears of what other servers have freed. */
  private async choose(
    service: Service,
    old: KubeObject | undefined,
    asked: Service['spec'],
    dryRun: boolean,
  ): Promise<Release> {
    const { local, fresh } = this.#options
    try {
      return local.allocate(service, old, dryRun)
    } catch {
      await fresh()
      local.forgetTakenPorts()
      service.spec = clone(asked)
      try {
        return local.allocate(service, old, dryRun)
      } catch (error) {
        if (!dryRun) this.refused(asked)
        throw error
      }
    }
  }

  /** Counts what a service has now and had not before. */
  private given(service: Service, old: Service | undefined, asked: Service['spec'], seconds: number): void {
    const { figures, local } = this.#options
    const [addressesBefore, portsBefore] = [old ? clusterAddresses(old) : [], old ? nodePortsOf(old) : []]
    const [addressesAsked, portsAsked] = [clusterAddresses({ ...service, spec: asked }), nodePortsOf({ spec: asked })]
    for (const address of clusterAddresses(service)) {
      const cidr = local.rangeHolding(address)
      if (cidr === undefined || addressesBefore.includes(address)) continue
      figures.address(cidr, scopeOf(addressesAsked.includes(address)), seconds)
    }
    for (const port of nodePortsOf(service))
      if (!portsBefore.includes(port)) figures.port(scopeOf(portsAsked.includes(port)))
  }

  /** What was wrong is not known here: that which was asked for by name, or else an address of the first range. */
  private refused(asked: Service['spec']): void {
    const { figures, local } = this.#options
    const isPort = nodePortsOf({ spec: asked }).length > 0
    if (isPort) figures.noPort('static')
    else figures.noAddress(local.ranges[0]?.cidr ?? '', scopeOf(Boolean(asked.clusterIP)))
  }

  /**
   * Gives back what a service had and has no more: once the caller hears that it is gone, others may have it. What it has had
   * without a claim, it claims now.
   */
  settled(object: KubeObject | undefined, old: KubeObject): Promise<void> | undefined {
    const { addresses, local } = this.#options
    const now = object === undefined ? [] : clusterAddresses(object as Service)
    const kept = new Set(object === undefined ? [] : nodePortsOf(object as Service))
    const before = clusterAddresses(old as Service)
    for (const address of before) {
      if (now.includes(address) && local.holds(address)) addresses.claimMissing(address, object as Service)
    }
    const freedAddresses = before.filter(address => !now.includes(address))
    const freedPorts = nodePortsOf(old as Service).filter(port => !kept.has(port))
    if (freedAddresses.length === 0 && freedPorts.length === 0) return undefined
    const freed = freedAddresses.map(address => addresses.free(address, old as Service))
    return Promise.all([...freed, this.freePorts(freedPorts)]).then(() => {})
  }

  /** Once at the start, which makes claims for services from before there were any; then again and again. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options
    while (!signal.aborted) {
      await this.repair().catch(error => {
        if (signal.aborted) return
        this.#options.figures.notRepaired()
        logger.warn('claims of services could not be repaired', { error })
      })
      await sleep(clock, REPAIR_PERIOD, signal).catch(() => {})
    }
  }

  async repair(): Promise<void> {
    const { addresses, ports, objects, local } = this.#options
    await addresses.repair(address => local.holds(address))
    local.forgetTakenPorts()
    const used = new Set(
      objects
        .list(Services)
        .flatMap(nodePortsOf)
        .filter(port => local.hasPort(port)),
    )
    const leaked = new Set([...this.#leaks].filter(([, rounds]) => rounds >= LEAK_ROUNDS).map(([port]) => port))
    if (used.size === 0 && leaked.size === 0 && this.#leaks.size === 0 && !(await ports.exists())) return
    const unused = await ports.repair(used, leaked)
    for (const port of [...this.#leaks.keys()]) if (!unused.includes(port)) this.#leaks.delete(port)
    for (const port of unused) this.#leaks.set(port, (this.#leaks.get(port) ?? 0) + 1)
  }

  /** How to undo it; `undefined` where something was taken that nobody asked for by name. */
  private async claim(
    service: Service,
    old: Service | undefined,
    asked: Service['spec'],
  ): Promise<Release | undefined> {
    const { addresses, ports, local } = this.#options
    const before = old === undefined ? [] : clusterAddresses(old)
    const claimed: string[] = []
    const undo = (): void => {
      for (const address of claimed) void addresses.free(address, service)
    }
    for (const address of clusterAddresses(service).filter(each => !before.includes(each))) {
      if (await addresses.take(address, service)) {
        claimed.push(address)
        continue
      }
      undo()
      if (clusterAddresses({ ...service, spec: asked }).includes(address)) {
        const why = `failed to allocate IP ${address}: provided IP is already allocated`
        throw invalidService(service, [invalid('spec.clusterIPs', service.spec.clusterIPs, why)])
      }
      if (await addresses.isTaken(address)) local.addressTaken(address, true)
      return undefined
    }
    const portsBefore = new Set(old === undefined ? [] : nodePortsOf(old))
    const wanted = [...new Set(nodePortsOf(service))].filter(port => !portsBefore.has(port))
    const conflicts = wanted.length === 0 ? [] : await ports.take(wanted)
    if (conflicts.length === 0) {
      return () => {
        undo()
        void this.freePorts(wanted)
      }
    }
    undo()
    const index = (asked.ports ?? []).findIndex(({ nodePort }) => nodePort && conflicts.includes(nodePort))
    if (index >= 0) {
      const field = `spec.ports[${index}].nodePort`
      throw invalidService(service, [
        invalid(field, asked.ports![index]!.nodePort, 'provided port is already allocated'),
      ])
    }
    for (const port of conflicts) local.portTaken(port)
    return undefined
  }

  private async freePorts(freed: readonly number[]): Promise<void> {
    const { ports, logger } = this.#options
    if (freed.length === 0) return
    await ports.free(freed).catch(error => logger.warn('node ports could not be given back', { ports: freed, error }))
  }
}

const scopeOf = (isAsked: boolean): AllocationScope => (isAsked ? 'static' : 'dynamic')
