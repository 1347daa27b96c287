/**
 * Cluster addresses and node ports of services (pkg/registry/core/service/storage/alloc.go). What is taken is known from the
 * services themselves: a reservation lives from the request until its service shows up in the cache, or until it fails.
 */
import { clusterIpErrors, Services } from '@canopus/api'
import type { Service } from '@canopus/api/core/v1'
import type { ServiceCIDR } from '@canopus/api/networking/v1'
import {
  type FieldError,
  internalError,
  invalid,
  invalidError,
  type KubeObject,
  parseCidr,
  plainError,
  underFeatures,
} from '@canopus/apimachinery'
import type { Random } from '@canopus/base'
import type { Release } from '../registry/kind-store.ts'
import type { ObjectChange, ObjectReader } from '../security.ts'
import { Allocator, type Index, RangeFullError, type Share } from './allocator.ts'
import { setFamilies } from './service-families.ts'
import { reservedAddresses, reservedPorts, ServiceRange } from './service-range.ts'

export interface PortRange {
  readonly from: number
  readonly to: number
  /** Which of them are given out first, where other clusters' nodes have the same addresses. */
  readonly share?: Share
}

interface Addresses {
  readonly range: ServiceRange
  readonly taken: Allocator
  /** Names of the ServiceCIDRs that have it, and whether it may be allocated from; the flags' ranges need none. */
  readonly owners: Map<string, boolean>
  readonly fromFlags: boolean
}

/** The end of the range of node ports that is usual. */
const LAST_USUAL_PORT = 32767

/** Who has an address of which only the claim is known. */
const CLAIMED = 'IPAddress'

export class ServiceAllocators {
  #addresses: Addresses[]
  readonly #random: Random
  /** What is taken, for ranges that come later. */
  readonly #known = new Map<string, string>()
  readonly #ports: Allocator
  readonly #portRange: PortRange
  readonly #isOn: ((feature: string) => boolean) | undefined

  /**
   * `ranges`: one address range, or two of different families; the first is the default family. `isOn` says which features are on, where
   * they are not as usual.
   */
  constructor(ranges: readonly string[], portRange: PortRange, random: Random, isOn?: (feature: string) => boolean) {
    this.#random = random
    this.#isOn = isOn
    this.#addresses = ranges.map(cidr => this.rangeOf(cidr, true))
    this.#portRange = portRange
    const size = portRange.to - portRange.from + 1
    this.#ports = new Allocator('nodePort', size, reservedPorts(size), random, portRange.share)
  }

  /** Learns from the services what is taken, from now on. */
  follow(objects: ObjectReader): void {
    objects.onChange(Services, change => this.learn(change))
  }

  /** Dry runs are given what nobody could have, without a look at what is taken but ports that are asked for. */
  allocate(object: KubeObject, old: KubeObject | undefined, dryRun = false): Release {
    const service = object as Service
    const before = old as Service | undefined
    // A status has nothing to allocate, and its spec is the stored one, which is shared.
    if (service.spec === before?.spec) return () => {}
    const held: Release[] = []
    const trial = dryRun ? new Set<number>() : undefined
    const release = (): void => {
      for (const each of held) each()
    }
    try {
      const check = (): FieldError[] => clusterIpErrors(service, before)
      const errors = this.#isOn === undefined ? check() : underFeatures(this.#isOn, check)
      if (errors.length > 0) throw invalidService(service, errors)
      const served = this.#addresses.filter(each => each.fromFlags).map(each => each.range.family)
      const wrong = setFamilies(service, before, served)
      if (wrong.length > 0) throw invalidService(service, wrong)
      this.allocateAddresses(service, before, dryRun ? undefined : held)
      this.allocatePorts(service, before, held, trial)
      return release
    } catch (error) {
      release()
      throw error instanceof RangeFullError
        ? internalError(`failed to allocate a ${error.what}: ${error.message}`)
        : error
    }
  }

  /** Takes in what a ServiceCIDR says (ipallocator/cidrallocator.go). */
  rangeChanged({ metadata: { name, deletionTimestamp }, spec, status }: ServiceCIDR, gone: boolean): void {
    const ready = status?.conditions?.find(each => each.type === 'Ready')?.status ?? 'True'
    const cidrs = gone ? [] : (spec?.cidrs ?? [])
    for (const cidr of cidrs) {
      let addresses = this.#addresses.find(each => each.range.cidr === cidr)
      // Validation lets in none without room, but who knows what an older server stored.
      if (addresses === undefined && parseCidr(cidr) === undefined) continue
      if (addresses === undefined) {
        addresses = this.rangeOf(cidr, false)
        this.#addresses.push(addresses)
      }
      addresses.owners.set(name, ready === 'True' && deletionTimestamp === undefined)
    }
    for (const { range, owners } of this.#addresses) if (!cidrs.includes(range.cidr)) owners.delete(name)
    this.#addresses = this.#addresses.filter(each => each.fromFlags || each.owners.size > 0)
  }

  /** A claim was seen, or found where this server thought that the address was free. */
  addressTaken(address: string, found = false): void {
    this.#known.set(address, this.#known.get(address) ?? CLAIMED)
    for (const [index, taken] of this.placesOf(address)) {
      if (found) taken.record(index, CLAIMED)
      else taken.take(index, CLAIMED)
    }
  }

  addressFreed(address: string): void {
    if (this.#known.get(address) === CLAIMED) this.#known.delete(address)
    for (const [index, taken] of this.placesOf(address)) taken.release(index, CLAIMED)
  }

  /** What is taken of each range, and what is left. */
  get ranges(): { readonly cidr: string; readonly taken: number; readonly available: number }[] {
    return this.#addresses.map(({ range, taken: { size, taken } }) => ({
      cidr: range.cidr,
      taken,
      available: size - taken,
    }))
  }

  /** The same of ports. */
  get ports(): { readonly taken: number; readonly available: number } {
    const { size, taken } = this.#ports
    return { taken, available: size - taken }
  }

  /** The range of an address that was given out. */
  rangeHolding(address: string): string | undefined {
    return this.#addresses.find(({ range }) => range.indexOf(address) !== undefined)?.range.cidr
  }

  /** Whether the address is in any range. */
  holds(address: string): boolean {
    return this.placesOf(address).length > 0
  }

  /** A port was found taken in the store of which no service is known yet. */
  portTaken(port: number): void {
    this.#ports.take(port - this.#portRange.from, CLAIMED)
  }

  /** Ports that were once found taken may be free again; those that are not will be found so again. */
  forgetTakenPorts(): void {
    for (let index = 0; index < this.#ports.size; index++) this.#ports.release(index, CLAIMED)
  }

  hasPort(port: number): boolean {
    return port >= this.#portRange.from && port <= this.#portRange.to
  }

  private rangeOf(cidr: string, fromFlags: boolean): Addresses {
    const range = new ServiceRange(cidr)
    const taken = new Allocator('serviceIP', range.size, reservedAddresses(range.size), this.#random)
    for (const [address, owner] of this.#known) {
      const index = range.indexOf(address)
      if (index !== undefined) taken.record(index, owner)
    }
    return { range, taken, owners: new Map(), fromFlags }
  }

  /** Ranges may overlap: an address has a place in each that holds it. */
  private placesOf(address: string): [Index, Allocator][] {
    return this.#addresses.flatMap(({ range, taken }): [Index, Allocator][] => {
      const index = range.indexOf(address)
      return index === undefined ? [] : [[index, taken]]
    })
  }

  private allocateAddresses(service: Service, before: Service | undefined, held: Release[] | undefined): void {
    const { spec } = service
    const { type, clusterIP, ipFamilies = [] } = spec
    if (type === 'ExternalName' || clusterIP === 'None') return
    // Who has an address keeps it, and may get a second one: validation says so of those that ask for others.
    const had = before !== undefined && before.spec.type !== 'ExternalName'
    if (had && (before.spec.clusterIP === 'None' || !isUpgraded(service, before))) return
    const owner = service.metadata.uid
    const wanted = addressesOf(service)
    const result = had ? wanted.slice(0, 1) : []
    for (let position = result.length; position < ipFamilies.length; position++) {
      result.push(this.takeAddress(service, ipFamilies[position]!, wanted[position], owner, held))
    }
    if (result.length === 0) return
    spec.clusterIP = result[0]!
    spec.clusterIPs = result
  }

  private takeAddress(
    service: Service,
    family: string,
    asked: string | undefined,
    owner: string,
    held: Release[] | undefined,
  ): string {
    const ready = this.#addresses.filter(each => each.range.family === family && isReady(each))
    if (ready.length === 0) throw invalidFamily(service, family)
    const refuse = (why: string): never => {
      const value = service.spec.clusterIPs ?? [asked]
      throw invalidService(service, [invalid('spec.clusterIPs', value, `failed to allocate IP ${asked}: ${why}`)])
    }
    if (held === undefined) {
      const [{ range }] = ready as [Addresses]
      if (asked === undefined) return range.networkAddress
      if (range.indexOf(asked) !== undefined) return asked
      refuse(`the provided IP (${asked}) is not in the valid range. The range of valid IPs is ${range.cidr}`)
    }
    const address = asked ?? takeAnyOf(ready, owner)
    if (!ready.some(({ range }) => range.indexOf(address) !== undefined)) {
      refuse('the provided network does not match the current range')
    }
    const places = this.placesOf(address)
    if (asked !== undefined) {
      if (places.every(([index, taken]) => taken.ownerOf(index) === owner)) return asked
      const free = places.every(([index, taken]) => [undefined, owner].includes(taken.ownerOf(index)))
      if (!free) refuse('provided IP is already allocated')
    }
    for (const [index, taken] of places) taken.record(index, owner)
    held?.push(() => {
      for (const [index, taken] of places) taken.release(index, owner)
    })
    return address
  }

  private allocatePorts(
    service: Service,
    before: Service | undefined,
    held: Release[],
    trial: Set<number> | undefined,
  ): void {
    const { spec } = service
    const owner = service.metadata.uid
    const kept = new Set(before === undefined ? [] : nodePortsOf(before))
    if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') {
      const take = (index: number, asked: number | undefined): number =>
        this.takePort(service, `spec.ports[${index}].nodePort`, asked, owner, trial ?? held)
      if (before === undefined) givePorts(service, take)
      else changePorts(service, before, take)
    }
    if (spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local') {
      const asked = spec.healthCheckNodePort || undefined
      if (asked !== undefined && kept.has(asked)) return
      spec.healthCheckNodePort = this.takePort(service, 'spec.healthCheckNodePort', asked, owner, trial ?? held)
    }
  }

  /** `held` are the releases of what is taken, or for dry runs the ports that only look taken. */
  private takePort(
    service: Service,
    field: string,
    asked: number | undefined,
    owner: string,
    held: Release[] | Set<number>,
  ): number {
    const { from, to } = this.#portRange
    if (held instanceof Set) return this.tryPort(service, field, asked, held)
    let index: number
    if (asked === undefined) index = this.#ports.takeAny(owner)
    else {
      index = asked - from
      const refuse = (why: string): never => {
        throw invalidService(service, [invalid(field, asked, why)])
      }
      if (asked < from || asked > to) {
        refuse(`provided port is not in the valid range. The range of valid ports is ${from}-${to}`)
      }
      if (this.#ports.ownerOf(index) === owner || !this.#ports.take(index, owner)) {
        refuse('provided port is already allocated')
      }
    }
    held.push(() => this.#ports.release(index, owner))
    return from + index
  }

  /** What a dry run shows: a port beyond those that are usual, or the one that is asked for, which may be out of range. */
  private tryPort(service: Service, field: string, asked: number | undefined, seen: Set<number>): number {
    const port = asked ?? Math.max(...(seen.size === 0 ? [LAST_USUAL_PORT + 1] : seen)) + 1
    if (asked !== undefined && (seen.has(asked) || this.#ports.ownerOf(asked - this.#portRange.from) !== undefined)) {
      throw invalidService(service, [invalid(field, asked, 'provided port is already allocated')])
    }
    seen.add(port)
    return port
  }

  private learn({ type, object, old }: ObjectChange<Service>): void {
    const owner = object.metadata.uid
    const gone = type === 'deleted'
    const now = new Set(gone ? [] : addressesOf(object))
    const ports = new Set(gone ? [] : nodePortsOf(object))
    const before = gone ? object : old
    for (const each of before === undefined ? [] : addressesOf(before))
      if (!now.has(each)) this.freeAddress(each, owner)
    for (const each of before === undefined ? [] : nodePortsOf(before)) {
      if (!ports.has(each)) this.#ports.release(each - this.#portRange.from, owner)
    }
    for (const each of now) this.recordAddress(each, owner)
    for (const each of ports) this.#ports.record(each - this.#portRange.from, owner)
  }

  private recordAddress(address: string, owner: string): void {
    this.#known.set(address, owner)
    for (const [index, taken] of this.placesOf(address)) taken.record(index, owner)
  }

  private freeAddress(address: string, owner: string): void {
    if (this.#known.get(address) === owner) this.#known.delete(address)
    for (const [index, taken] of this.placesOf(address)) taken.release(index, owner)
  }
}

/** A range counts while one of the objects that have it is ready; one of the flags' needs no object. */
function isReady({ owners, fromFlags }: Addresses): boolean {
  return (fromFlags && owners.size === 0) || [...owners.values()].includes(true)
}

/** From the first range that has a free one. Throws RangeFullError. */
function takeAnyOf(ranges: readonly Addresses[], owner: string): string {
  for (const [position, { range, taken }] of ranges.entries()) {
    try {
      return range.addressAt(taken.takeAny(owner))
    } catch (error) {
      if (!(error instanceof RangeFullError) || position === ranges.length - 1) throw error
    }
  }
  throw new RangeFullError('serviceIP')
}

function addressesOf({ spec }: Service): string[] {
  const all = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])
  return all.filter(each => each !== '' && each !== 'None')
}

export function nodePortsOf({ spec }: Pick<Service, 'spec'>): number[] {
  const ports = (spec.ports ?? []).flatMap(each => (each.nodePort ? [each.nodePort] : []))
  return spec.healthCheckNodePort ? [...ports, spec.healthCheckNodePort] : ports
}

const needsNodePorts = ({ spec }: Service): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)

type TakePort = (index: number, asked: number | undefined) => number

/** Ports of a new service: TCP and UDP of the same port share their node port (initNodePorts). */
function givePorts(service: Service, take: TakePort): void {
  const { ports = [] } = service.spec
  const given = new Map<number, number>()
  for (const [index, port] of ports.entries()) {
    if (!port.nodePort && !needsNodePorts(service)) continue
    const shared = given.get(port.port)
    if (shared === undefined) {
      port.nodePort = take(index, ports.find(each => each.port === port.port && each.nodePort)?.nodePort)
      given.set(port.port, port.nodePort)
    } else if (!port.nodePort) port.nodePort = shared
    else if (port.nodePort !== shared) take(index, port.nodePort)
  }
}

/** Ports of one that exists (updateNodePorts). */
function changePorts(service: Service, before: Service, take: TakePort): void {
  const known = new Set(nodePortsOf({ spec: { ports: before.spec.ports ?? [] } }))
  const seen = new Set<string>()
  for (const [index, port] of (service.spec.ports ?? []).entries()) {
    if (!port.nodePort && !needsNodePorts(service)) continue
    if (!port.nodePort || !known.has(port.nodePort)) port.nodePort = take(index, port.nodePort || undefined)
    known.add(port.nodePort)
    const place = `{${port.protocol ?? ''} ${port.nodePort}}`
    if (seen.has(place)) throw plainError(`duplicate nodePort: ${place}`)
    seen.add(place)
  }
}

const isUpgraded = ({ spec }: Service, before: Service): boolean =>
  before.spec.ipFamilies?.length === 1 && spec.ipFamilies?.length === 2

export function invalidService(service: Service, errors: readonly FieldError[]): Error {
  return invalidError({ group: '', resource: 'Service', name: service.metadata.name }, errors)
}

function invalidFamily(service: Service, family: string): Error {
  const position = (service.spec.ipFamilies ?? []).indexOf(family)
  return invalidService(service, [invalid(`spec.ipFamilies[${position}]`, family, 'not configured on this cluster')])
}
