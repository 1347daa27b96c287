/** Sees to it that every namespace has the service account `default` (kubernetes pkg/controller/serviceaccount). */

import { Namespaces, ServiceAccounts } from '@canopus/api'
import { hasReason } from '@canopus/apimachinery'
import { type Controller, type ControllerContext, defineController, on, primary } from '@canopus/operator'
import { isNamespaceTerminating } from './replica-set.ts'

const NAME = 'default'

export function createServiceAccountController(context: ControllerContext): Controller {
  const namespaces = context.informers.informer(Namespaces)
  const accounts = context.informers.informer(ServiceAccounts)
  return defineController(context, {
    name: 'serviceaccount-controller',
    workers: 1,
    triggers: [
      primary(Namespaces, ({ deleted }) => !deleted),
      on(ServiceAccounts, ({ object, deleted }, enqueue) => {
        if (deleted && object.metadata.name === NAME) enqueue(object.metadata.namespace!)
      }),
    ],
    async reconcile(namespace) {
      const object = namespaces.lister.get(namespace)
      if (!object || object.status?.phase === 'Terminating' || object.metadata.deletionTimestamp) return undefined
      if (accounts.lister.get(NAME, namespace)) return undefined
      try {
        await context.client.resource(ServiceAccounts).create({ metadata: { name: NAME, namespace } })
      } catch (error) {
        if (!hasReason(error, 'AlreadyExists') && !isNamespaceTerminating(error)) throw error
      }
      return undefined
    },
  })
}
