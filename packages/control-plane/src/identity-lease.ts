/**
 * Says by a lease in kube-system that an API server is there, and removes the leases of those that are not any more. Behaviour:
 * kubernetes pkg/controlplane (apiserver-identity) and pkg/controlplane/controller/apiserverleasegc.
 */
import { Leases } from '@canopus/api'
import type { Lease } from '@canopus/api/coordination/v1'
import { type Draft, formatMicroTime, hasReason, parseTime } from '@canopus/apimachinery'
import { PEER_ADDRESS } from '@canopus/apiserver'
import { type Clock, type Logger, sleep } from '@canopus/base'
import type { Client } from '@canopus/client'

const NAMESPACE = 'kube-system'
const LABEL = 'apiserver.kubernetes.io/identity'
const COMPONENT = 'kube-apiserver'
const SECONDS = 3600
/** How often the lease is renewed, and how often old ones are looked for; milliseconds. */
const RENEW = 10_000
const COLLECT = SECONDS * 1000

export interface IdentityLeaseOptions {
  client: Client
  clock: Clock
  logger: Logger
  /** Of this server, the same after a restart: `apiserver-` and what tells it from others. */
  name: string
  hostname: string
  /** Of this run of it. */
  holder: string
  /** Where other servers reach it, `host:port`; they do not where missing. */
  address?: string
}

/** Whether whoever held the lease has not renewed it in time. */
export function isExpired({ spec }: Lease, now: number): boolean {
  const renewed = parseTime(spec?.renewTime ?? '')
  if (renewed === undefined || spec?.leaseDurationSeconds === undefined) return true
  return renewed + spec.leaseDurationSeconds * 1000 < now
}

/** Renews and collects until the signal aborts. Failures are told and tried again. */
export async function keepIdentityLease(options: IdentityLeaseOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger } = options
  let collected = Number.NEGATIVE_INFINITY
  while (!signal.aborted) {
    try {
      await renew(options)
      if (clock.monotonic() - collected >= COLLECT) {
        collected = clock.monotonic()
        await collect(options)
      }
    } catch (error) {
      if (!signal.aborted) logger.warn('the identity lease could not be kept, trying again', { error })
    }
    await sleep(clock, RENEW, signal).catch(() => {})
  }
}

async function renew({ client, clock, name, hostname, holder, address }: IdentityLeaseOptions): Promise<void> {
  const leases = client.resource(Leases)
  const renewTime = formatMicroTime(clock.now())
  const spec = { holderIdentity: holder, leaseDurationSeconds: SECONDS, renewTime }
  const annotations = address === undefined ? undefined : { [PEER_ADDRESS]: address }
  try {
    const patch = { spec, ...(annotations === undefined ? {} : { metadata: { annotations } }) }
    await leases.patch(name, 'merge', patch, { namespace: NAMESPACE })
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
    const labels = { [LABEL]: COMPONENT, 'kubernetes.io/hostname': hostname }
    const lease: Draft<Lease> = {
      metadata: { name, namespace: NAMESPACE, labels, ...(annotations === undefined ? {} : { annotations }) },
      spec,
    }
    await leases.create(lease)
  }
}

async function collect({ client, clock, name }: IdentityLeaseOptions): Promise<void> {
  const leases = client.resource(Leases)
  const { items } = await leases.list({ namespace: NAMESPACE, labelSelector: `${LABEL}=${COMPONENT}` })
  for (const lease of items) {
    if (lease.metadata.name === name || !isExpired(lease, clock.now())) continue
    const { uid, resourceVersion } = lease.metadata
    const body = { preconditions: { uid, resourceVersion } }
    await leases.delete(lease.metadata.name, { namespace: NAMESPACE, body }).catch(error => {
      // Gone already, or renewed after all.
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error
    })
  }
}
