import { type Draft, hasReason, type KubeObject, type ResourceType } from '@canopus/apimachinery'
import { sideBySide } from '@canopus/base'
import type { Client } from '@canopus/client'
import type { Change } from './reconcile-roles.ts'

/** Attempts at a write that others may do at the same time. */
const ATTEMPTS = 5

/** Creates the object unless one of that name exists. */
export async function ensureObject<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  wanted: Draft<T>,
): Promise<void> {
  await reconcileObject(client, type, wanted, () => ({ kind: 'keep' }))
}

/** Creates the object, or changes the one that exists as `reconcile` says. Safe beside other API servers doing the same. */
export async function reconcileObject<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  wanted: Draft<T>,
  reconcile: (existing: T) => Change<T>,
): Promise<void> {
  await converge(client, type, wanted, reconcile, await find(client, type, wanted))
}

/** `found` is what exists as far as is known; where a write shows that it has changed, it is looked at again. */
async function converge<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  wanted: Draft<T>,
  reconcile: (existing: T) => Change<T>,
  found: T | undefined,
  fieldManager?: string,
): Promise<void> {
  const resource = client.resource(type)
  const scope = { ...scopeOf(wanted), ...(fieldManager !== undefined && { fieldManager }) }
  let existing = found
  for (let attempt = 1; ; attempt++) {
    try {
      if (existing === undefined) {
        await resource.create(wanted, scope)
        return
      }
      const change = reconcile(existing)
      if (change.kind === 'keep') return
      if (change.kind === 'update') {
        await resource.update(change.object, scope)
        return
      }
      await resource.delete(wanted.metadata.name!, scope)
      existing = undefined
    } catch (error) {
      const raced = ['AlreadyExists', 'Conflict', 'NotFound'].some(reason => hasReason(error, reason))
      if (!raced || attempt === ATTEMPTS) throw error
      existing = await find(client, type, wanted)
    }
  }
}

const scopeOf = ({ metadata: { namespace } }: { metadata: { namespace?: string } }): { namespace?: string } =>
  namespace === undefined ? {} : { namespace }

async function find<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  wanted: Draft<T>,
): Promise<T | undefined> {
  try {
    return await client.resource(type).get(wanted.metadata.name!, scopeOf(wanted))
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined
    throw error
  }
}

/** Writes at a time. */
const PARALLEL = 16

/** The same for many objects of a kind: one list, then only the writes that are needed; `fieldManager` is who writes, if not this server. */
export async function reconcileObjects<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  wanted: readonly Draft<T>[],
  reconcile: (existing: T, wanted: Draft<T>) => Change<T>,
  fieldManager?: string,
): Promise<void> {
  const key = (object: { metadata: { namespace?: string; name?: string } }): string =>
    `${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`
  const { items } = await client.resource(type).list()
  const existing = new Map(items.map(item => [key(item), item]))
  await sideBySide(wanted, PARALLEL, each =>
    converge(client, type, each, found => reconcile(found, each), existing.get(key(each)), fieldManager),
  )
}
