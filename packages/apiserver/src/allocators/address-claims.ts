/**
 * Cluster addresses as objects: whoever makes the IPAddress has the address, whichever API server asks (KEP-1880,
 * pkg/registry/core/service/ipallocator).
 */
import { IPAddresses, Services } from '@canopus/api'
import type { Service } from '@canopus/api/core/v1'
import type { IPAddress } from '@canopus/api/networking/v1'
import { formatIp, hasReason, type KubeObject, parseIp } from '@canopus/apimachinery'
import type { Clock, Logger } from '@canopus/base'
import type { WriteCall } from '../registry/call.ts'
import { createObject } from '../registry/create.ts'
import { deleteObject } from '../registry/delete.ts'
import type { KindStore } from '../registry/kind-store.ts'
import type { ObjectReader } from '../security.ts'

export const MANAGED_BY = 'ipaddress.kubernetes.io/managed-by'
export const FAMILY = 'ipaddress.kubernetes.io/ip-family'
const ALLOCATOR = 'ipallocator.k8s.io'

/** How long an address may wait for its service to be written before it counts as forgotten. */
const GRACE = 60_000

const CALL: WriteCall = {
  user: { name: 'system:apiserver', groups: ['system:masters'] },
  dryRun: false,
  options: {},
  subresource: '',
  warnings: [],
  manager: 'kube-apiserver',
}

export class AddressClaims {
  readonly #store: KindStore
  readonly #objects: ObjectReader
  readonly #clock: Clock
  readonly #logger: Logger
  /** Claims that are decided and not durable yet, by name. */
  readonly #underWay = new Map<string, Promise<void>>()
  /** Claims that are being given back, by name. */
  readonly #leaving = new Map<string, Promise<void>>()

  constructor(store: KindStore, objects: ObjectReader, clock: Clock, logger: Logger) {
    this.#store = store
    this.#objects = objects
    this.#clock = clock
    this.#logger = logger
  }

  /**
   * False where somebody has the address already. True as soon as the claim is decided: a service that is written to the same store
   * afterwards is not there without it, and both may wait for the disk together.
   */
  async take(address: string, service: Service): Promise<boolean> {
    const name = nameOf(address)
    // Who was refused gives it back without making the client wait.
    const leaving = this.#leaving.get(name)
    if (leaving !== undefined) await leaving
    return new Promise((resolve, reject) => {
      const call = { ...CALL, warnings: [], decided: () => resolve(true) }
      const written = createObject(this.#store, call, '', claimOf(name, service) as KubeObject)
      follow(this.#underWay, name, written)
      // Not every store says when a write is decided.
      written.then(
        () => resolve(true),
        error => {
          if (hasReason(error, 'AlreadyExists')) resolve(false)
          else reject(error)
        },
      )
    })
  }

  /** Whether the address is somebody's, by the store. */
  async isTaken(address: string): Promise<boolean> {
    return (await this.#store.find('', nameOf(address))) !== undefined
  }

  /** Gives the address back where it is still this service's. Failures are made good by `repair`. */
  free(address: string, service: Service): Promise<void> {
    const freed = this.giveBack(address, service)
    follow(this.#leaving, nameOf(address), freed)
    return freed
  }

  private async giveBack(address: string, { metadata: { namespace, name } }: Service): Promise<void> {
    try {
      await this.#underWay.get(nameOf(address))
      const claim = await this.#objects.getFresh(IPAddresses, nameOf(address))
      const parent = claim?.spec?.parentRef
      if (claim === undefined || parent?.namespace !== namespace || parent?.name !== name) return
      await this.remove(claim)
    } catch (error) {
      this.#logger.warn('a cluster address could not be given back', { address, error })
    }
  }

  /** Makes the claim where the service came from before there were any. Failures are made good by `repair`. */
  claimMissing(address: string, service: Service): void {
    if (this.#objects.get(IPAddresses, nameOf(address)) !== undefined) return
    this.take(address, service).catch(error =>
      this.#logger.warn('a cluster address could not be claimed', { address, error }),
    )
  }

  /** Makes claims that services lack, and takes back those that no service has (ipallocator/controller/repairip.go). */
  async repair(inRange: (address: string) => boolean): Promise<void> {
    for (const service of this.#objects.list(Services)) {
      for (const address of clusterAddresses(service)) {
        if (inRange(address)) await this.repairService(service, address)
        else this.#logger.warn('a cluster address is in no range; please recreate its service', { address })
      }
    }
    for (const claim of this.#objects.list(IPAddresses)) {
      if (claim.metadata.labels?.[MANAGED_BY] !== ALLOCATOR || this.holder(claim) !== undefined) continue
      const created = Date.parse(claim.metadata.creationTimestamp ?? '')
      if (this.#clock.now() - created < GRACE) continue
      this.#logger.warn('a cluster address belongs to no service and is given back', { address: claim.metadata.name })
      await this.remove(claim)
    }
  }

  private async repairService(service: Service, address: string): Promise<void> {
    const claim = this.#objects.get(IPAddresses, nameOf(address))
    if (claim !== undefined) {
      const { namespace, name } = service.metadata
      const parent = claim.spec?.parentRef
      const ours = parent?.resource === 'services' && parent.namespace === namespace && parent.name === name
      if (ours && claim.metadata.labels?.[MANAGED_BY] === ALLOCATOR) return
      const other = this.holder(claim)
      if (!ours && other !== undefined) {
        const services = [service, other].map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
        this.#logger.error('a cluster address was assigned to several services; please recreate one', {
          address,
          services,
        })
        return
      }
      await this.remove(claim)
    }
    await this.take(address, service)
  }

  /** The service that a claim names, where that has the address. */
  private holder({ metadata, spec }: IPAddress): Service | undefined {
    const { resource, namespace, name } = spec?.parentRef ?? {}
    if (resource !== 'services' || !name) return undefined
    const service = this.#objects.get(Services, name, namespace ?? '')
    return service && clusterAddresses(service).map(nameOf).includes(metadata.name) ? service : undefined
  }

  private async remove({ metadata: { name, uid } }: IPAddress): Promise<void> {
    try {
      await deleteObject(this.#store, { ...CALL, warnings: [] }, '', name, { preconditions: { uid } })
    } catch (error) {
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error
    }
  }
}

/** Keeps a promise among those of its kind for as long as it is open. */
function follow(open: Map<string, Promise<void>>, name: string, work: Promise<unknown>): void {
  const settled = work
    .then(
      () => {},
      () => {},
    )
    .finally(() => {
      if (open.get(name) === settled) open.delete(name)
    })
  open.set(name, settled)
}

export function clusterAddresses({ spec }: Service): string[] {
  if (spec?.type === 'ExternalName') return []
  const all = spec?.clusterIPs ?? (spec?.clusterIP ? [spec.clusterIP] : [])
  return all.filter(address => address !== '' && address !== 'None')
}

/** The address as IPAddress objects are named: in its canonical form. */
function nameOf(address: string): string {
  const bytes = parseIp(address)
  if (bytes === undefined) return address
  return address.includes(':') ? formatIp(bytes) : formatIp(bytes.slice(-4))
}

function claimOf(ownName: string, { metadata }: Service): Omit<IPAddress, 'metadata'> & { metadata: object } {
  const { namespace, name } = metadata
  const family = ownName.includes(':') ? 'IPv6' : 'IPv4'
  return {
    kind: 'IPAddress',
    apiVersion: 'networking.k8s.io/v1',
    metadata: { name: ownName, labels: { [FAMILY]: family, [MANAGED_BY]: ALLOCATOR } },
    spec: {
      parentRef: { resource: 'services', ...(namespace === undefined ? {} : { namespace }), name },
    },
  }
}
