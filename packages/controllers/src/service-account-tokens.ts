/**
 * Fills in secrets of type `kubernetes.io/service-account-token`, and removes those whose account is gone
 * (kubernetes pkg/controller/serviceaccount/tokens_controller.go). Such tokens never end by themselves.
 */

import { Secrets, ServiceAccounts } from '@canopus/api'
import type { Secret, ServiceAccount } from '@canopus/api/core/v1'
import { hasReason, type KubeObject } from '@canopus/apimachinery'
import type { Informer } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, on, type Trigger } from '@canopus/operator'

const TYPE = 'kubernetes.io/service-account-token'
const ACCOUNT = 'kubernetes.io/service-account.name'
const ACCOUNT_UID = 'kubernetes.io/service-account.uid'

/** Only these secrets are watched: there may be many others, and they are none of our business. */
const SCOPE = { fieldSelector: `type=${TYPE}` }

export interface ServiceAccountTokenOptions {
  /** Makes the token of a secret (`createLegacyTokenIssuer` of package `apiserver`). */
  issueToken(account: ServiceAccount, secret: Secret): Promise<string>
  /** PEM of the API server's authority, which goes into the secret too. */
  rootCa?: string
}

export function createServiceAccountTokenController(
  context: ControllerContext,
  options: ServiceAccountTokenOptions,
): Controller {
  const secrets = context.informers.informer(Secrets, SCOPE)
  const accounts = context.informers.informer(ServiceAccounts)
  const client = context.client.resource(Secrets)
  return defineController(context, {
    name: 'serviceaccount-token-controller',
    workers: 1,
    triggers: [
      changedSecrets,
      on(ServiceAccounts, ({ object: { metadata } }, enqueue) => {
        for (const secret of secrets.lister.list(metadata.namespace)) {
          if (secret.metadata.annotations?.[ACCOUNT] === metadata.name) {
            enqueue(`${secret.metadata.namespace}/${secret.metadata.name}`)
          }
        }
      }),
    ],
    async reconcile(key) {
      const [namespace = '', name = ''] = key.split('/')
      const secret = secrets.lister.get(name, namespace)
      const wanted = secret?.metadata.annotations?.[ACCOUNT]
      if (secret === undefined || !wanted || secret.metadata.deletionTimestamp) return undefined
      const account = accounts.lister.get(wanted, namespace) ?? (await find(context, wanted, namespace))
      const uid = secret.metadata.annotations?.[ACCOUNT_UID]
      if (account === undefined || (uid && uid !== account.metadata.uid)) {
        const preconditions = { uid: secret.metadata.uid, resourceVersion: secret.metadata.resourceVersion }
        await client.delete(name, { namespace, body: { preconditions } })
        return undefined
      }
      const missing = await missingData(secret, account, options)
      if (Object.keys(missing).length === 0 && uid) return undefined
      await client.update({
        ...secret,
        metadata: {
          ...secret.metadata,
          annotations: { ...secret.metadata.annotations, [ACCOUNT_UID]: account.metadata.uid },
        },
        data: { ...secret.data, ...missing },
      })
      return undefined
    },
  })
}

const changedSecrets: Trigger = {
  prepare: informers => informers.informer(Secrets, SCOPE) as unknown as Informer<KubeObject>,
  connect(informers, enqueue) {
    const wake = ({ metadata }: Secret): void => enqueue(`${metadata.namespace}/${metadata.name}`)
    return informers.informer(Secrets, SCOPE).addHandler({ added: wake, updated: (_, secret) => wake(secret) })
  },
}

/** Looks on the server: a secret must not be removed because our view of accounts is behind. */
async function find(context: ControllerContext, name: string, namespace: string): Promise<ServiceAccount | undefined> {
  try {
    return await context.client.resource(ServiceAccounts).get(name, { namespace })
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined
    throw error
  }
}

async function missingData(
  secret: Secret,
  account: ServiceAccount,
  { issueToken, rootCa }: ServiceAccountTokenOptions,
): Promise<Record<string, string>> {
  const missing: Record<string, string> = {}
  const { data = {} } = secret
  if (!data.token) missing.token = btoa(await issueToken(account, secret))
  if (!data.namespace) missing.namespace = btoa(account.metadata.namespace!)
  if (rootCa !== undefined && data['ca.crt'] !== btoa(rootCa)) missing['ca.crt'] = btoa(rootCa)
  return missing
}
