/** The lease by which an API server is known (KEP-1965, `apiserver-...` in kube-system). */
import { createHash } from 'node:crypto'
import { Leases } from '@canopus/api'
import { formatMicroTime, hasReason } from '@canopus/apimachinery'
import { type Clock, type Logger, type Random, sleep, uuid } from '@canopus/base'
import type { Client } from '@canopus/client'

const NAMESPACE = 'kube-system'
const DURATION_SECONDS = 3600
const INTERVAL = 10_000
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** `apiserver-` and 26 letters that stand for the host. */
export function identityOf(hostname: string): string {
  const bits = [...createHash('sha256').update(hostname).digest().subarray(0, 16)]
    .map(byte => byte.toString(2).padStart(8, '0'))
    .join('')
  const letters = bits.match(/.{1,5}/g)!.map(five => ALPHABET[Number.parseInt(five.padEnd(5, '0'), 2)])
  return `apiserver-${letters.join('')}`
}

export interface IdentityLeaseOptions {
  readonly client: Client
  readonly hostname: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Keeps the lease until the signal aborts. Those of servers that are gone are left for whoever cleans up. */
export async function runIdentityLease(options: IdentityLeaseOptions, signal: AbortSignal): Promise<void> {
  const { client, hostname, clock, random, logger } = options
  const name = identityOf(hostname)
  const holderIdentity = `${name}_${uuid(random)}`
  const leases = client.resource(Leases)
  const scope = { namespace: NAMESPACE }
  while (!signal.aborted) {
    try {
      const renewTime = formatMicroTime(clock.now())
      const found = await leases.get(name, scope).catch(error => {
        if (hasReason(error, 'NotFound')) return undefined
        throw error
      })
      const labels = { 'apiserver.kubernetes.io/identity': 'kube-apiserver', 'kubernetes.io/hostname': hostname }
      const spec = { holderIdentity, leaseDurationSeconds: DURATION_SECONDS, renewTime }
      if (found === undefined) await leases.create({ metadata: { name, namespace: NAMESPACE, labels }, spec }, scope)
      else await leases.update({ ...found, spec: { ...found.spec, ...spec } }, scope)
    } catch (error) {
      if (!signal.aborted) logger.warn('the lease of this server could not be renewed', { name, error })
    }
    await sleep(clock, INTERVAL, signal).catch(() => {})
  }
}
