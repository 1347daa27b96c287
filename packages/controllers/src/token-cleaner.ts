/** Deletes bootstrap tokens that have expired (kubernetes pkg/controller/bootstrap/tokencleaner.go). */

import { Secrets } from '@canopus/api'
import type { Secret } from '@canopus/api/core/v1'
import { hasReason, parseTime } from '@canopus/apimachinery'
import { splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, primary } from '@canopus/operator'

const isToken = (secret: Secret): boolean =>
  secret.metadata.namespace === 'kube-system' && secret.type === 'bootstrap.kubernetes.io/token'

/** When the token ends, in milliseconds; at once where the time makes no sense; nothing where it has no end. */
export function expiryOf(secret: Secret): number | undefined {
  const encoded = secret.data?.expiration
  if (encoded === undefined || encoded === '') return undefined
  return parseTime(new TextDecoder().decode(Uint8Array.from(atob(encoded), char => char.charCodeAt(0)))) ?? 0
}

export function createTokenCleaner(context: ControllerContext): Controller {
  const secrets = context.informers.informer(Secrets)
  return defineController(context, {
    name: 'token-cleaner-controller',
    workers: 1,
    triggers: [primary(Secrets, ({ object, deleted }) => !deleted && isToken(object))],
    async reconcile(key) {
      const { name, namespace } = splitKey(key)
      const secret = secrets.lister.get(name, namespace)
      const expiry = secret && isToken(secret) ? expiryOf(secret) : undefined
      if (!secret || expiry === undefined) return undefined
      const left = expiry - context.clock.now()
      if (left > 0) return { requeueAfter: left }
      const body = { preconditions: { uid: secret.metadata.uid } }
      try {
        await context.client.resource(Secrets).delete(name, { namespace: namespace!, body })
      } catch (error) {
        if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error
      }
      return undefined
    },
  })
}
