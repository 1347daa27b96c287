/**
 * Says of ServiceCIDRs that they are ready, and holds those that are to go until no address rests on them alone
 * (kubernetes pkg/controller/servicecidrs).
 */
import { IPAddresses, ServiceCIDRs } from '@canopus/api'
import type { IPAddress, ServiceCIDR } from '@canopus/api/networking/v1'
import { formatTime, parseCidr, parseIp } from '@canopus/apimachinery'
import { type Controller, type ControllerContext, defineController, on } from '@canopus/operator'

const FINALIZER = 'networking.k8s.io/service-cidr-finalizer'
const MANAGED_BY = 'ipaddress.kubernetes.io/managed-by'

/** How long allocators have to notice that a range is to go, in milliseconds. */
const GRACE = 10_000

const READY = { status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' }
const BLOCKED = {
  status: 'False',
  reason: 'Terminating',
  message: 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
}

export function createServiceCidrController(context: ControllerContext): Controller {
  const { client, clock, informers } = context
  const ranges = informers.informer(ServiceCIDRs)
  const addresses = informers.informer(IPAddresses)
  const resource = client.resource(ServiceCIDRs)
  const all = (enqueue: (name: string) => void): void => {
    for (const each of ranges.lister.list()) if (each.metadata.deletionTimestamp) enqueue(each.metadata.name)
  }
  return defineController(context, {
    name: 'service-cidr-controller',
    workers: 1,
    triggers: [
      // A range or an address that comes or goes may let another range go.
      on(ServiceCIDRs, (change, enqueue) => {
        enqueue(change.object.metadata.name)
        all(enqueue)
      }),
      on(IPAddresses, (_, enqueue) => all(enqueue)),
    ],
    async reconcile(name) {
      const range = ranges.lister.get(name)
      if (range === undefined) return undefined
      const { deletionTimestamp, finalizers = [] } = range.metadata
      if (deletionTimestamp === undefined) {
        const held = finalizers.includes(FINALIZER)
          ? range
          : await resource.update({ ...range, metadata: { ...range.metadata, finalizers: [...finalizers, FINALIZER] } })
        try {
          await setReady(held, READY)
        } catch (error) {
          const text = 'The ServiceCIDR Status can not be set to Ready=True'
          context.events.event(range, 'Warning', 'KubernetesServiceCIDRError', text)
          throw error
        }
        return undefined
      }
      if (!mayGo(range, ranges.lister.list(), addresses.lister.list())) {
        await setReady(range, BLOCKED)
        return undefined
      }
      const wait = Date.parse(deletionTimestamp) + GRACE - clock.now()
      if (wait > 0) return { requeueAfter: wait }
      const rest = finalizers.filter(each => each !== FINALIZER)
      if (rest.length < finalizers.length) {
        await resource.update({ ...range, metadata: { ...range.metadata, finalizers: rest } })
      }
      return undefined
    },
  })

  async function setReady(range: ServiceCIDR, wanted: typeof READY): Promise<void> {
    const conditions = range.status?.conditions ?? []
    const ready = conditions.find(each => each.type === 'Ready')
    // The server that made the range has said so in words of its own.
    if (ready?.status === wanted.status && (ready.reason ?? '') === wanted.reason) return
    const condition = { type: 'Ready', ...wanted, lastTransitionTime: formatTime(clock.now()) }
    const status = { ...range.status, conditions: [...conditions.filter(each => each !== ready), condition] }
    await resource.updateStatus({ ...range, status })
  }
}

/** Whether another range holds all of this one, or no address of a service lies in this one alone. */
export function mayGo(range: ServiceCIDR, ranges: readonly ServiceCIDR[], addresses: readonly IPAddress[]): boolean {
  const others = ranges
    .filter(each => each.metadata.name !== range.metadata.name)
    .flatMap(each => each.spec?.cidrs ?? [])
  const own = range.spec?.cidrs ?? []
  if (own.every(cidr => others.some(other => containsRange(other, cidr)))) return true
  return addresses.every(({ metadata: { name, labels } }) => {
    if (labels?.[MANAGED_BY] !== 'ipallocator.k8s.io' || !own.some(cidr => contains(cidr, name))) return true
    return others.some(cidr => contains(cidr, name))
  })
}

function containsRange(outer: string, inner: string): boolean {
  const [one, other] = [parseCidr(outer), parseCidr(inner)]
  if (one === undefined || other === undefined) return false
  return one.length <= other.length && contains(outer, inner.slice(0, inner.indexOf('/')))
}

function contains(cidr: string, address: string): boolean {
  const range = parseCidr(cidr)
  const bytes = parseIp(address)
  if (range === undefined || bytes === undefined || cidr.includes(':') !== address.includes(':')) return false
  const own = bytes.slice(-range.bytes.length)
  return bitsOf(own).slice(0, range.length) === bitsOf(range.bytes).slice(0, range.length)
}

const bitsOf = (bytes: readonly number[]): string => bytes.map(byte => byte.toString(2).padStart(8, '0')).join('')
