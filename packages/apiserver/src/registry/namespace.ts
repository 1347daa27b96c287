/** Namespaces go in two steps: marked and emptied first, removed when `spec.finalizers` is empty (pkg/registry/core/namespace). */
import type { Namespace } from '@canopus/api/core/v1'
import { conflictError, type DeleteOptions, formatTime, type KubeObject } from '@canopus/apimachinery'
import type { WriteCall } from './call.ts'
import { type DeleteResult, deleteObject } from './delete.ts'
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
  if (specFinalizers(object).length > 0) {
    throw conflictError(
      store.target(name),
      'The system is ensuring all content is removed from this namespace.  Upon completion, this namespace will automatically be purged by the system.',
    )
  }
  return deleteObject(store, call, namespace, name, options)
}

async function mark(
  store: KindStore,
  call: WriteCall,
  name: string,
  options: DeleteOptions,
  oldObject: KubeObject,
): Promise<DeleteResult> {
  const { admission, clock } = store.context
  const target = { kind: store.kind, operation: 'DELETE' as const, namespace: '', name, object: undefined, oldObject }
  await admission.mutate(call, target)
  await admission.validate(call, target)
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
      if (object.metadata.generation !== undefined) object.metadata.generation++
    },
    validate: () => [],
    marksDeletion: true,
  })
  return { version, gone: false }
}
