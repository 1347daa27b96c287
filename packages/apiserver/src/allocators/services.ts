/**
 * Cluster addresses and node ports of services (pkg/registry/core/service/storage/alloc.go). What is taken is known from the
 * services themselves: a reservation lives from the request until its service shows up in the cache, or until it fails.
 */
import { clusterIpErrors, Services } from '@canopus/api'
import type { Service, ServicePort } from '@canopus/api/core/v1'
import { type FieldError, internalError, invalid, invalidError, type KubeObject } from '@canopus/apimachinery'
import type { Random } from '@canopus/base'
import type { KindHooks, Release } from '../registry/kind-store.ts'
import type { ObjectChange, ObjectReader } from '../security.ts'
import { Allocator, RangeFullError } from './allocator.ts'
import { reservedAddresses, reservedPorts, ServiceRange } from './service-range.ts'

export interface PortRange {
  readonly from: number
  readonly to: number
}

interface Addresses {
  readonly range: ServiceRange
  readonly taken: Allocator
}

export class ServiceAllocators implements KindHooks {
  readonly #addresses: readonly Addresses[]
  readonly #ports: Allocator
  readonly #portRange: PortRange

  /** `ranges`: one address range, or two of different families; the first is the default family. */
  constructor(ranges: readonly string[], portRange: PortRange, random: Random) {
    this.#addresses = ranges.map(cidr => {
      const range = new ServiceRange(cidr)
      return { range, taken: new Allocator('serviceIP', range.size, reservedAddresses(range.size), random) }
    })
    this.#portRange = portRange
    const size = portRange.to - portRange.from + 1
    this.#ports = new Allocator('nodePort', size, reservedPorts(size), random)
  }

  /** Learns from the services what is taken, from now on. */
  follow(objects: ObjectReader): void {
    objects.onChange(Services, change => this.learn(change))
  }

  allocate(object: KubeObject, old: KubeObject | undefined): Release {
    const service = object as Service
    const before = old as Service | undefined
    const held: Release[] = []
    const release = (): void => {
      for (const each of held) each()
    }
    try {
      const errors = clusterIpErrors(service)
      if (errors.length > 0) throw invalidService(service, errors)
      setFamilies(service, this.#addresses)
      this.allocateAddresses(service, before, held)
      this.allocatePorts(service, before, held)
      return release
    } catch (error) {
      release()
      throw error instanceof RangeFullError
        ? internalError(`failed to allocate a ${error.what}: ${error.message}`)
        : error
    }
  }

  private allocateAddresses(service: Service, before: Service | undefined, held: Release[]): void {
    const { spec } = service
    if (spec.type === 'ExternalName' || spec.clusterIP === 'None') return
    const owner = service.metadata.uid
    const kept = new Set(before === undefined ? [] : addressesOf(before))
    const wanted = addressesOf(service)
    const result: string[] = []
    for (const [position, family] of (spec.ipFamilies ?? []).entries()) {
      const asked = wanted[position]
      if (asked !== undefined && kept.has(asked)) result.push(asked)
      else result.push(this.takeAddress(service, family, asked, owner, held))
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
    held: Release[],
  ): string {
    const addresses = this.#addresses.find(each => each.range.family === family)
    if (addresses === undefined) throw invalidFamily(service, family)
    const { range, taken } = addresses
    const refuse = (why: string): never => {
      const value = service.spec.clusterIPs ?? [asked]
      throw invalidService(service, [invalid('spec.clusterIPs', value, `failed to allocate IP ${asked}: ${why}`)])
    }
    let index: number
    if (asked === undefined) index = taken.takeAny(owner)
    else {
      index =
        range.indexOf(asked) ??
        refuse(`the provided IP (${asked}) is not in the valid range. The range of valid IPs is ${range.cidr}`)
      if (taken.ownerOf(index) === owner) return asked
      if (!taken.take(index, owner)) refuse('provided IP is already allocated')
    }
    held.push(() => taken.release(index, owner))
    return range.addressAt(index)
  }

  private allocatePorts(service: Service, before: Service | undefined, held: Release[]): void {
    const { spec } = service
    const owner = service.metadata.uid
    const kept = new Set(before === undefined ? [] : nodePortsOf(before))
    const own = new Set<number>()
    if (needsNodePorts(service)) {
      for (const [index, port] of (spec.ports ?? []).entries()) {
        const asked = port.nodePort || sharedNodePort(spec.ports!, port, own)
        const field = `spec.ports[${index}].nodePort`
        if (asked !== undefined && (kept.has(asked) || own.has(asked))) port.nodePort = asked
        else port.nodePort = this.takePort(service, field, asked, owner, held)
        own.add(port.nodePort)
      }
    }
    if (spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local') {
      const asked = spec.healthCheckNodePort || undefined
      if (asked !== undefined && kept.has(asked)) return
      spec.healthCheckNodePort = this.takePort(service, 'spec.healthCheckNodePort', asked, owner, held)
    }
  }

  private takePort(service: Service, field: string, asked: number | undefined, owner: string, held: Release[]): number {
    const { from, to } = this.#portRange
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
    for (const { range, taken } of this.#addresses) {
      const index = range.indexOf(address)
      if (index !== undefined) taken.record(index, owner)
    }
  }

  private freeAddress(address: string, owner: string): void {
    for (const { range, taken } of this.#addresses) {
      const index = range.indexOf(address)
      if (index !== undefined) taken.release(index, owner)
    }
  }
}

/** Which address families a service gets, where it does not say (KEP-563). */
function setFamilies(service: Service, addresses: readonly Addresses[]): void {
  const { spec } = service
  if (spec.type === 'ExternalName') return
  const served = addresses.map(each => each.range.family)
  const headless = spec.clusterIP === 'None'
  if (headless) spec.clusterIPs = ['None']
  const orphan = headless && Object.keys(spec.selector ?? {}).length === 0
  if (spec.ipFamilyPolicy === undefined) {
    const both = (spec.ipFamilies ?? []).length === 2 || addressesOf(service).length === 2
    spec.ipFamilyPolicy = both || (orphan && (spec.ipFamilies ?? []).length === 0) ? 'RequireDualStack' : 'SingleStack'
  }
  const families = [...(spec.ipFamilies ?? [])]
  if (families.length === 0) {
    const asked = addressesOf(service)[0]
    families.push(asked === undefined ? served[0]! : asked.includes(':') ? 'IPv6' : 'IPv4')
  }
  const wantsBoth = spec.ipFamilyPolicy !== 'SingleStack' && (orphan || served.length === 2)
  if (wantsBoth && families.length === 1) families.push(families[0] === 'IPv4' ? 'IPv6' : 'IPv4')
  if (spec.ipFamilyPolicy === 'SingleStack') families.length = 1
  spec.ipFamilies = families
  if (spec.ipFamilyPolicy === 'RequireDualStack' && !headless && served.length < 2) {
    throw invalidService(service, [
      invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services'),
    ])
  }
}

function addressesOf({ spec }: Service): string[] {
  const all = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])
  return all.filter(each => each !== '' && each !== 'None')
}

function nodePortsOf({ spec }: Service): number[] {
  const ports = (spec.ports ?? []).flatMap(each => (each.nodePort ? [each.nodePort] : []))
  return spec.healthCheckNodePort ? [...ports, spec.healthCheckNodePort] : ports
}

const needsNodePorts = ({ spec }: Service): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)

/** TCP and UDP of the same port share their node port. */
function sharedNodePort(
  ports: readonly ServicePort[],
  port: ServicePort,
  own: ReadonlySet<number>,
): number | undefined {
  const twin = ports.find(
    each => each !== port && each.port === port.port && each.protocol !== port.protocol && each.nodePort,
  )
  return twin?.nodePort !== undefined && own.has(twin.nodePort) ? twin.nodePort : undefined
}

function invalidService(service: Service, errors: readonly FieldError[]): Error {
  return invalidError({ group: '', resource: 'Service', name: service.metadata.name }, errors)
}

function invalidFamily(service: Service, family: string): Error {
  const position = (service.spec.ipFamilies ?? []).indexOf(family)
  return invalidService(service, [invalid(`spec.ipFamilies[${position}]`, family, 'not configured on this cluster')])
}
