/**
 * A definition goes in two steps: marked and its objects removed first, then gone
 * (k8s.io/apiextensions-apiserver/pkg/registry/customresourcedefinition/etcd.go).
 */
import type { CustomResourceDefinition } from '@canopus/api/apiextensions/v1'
import { type DeleteOptions, formatTime, setCondition } from '@canopus/apimachinery'
import type { WriteCall } from '../registry/call.ts'
import { admitDeletion, type DeleteResult, deleteObject } from '../registry/delete.ts'
import type { KindStore } from '../registry/kind-store.ts'
import { checkPreconditions } from '../registry/preconditions.ts'
import { updateObject } from '../registry/update.ts'

export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io'

export async function deleteDefinition(
  store: KindStore,
  call: WriteCall,
  namespace: string,
  name: string,
  options: DeleteOptions,
): Promise<DeleteResult> {
  const current = await store.get(namespace, name)
  const object = store.view(current)
  checkPreconditions(store, name, object, options.preconditions)
  if (object.metadata.deletionTimestamp !== undefined) return deleteObject(store, call, namespace, name, options)
  const { clock } = store.context
  await admitDeletion(store, call, '', name, object)
  const { version } = await updateObject(store, call, '', name, {
    unconditional: true,
    admitted: true,
    ...(options.preconditions === undefined ? {} : { preconditions: options.preconditions }),
    produce: old => marked(old as CustomResourceDefinition, formatTime(clock.now())),
    prepare: () => {},
    validate: () => [],
    marksDeletion: true,
  })
  return { version, gone: false }
}

function marked(old: CustomResourceDefinition, now: string): CustomResourceDefinition {
  const finalizers = old.metadata.finalizers ?? []
  const conditions = setCondition(
    old.status?.conditions,
    {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionPending',
      message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    },
    now,
  )
  return {
    ...old,
    metadata: {
      ...old.metadata,
      deletionTimestamp: old.metadata.deletionTimestamp ?? now,
      finalizers: finalizers.includes(CLEANUP_FINALIZER) ? finalizers : [...finalizers, CLEANUP_FINALIZER],
    },
    status: { ...old.status!, conditions: [...conditions] },
  }
}
