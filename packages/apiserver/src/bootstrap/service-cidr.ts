/** The ServiceCIDR `kubernetes`, which says what the flags say (pkg/controlplane/controller/defaultservicecidr). */
import { ServiceCIDRs } from '@canopus/api'
import type { ServiceCIDR } from '@canopus/api/networking/v1'
import { formatTime } from '@canopus/apimachinery'
import { type Clock, type Logger, sleep } from '@canopus/base'
import type { Client } from '@canopus/client'
import { reconcileObject } from './ensure.ts'

const NAME = 'kubernetes'
const MANAGER = 'kubernetes-service-cidr-controller'
/** Milliseconds from one look to the next. */
const INTERVAL = 10_000

/** Makes it again where somebody has deleted it, until the signal aborts. */
export async function keepServiceCidr(
  { client, clock, logger }: { client: Client; clock: Clock; logger: Logger },
  cidrs: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await sleep(clock, INTERVAL, signal).catch(() => {})
    if (signal.aborted) return
    await ensureServiceCidr(client, cidrs, clock.now()).catch(error => {
      if (!signal.aborted) logger.warn('the default ServiceCIDR could not be kept', { error })
    })
  }
}

/** Made where it is missing, and grown from one family to two; what somebody else made of it is left alone. */
export async function ensureServiceCidr(client: Client, cidrs: readonly string[], now: number): Promise<void> {
  const wanted = { metadata: { name: NAME }, spec: { cidrs: [...cidrs] } }
  await reconcileObject(client, ServiceCIDRs, wanted, existing => {
    const before = existing.spec?.cidrs ?? []
    const grown = cidrs.length === 2 && before.length === 1 && before[0] === cidrs[0]
    return grown ? { kind: 'update', object: { ...existing, spec: { cidrs: [...cidrs] } } } : { kind: 'keep' }
  })
  const resource = client.resource(ServiceCIDRs)
  const current = await resource.get(NAME)
  if (!needsReady(current, cidrs)) return
  const condition = {
    type: 'Ready',
    status: 'True',
    message: 'Kubernetes default Service CIDR is ready',
    lastTransitionTime: formatTime(now),
  }
  const head = { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name: NAME } }
  const patch = { ...head, status: { conditions: [condition] } }
  await resource.patch(NAME, 'apply', patch, { subresource: 'status', fieldManager: MANAGER, force: true })
}

/** Nobody has said yet whether it is ready, and it is what this server was told. */
function needsReady({ metadata, spec, status }: ServiceCIDR, cidrs: readonly string[]): boolean {
  if (metadata.deletionTimestamp !== undefined || spec?.cidrs?.join() !== cidrs.join()) return false
  const ready = status?.conditions?.find(each => each.type === 'Ready')
  return ready === undefined || ready.status === 'Unknown'
}
