/** Namespaces go in two steps: marked and emptied first, removed when `spec.finalizers` is empty (pkg/registry/core/namespace). */
import type { Namespace } from '@canopus/api/core/v1'
import {
  type DeleteOptions,
  FOREGROUND_FINALIZER,
  formatTime,
  type KubeObject,
  ORPHAN_FINALIZER,
} from '@canopus/apimachinery'
import type { WriteCall } from './call.ts'
import { admitDeletion, type DeleteResult, deleteObject } from './delete.ts'
import type { KindHooks, KindStore } from './kind-store.ts'
import { checkPreconditions } from './preconditions.ts'
import { updateObject } from './update.ts'

const specFinalizers = (object: KubeObject): readonly string[] => (object as Namespace).spec?.finalizers ?? []

export const namespaceHooks: KindHooks = {
  readyToVanish: object => specFinalizers(object).length === 0,
}

export async function deleteNamespace(
  store: KindStore,
  call: WriteCall,
  namespace: string,
  name: string,
  options: DeleteOptions,
): Promise<DeleteResult> {
  const current = await store.get(namespace, name)
  const object = store.view(current)
  checkPreconditions(store, name, object, options.preconditions)
  if (object.metadata.deletionTimestamp === undefined) return mark(store, call, name, options, object)
  if (specFinalizers(object).length > 0) return { version: current, gone: false }
  return deleteObject(store, call, namespace, name, options)
}

async function mark(
  store: KindStore,
  call: WriteCall,
  name: string,
  options: DeleteOptions,
  oldObject: KubeObject,
): Promise<DeleteResult> {
  const { clock } = store.context
  await admitDeletion(store, call, '', name, oldObject)
  const { version } = await updateObject(store, call, '', name, {
    unconditional: true,
    admitted: true,
    ...(options.preconditions === undefined ? {} : { preconditions: options.preconditions }),
    produce: old => {
      const namespace = { ...(old as Namespace), metadata: { ...old!.metadata } }
      namespace.status = { ...namespace.status, phase: 'Terminating' }
      return namespace
    },
    prepare: object => {
      object.metadata.deletionTimestamp ??= formatTime(clock.now())
      setFinalizers(object.metadata, options)
    },
    validate: () => [],
    marksDeletion: true,
  })
  return { version, gone: false }
}

/** Those of the propagation policy come and go as the client says, and stay where it says nothing. */
function setFinalizers(metadata: KubeObject['metadata'], { orphanDependents, propagationPolicy }: DeleteOptions): void {
  if (orphanDependents === undefined && propagationPolicy === undefined) return
  const orphans = orphanDependents ?? propagationPolicy === 'Orphan'
  const waits = orphanDependents === undefined ? propagationPolicy === 'Foreground' : !orphanDependents
  const finalizers = (metadata.finalizers ?? []).filter(
    each => each !== ORPHAN_FINALIZER && each !== FOREGROUND_FINALIZER,
  )
  if (orphans) finalizers.push(ORPHAN_FINALIZER)
  if (waits) finalizers.push(FOREGROUND_FINALIZER)
  if (finalizers.length > 0) metadata.finalizers = finalizers
  else delete metadata.finalizers
}
