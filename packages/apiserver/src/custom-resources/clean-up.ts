/** Empties a definition that is to go (k8s.io/apiextensions-apiserver/pkg/controller/finalizer/crd_finalizer.go). */
import type { CustomResourceDefinition, CustomResourceDefinitionCondition } from '@canopus/api/apiextensions/v1'
import { formatTime, hasReason, setCondition } from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import type { WriteCall } from '../registry/call.ts'
import { deleteObject } from '../registry/delete.ts'
import type { KindStore } from '../registry/kind-store.ts'
import { CLEANUP_FINALIZER } from './delete-definition.ts'

type Change = (edit: (current: CustomResourceDefinition) => CustomResourceDefinition) => Promise<void>

const DELETES: WriteCall = {
  user: { name: 'system:apiserver', groups: ['system:masters'] },
  dryRun: false,
  options: { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1' },
  subresource: '',
  warnings: [],
}

/** How many objects are deleted at once. */
const BATCH = 32

/**
 * Deletes all objects, waits for those that have finalizers of their own, then lets the definition go. Without a store it has no
 * objects.
 */
export async function cleanUp(store: KindStore | undefined, clock: Clock, change: Change): Promise<void> {
  const told = (status: 'True' | 'False', reason: string, message: string) => (current: CustomResourceDefinition) => {
    const condition = { type: 'Terminating', status, reason, message }
    const conditions = setCondition<CustomResourceDefinitionCondition>(
      current.status?.conditions,
      condition,
      formatTime(clock.now()),
    )
    return { ...current, status: { ...current.status!, conditions: [...conditions] } }
  }
  await change(told('True', 'InstanceDeletionInProgress', 'CustomResource deletion is in progress'))
  if (store !== undefined) await empty(store)
  await change(current => {
    const done = told('False', 'InstanceDeletionCompleted', 'removed all instances')(current)
    const finalizers = (done.metadata.finalizers ?? []).filter(each => each !== CLEANUP_FINALIZER)
    return { ...done, metadata: { ...done.metadata, finalizers } }
  })
}

async function empty(store: KindStore): Promise<void> {
  await store.context.cache.fresh()
  const objects = store.cache.all()
  for (let at = 0; at < objects.length; at += BATCH) {
    await Promise.all(objects.slice(at, at + BATCH).map(({ namespace, name }) => remove(store, namespace, name)))
  }
  await emptied(store)
}

async function remove(store: KindStore, namespace: string, name: string): Promise<void> {
  try {
    await deleteObject(store, DELETES, namespace, name, {})
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
  }
}

function emptied({ cache }: KindStore): Promise<void> {
  if (cache.size === 0) return Promise.resolve()
  return new Promise(resolve => {
    const stop = cache.onChange(() => {
      if (cache.size > 0) return
      stop()
      resolve()
    })
  })
}
