/**
 * Publishes the certificate authority of the API server into every namespace, where pods mount it
 * (kubernetes pkg/controller/certificates/rootcacertpublisher).
 */

import { ConfigMaps, Namespaces } from '@canopus/api'
import { hasReason, StatusError, semanticEqual } from '@canopus/apimachinery'
import { exponentialBuckets, perRegistry } from '@canopus/base'
import { type Controller, type ControllerContext, defineController, on, primary } from '@canopus/operator'
import { isNamespaceTerminating } from './replica-set.ts'

const NAME = 'kube-root-ca.crt'
const DESCRIPTION = 'kubernetes.io/description'
// Part of the published object, which tools compare: upstream's words.
const TEXT =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. ' +
  'No other usage is guaranteed across distributions of Kubernetes clusters.'

// Both have the same help upstream.
const HELP = '[ALPHA] Number of namespace syncs happened in root ca cert publisher.'
const syncMetrics = perRegistry(registry => ({
  total: registry.counter('root_ca_cert_publisher_sync_total', HELP, ['code']),
  duration: registry.histogram(
    'root_ca_cert_publisher_sync_duration_seconds',
    HELP,
    ['code'],
    exponentialBuckets(0.001, 2, 15),
  ),
}))

export interface RootCaOptions {
  /** The certificates, in PEM. */
  rootCa: string
}

export function createRootCaPublisher(context: ControllerContext, { rootCa }: RootCaOptions): Controller {
  const namespaces = context.informers.informer(Namespaces)
  const configMaps = context.informers.informer(ConfigMaps)
  const client = context.client.resource(ConfigMaps)
  const data = { 'ca.crt': rootCa }
  const metrics = context.metrics && syncMetrics(context.metrics)
  const publish = async (namespace: string): Promise<void> => {
    const owner = namespaces.lister.get(namespace)
    if (!owner || owner.status?.phase === 'Terminating' || owner.metadata.deletionTimestamp) return
    const published = configMaps.lister.get(NAME, namespace)
    if (!published) {
      try {
        await client.create({ metadata: { name: NAME, namespace, annotations: { [DESCRIPTION]: TEXT } }, data })
      } catch (error) {
        if (!hasReason(error, 'AlreadyExists') && !isNamespaceTerminating(error)) throw error
      }
      return
    }
    const { annotations } = published.metadata
    if (semanticEqual(published.data, data) && annotations?.[DESCRIPTION]) return
    await client.update({
      ...published,
      metadata: { ...published.metadata, annotations: { ...annotations, [DESCRIPTION]: TEXT } },
      data,
    })
  }
  return defineController(context, {
    name: 'root-ca-certificate-publisher-controller',
    workers: 1,
    triggers: [
      primary(Namespaces, ({ deleted }) => !deleted),
      on(ConfigMaps, ({ object }, enqueue) => {
        if (object.metadata.name === NAME) enqueue(object.metadata.namespace!)
      }),
    ],
    async reconcile(namespace) {
      const begun = context.clock.monotonic()
      let code = '200'
      try {
        await publish(namespace)
        return undefined
      } catch (error) {
        code = String((error instanceof StatusError && error.status.code) || 500)
        throw error
      } finally {
        metrics?.total.with(code).add()
        metrics?.duration.with(code).observe((context.clock.monotonic() - begun) / 1000)
      }
    },
  })
}
