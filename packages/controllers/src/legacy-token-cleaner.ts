/**
 * Removes tokens in secrets that were made for service accounts automatically and that nobody has used for a year: first they
 * are marked, then, another year later, deleted (kubernetes pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go).
 */

import { ConfigMaps, Pods, Secrets, ServiceAccounts } from '@canopus/api'
import type { Pod, Secret, ServiceAccount } from '@canopus/api/core/v1'
import { formatDay, hasReason, isDay, parseTime } from '@canopus/apimachinery'
import { sleep } from '@canopus/base'
import type { Controller, ControllerContext } from '@canopus/operator'

const TYPE = 'kubernetes.io/service-account-token'
const ACCOUNT = 'kubernetes.io/service-account.name'
const ACCOUNT_UID = 'kubernetes.io/service-account.uid'
const LAST_USED = 'kubernetes.io/legacy-token-last-used'
const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since'
/** Tells since when the API server notes the use of such tokens. */
const TRACKING = 'kube-apiserver-legacy-service-account-token-tracking'
const DAY = 86_400_000
const PERIOD_MS = DAY

export interface LegacyTokenCleanerOptions {
  /** Milliseconds that a token may go unused, and then stay marked. Default one year. */
  cleanUpPeriod?: number
}

export interface LegacyTokenState {
  secret: Secret
  account: ServiceAccount | undefined
  /** Whether a pod of its namespace names the secret. */
  mounted: boolean
  /** Milliseconds since the epoch. */
  now: number
  cleanUpPeriod: number
}

/** What is due for one token. */
export function planLegacyToken(state: LegacyTokenState): 'keep' | 'mark' | 'delete' {
  const { secret, account, mounted, now, cleanUpPeriod } = state
  const { annotations = {}, creationTimestamp, deletionTimestamp, labels = {}, name } = secret.metadata
  const limit = now - cleanUpPeriod
  if (secret.type !== TYPE || deletionTimestamp || (parseTime(creationTimestamp) ?? now) >= limit) return 'keep'
  const lastUsed = labels[LAST_USED]
  if (lastUsed !== undefined && (!isDay(lastUsed) || lastUsed >= formatDay(limit))) return 'keep'
  const isOwn = account && (!annotations[ACCOUNT_UID] || annotations[ACCOUNT_UID] === account.metadata.uid)
  // Tokens that somebody asked for by hand are not listed by their account.
  if (!isOwn || !account.secrets?.some(reference => reference.name === name) || mounted) return 'keep'
  const invalidSince = labels[INVALID_SINCE]
  if (invalidSince === undefined || !isDay(invalidSince)) return 'mark'
  return invalidSince >= formatDay(limit) ? 'keep' : 'delete'
}

export function createLegacyTokenCleaner(
  context: ControllerContext,
  { cleanUpPeriod = 365 * DAY }: LegacyTokenCleanerOptions = {},
): Controller {
  const { client, clock, informers, logger } = context
  const accounts = informers.informer(ServiceAccounts)
  const pods = informers.informer(Pods)
  const secrets = informers.informer(Secrets, { fieldSelector: `type=${TYPE}` })

  async function clean(signal: AbortSignal): Promise<void> {
    const since = await trackedSince(context, signal)
    const now = clock.now()
    if (since === undefined || now < since + cleanUpPeriod) return
    for (const secret of secrets.lister.list()) {
      const { annotations, name, namespace, uid, resourceVersion } = secret.metadata
      const account = accounts.lister.get(annotations?.[ACCOUNT] ?? '', namespace)
      const mounted = pods.lister.list(namespace).some(pod => secretsOf(pod).has(name))
      const action = planLegacyToken({ secret, account, mounted, now, cleanUpPeriod })
      const resource = client.resource(Secrets)
      try {
        if (action === 'mark') {
          const patch = { metadata: { uid, labels: { [INVALID_SINCE]: formatDay(now) } } }
          await resource.patch(name, 'merge', patch, { namespace: namespace!, signal })
        } else if (action === 'delete') {
          await resource.delete(name, { namespace: namespace!, signal, body: { preconditions: { resourceVersion } } })
        }
      } catch (error) {
        if (signal.aborted) return
        const isOver = hasReason(error, 'NotFound') || hasReason(error, 'Conflict')
        if (!isOver) logger.warn('could not clean up a token', { secret: `${namespace}/${name}`, error })
      }
    }
  }

  return {
    name: 'legacy-serviceaccount-token-cleaner-controller',
    async run(signal) {
      try {
        await Promise.all([accounts, pods, secrets].map(informer => informer.waitForSync(signal)))
        while (!signal.aborted) {
          await clean(signal).catch(error => {
            if (!signal.aborted) logger.warn('could not look for tokens that nobody uses', { error })
          })
          await sleep(clock, PERIOD_MS, signal)
        }
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
  }
}

/** The end of the day on which the API server began to note uses; nothing where it does not. */
async function trackedSince({ client }: ControllerContext, signal: AbortSignal): Promise<number | undefined> {
  try {
    const map = await client.resource(ConfigMaps).get(TRACKING, { namespace: 'kube-system', signal })
    const since = map.data?.since ?? ''
    return isDay(since) ? Date.parse(since) + DAY : undefined
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined
    throw error
  }
}

/** The secrets that a pod names, wherever it may. */
export function secretsOf({ spec }: Pod): Set<string> {
  const names = new Set<string | undefined>()
  for (const { name } of spec?.imagePullSecrets ?? []) names.add(name)
  const containers = [
    ...(spec?.containers ?? []),
    ...(spec?.initContainers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ]
  for (const { env = [], envFrom = [] } of containers) {
    for (const { valueFrom } of env) names.add(valueFrom?.secretKeyRef?.name)
    for (const { secretRef } of envFrom) names.add(secretRef?.name)
  }
  for (const volume of spec?.volumes ?? []) {
    names.add(volume.secret?.secretName)
    for (const { secret } of volume.projected?.sources ?? []) names.add(secret?.name)
    for (const source of [volume.csi?.nodePublishSecretRef, volume.cephfs?.secretRef, volume.flexVolume?.secretRef]) {
      names.add(source?.name)
    }
    for (const source of [volume.iscsi?.secretRef, volume.rbd?.secretRef, volume.scaleIO?.secretRef]) {
      names.add(source?.name)
    }
    names.add(volume.azureFile?.secretName)
    names.add(volume.storageos?.secretRef?.name)
  }
  names.delete(undefined)
  return names as Set<string>
}
