/**
 * Empties namespaces that are being deleted, pods first, and lets them go when nothing is left.
 * Behaviour: kubernetes pkg/controller/namespace (deletion/namespaced_resources_deleter.go, status_condition_utils.go).
 */

import { Namespaces, Pods } from '@canopus/api'
import type { Namespace, NamespaceCondition } from '@canopus/api/core/v1'
import {
  formatTime,
  hasReason,
  type KubeObject,
  type ResourceType,
  semanticEqual,
  setCondition,
} from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { type Client, createDiscovery, type Discovered, listAll } from '@canopus/client'
import {
  type Controller,
  type ControllerContext,
  defineController,
  on,
  patchStatus,
  primary,
  type ReconcileResult,
} from '@canopus/operator'

const FINALIZER = 'kubernetes'
/** When to look again at objects that wait for somebody's finalizer. */
const FINALIZER_WAIT_MS = 8_000

/** What deletion found in the namespace. */
export interface Content {
  discoveryError: string | undefined
  /** What could not be listed or deleted. */
  deletionErrors: readonly string[]
  /** How many objects of each resource (`pods.`, `deployments.apps`) are still there. */
  remaining: ReadonlyMap<string, number>
  /** How many objects each finalizer holds. */
  finalizers: ReadonlyMap<string, number>
}

/** The conditions that tell of it; the first four are always there once deletion has begun. */
export function conditionsOf(content: Content): NamespaceCondition[] {
  const condition = (type: string, bad: boolean, reasons: [string, string], messages: [string, string]) => ({
    type,
    status: bad ? 'True' : 'False',
    reason: reasons[bad ? 1 : 0],
    message: messages[bad ? 1 : 0],
  })
  const remaining = [...content.remaining].sort(byText)
  const finalizers = [...content.finalizers].sort(byText)
  return [
    condition(
      'NamespaceDeletionDiscoveryFailure',
      content.discoveryError !== undefined,
      ['ResourcesDiscovered', 'DiscoveryFailed'],
      ['All resources successfully discovered', `Discovery failed for some groups, ${content.discoveryError}`],
    ),
    condition(
      'NamespaceDeletionGroupVersionParsingFailure',
      false,
      ['ParsedGroupVersions', 'GroupVersionParsingFailed'],
      ['All legacy kube types successfully parsed', ''],
    ),
    condition(
      'NamespaceDeletionContentFailure',
      content.deletionErrors.length > 0,
      ['ContentDeleted', 'ContentDeletionFailed'],
      [
        'All content successfully deleted, may be waiting on finalization',
        `Failed to delete all resource types, ${content.deletionErrors.length} remaining: ${content.deletionErrors.join(', ')}`,
      ],
    ),
    condition(
      'NamespaceContentRemaining',
      remaining.length > 0,
      ['ContentRemoved', 'SomeResourcesRemain'],
      [
        'All content successfully removed',
        `Some resources are remaining: ${remaining.map(([name, count]) => `${name} has ${count} resource instances`).join(', ')}`,
      ],
    ),
    condition(
      'NamespaceFinalizersRemaining',
      finalizers.length > 0,
      ['ContentHasNoFinalizers', 'SomeFinalizersRemain'],
      [
        'All content-preserving finalizers finished',
        `Some content in the namespace has finalizers remaining: ${finalizers.map(([name, count]) => `${name} in ${count} resource instances`).join(', ')}`,
      ],
    ),
  ]
}

const byText = (a: [string, number], b: [string, number]): number => (a[0] < b[0] ? -1 : 1)

export function createNamespaceController(context: ControllerContext): Controller {
  const informer = context.informers.informer(Namespaces)
  const { client } = context
  const discover = createDiscovery(client.transport)
  return defineController(context, {
    name: 'namespace-controller',
    workers: 10,
    backoff: { maxBackoff: 60_000 }, // those that go are few, and should not wait long
    triggers: [
      primary(Namespaces, ({ object, deleted }) => !deleted && object.metadata.deletionTimestamp !== undefined),
      // The last pod that goes makes way for the rest.
      on(Pods, ({ object, deleted }, enqueue) => {
        const namespace = object.metadata.namespace!
        if (deleted && informer.lister.get(namespace)?.metadata.deletionTimestamp) enqueue(namespace)
      }),
    ],
    async reconcile(name): Promise<ReconcileResult | undefined> {
      if (!informer.lister.get(name)?.metadata.deletionTimestamp) return undefined
      let namespace: Namespace
      try {
        namespace = await client.resource(Namespaces).get(name)
      } catch (error) {
        if (hasReason(error, 'NotFound')) return undefined
        throw error
      }
      if (!namespace.metadata.deletionTimestamp || !namespace.spec?.finalizers?.includes(FINALIZER)) return undefined
      const { content, waitMs } = await deleteContent(client, discover, name)
      namespace = await writeStatus(context, namespace, content)
      if (content.deletionErrors.length > 0) throw new Error(content.deletionErrors.join(', '))
      if (content.discoveryError !== undefined) throw new Error(content.discoveryError)
      if (content.remaining.size > 0) return { requeueAfter: waitMs }
      await finalize(client, namespace)
      return undefined
    },
  })
}

async function deleteContent(
  client: Client,
  discover: () => Promise<Discovered>,
  namespace: string,
): Promise<{ content: Content; waitMs: number }> {
  const remaining = new Map<string, number>()
  const finalizers = new Map<string, number>()
  const deletionErrors: string[] = []
  let discovered: Discovered = { types: [Pods], stale: [] }
  let discoveryError: string | undefined
  try {
    discovered = await discover()
    if (discovered.stale.length > 0) {
      discoveryError = `${discovered.stale.length} failing: unable to retrieve the complete list of server APIs: ${discovered.stale.map(each => `${each}: stale GroupVersion discovery`).join(', ')}`
    }
  } catch (error) {
    discoveryError = String(error instanceof Error ? error.message : error)
  }
  let waitMs = FINALIZER_WAIT_MS
  const empty = async (type: ResourceType): Promise<number> => {
    try {
      const left = await deleteAll(client, type, namespace)
      if (left.length > 0) remaining.set(`${type.plural}.${type.group}`, left.length)
      for (const object of left) {
        for (const each of object.metadata.finalizers ?? []) finalizers.set(each, (finalizers.get(each) ?? 0) + 1)
        const grace = object.metadata.deletionGracePeriodSeconds ?? 0
        waitMs = Math.max(waitMs, (Math.floor(grace / 2) + 1) * 1000)
      }
      return left.length
    } catch (error) {
      deletionErrors.push(messageOf(error))
      return 0
    }
  }
  const types = discovered.types.filter(
    type => type.namespaced && type.verbs.includes('list') && type.verbs.includes('delete'),
  )
  const isPods = (type: ResourceType): boolean => type.group === '' && type.plural === 'pods'
  // Pods go before what they may depend on: their network policies, secrets and so on (KEP-5080).
  const pods = types.find(isPods)
  const podsLeft = pods ? await empty(pods) : 0
  if (podsLeft === 0 && deletionErrors.length === 0) {
    await Promise.all(types.filter(type => !isPods(type)).map(empty))
  }
  return { content: { discoveryError, deletionErrors, remaining, finalizers }, waitMs }
}

/** Deletes the objects of one kind; answers those that are still there. */
async function deleteAll(client: Client, type: ResourceType, namespace: string): Promise<readonly KubeObject[]> {
  const resource = client.resource(type)
  const body = { propagationPolicy: 'Background' }
  const objects = (await listAll(resource, { namespace })).items
  if (objects.length === 0) return objects
  if (type.verbs.includes('deletecollection')) await resource.deleteCollection({ namespace, body })
  else {
    for (const { metadata } of objects) {
      await resource.delete(metadata.name, { namespace, body }).catch(error => {
        if (!hasReason(error, 'NotFound')) throw error
      })
    }
  }
  return (await listAll(resource, { namespace })).items
}

async function writeStatus(context: ControllerContext, namespace: Namespace, content: Content): Promise<Namespace> {
  const now = formatTime(context.clock.now())
  const client = context.client.resource(Namespaces)
  const found = conditionsOf(content)
  return patchStatus(
    client,
    namespace,
    current => {
      let conditions: readonly NamespaceCondition[] = current.status?.conditions ?? []
      for (const condition of found) conditions = setCondition(conditions, condition, now)
      const status = { ...current.status, phase: 'Terminating', conditions: [...conditions] }
      return semanticEqual(status, current.status) ? undefined : { ...current, status }
    },
    { clock: context.clock },
  )
}

async function finalize(client: Client, namespace: Namespace): Promise<void> {
  const { name } = namespace.metadata
  const finalizers = (namespace.spec?.finalizers ?? []).filter(each => each !== FINALIZER)
  const body = { ...namespace, apiVersion: 'v1', kind: 'Namespace', spec: { ...namespace.spec, finalizers } }
  try {
    await client.resource(Namespaces).subresource(name, 'finalize', body, { method: 'PUT' })
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
  }
}
