import { Leases } from '@canopus/api'
import type { Lease } from '@canopus/api/coordination/v1'
import { formatMicroTime, hasReason } from '@canopus/apimachinery'
import { type Clock, type Logger, sleep } from '@canopus/base'
import type { Client } from '@canopus/client'

const NAMESPACE = 'kube-node-lease'
const DURATION_SECONDS = 40
const RENEW_EVERY = 10_000
const RETRY_AFTER = 1_000

export interface NodeLeaseOptions {
  client: Client
  clock: Clock
  logger: Logger
  nodeName: string
  /** The node's uid, once it is registered: the lease goes when the node does. */
  nodeUid(): string | undefined
}

/** Renews the node's lease, by which the control plane knows that the node lives (KEP 589). */
export async function runNodeLease(options: NodeLeaseOptions, signal: AbortSignal): Promise<void> {
  let lease: Lease | undefined
  while (!signal.aborted) {
    let pause = RENEW_EVERY
    try {
      lease = lease ? await renew(options, lease, signal) : await obtain(options, signal)
    } catch (error) {
      if (signal.aborted) return
      options.logger.warn('the node’s lease could not be renewed', { error })
      lease = undefined
      pause = RETRY_AFTER
    }
    await sleep(options.clock, pause, signal).catch(() => {})
  }
}

async function obtain(options: NodeLeaseOptions, signal: AbortSignal): Promise<Lease> {
  const { client, clock, nodeName } = options
  const leases = client.resource(Leases)
  try {
    return await renew(options, await leases.get(nodeName, { namespace: NAMESPACE, signal }), signal)
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
    const uid = options.nodeUid()
    const ownerReferences = uid === undefined ? [] : [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }]
    const spec = spell(nodeName, clock.now())
    return leases.create(
      { metadata: { name: nodeName, namespace: NAMESPACE, ownerReferences }, spec },
      { namespace: NAMESPACE, signal },
    )
  }
}

function renew({ client, clock, nodeName }: NodeLeaseOptions, lease: Lease, signal: AbortSignal): Promise<Lease> {
  const spec = { ...lease.spec, ...spell(nodeName, clock.now()) }
  return client.resource(Leases).update({ ...lease, spec }, { namespace: NAMESPACE, signal })
}

function spell(holderIdentity: string, now: number): Lease['spec'] {
  return { holderIdentity, leaseDurationSeconds: DURATION_SECONDS, renewTime: formatMicroTime(now) }
}
