/**
 * DELETE: mark, wait, or remove, as the plan of the deletion says
 * (k8s.io/apiserver/pkg/registry/generic/registry/store.go, Delete).
 */
import type { DeleteOptions, KubeObject, Preconditions } from '@canopus/apimachinery'
import { RevisionMismatchError, type WriteOptions } from '@canopus/store'
import type { ObjectVersion } from '../cache/object-version.ts'
import { inStore, type WriteCall } from './call.ts'
import { planDeletion } from './deletion-plan.ts'
import type { KindStore } from './kind-store.ts'
import { checkDeletePreconditions, checkStoredPreconditions } from './preconditions.ts'

export interface DeleteResult {
  readonly version: ObjectVersion
  /** False where the object is still there, marked for deletion. */
  readonly gone: boolean
}

const decidedOf = ({ decided }: WriteCall): Pick<WriteOptions, 'decided'> => (decided === undefined ? {} : { decided })

/** The name that admission hears: none for objects of a collection, as they are shown whole. */
const toldName = ({ collection }: WriteCall, name: string): string => (collection === true ? '' : name)

/** `admitted` skips admission: it was asked about the deletion in another form (an eviction). Throws StatusError 404, 409. */
export async function deleteObject(
  store: KindStore,
  call: WriteCall,
  namespace: string,
  name: string,
  given: DeleteOptions,
  admitted = false,
): Promise<DeleteResult> {
  const { context, kind } = store
  const rules = context.leavesDependents === true ? { ...kind.strategy, leavesDependents: true } : kind.strategy
  let current = await store.get(namespace, name)
  let options = given
  let told = call
  for (;;) {
    const old = store.view(current)
    checkDeletePreconditions(store, name, old, given.preconditions)
    const plan = planDeletion(rules, old, options, context.clock.now())
    if (plan.step === 'none') return { version: current, gone: false }
    options = plan.options
    if (call.collection !== true && options !== given) told = { ...call, options }
    if (!admitted) await admitDeletion(store, told, namespace, name, old)
    try {
      if (plan.step === 'remove') return await remove(store, call, current, old)
      if (call.dryRun) return { version: store.dryRunVersion(plan.object, current.revision), gone: plan.removes }
      if (plan.object === old) return { version: current, gone: false }
      const stored = await store.toStored(plan.object)
      const last = plan.removes ? undefined : decidedOf(call)
      const write = () => context.store.update(current.key, at => store.stamped(stored, at), current.revision, last)
      const kv = await inStore(call, write)
      current = await store.taken(kv)
      if (!plan.removes) return { version: current, gone: false }
      return await removeMarked(store, told, current, given.preconditions, admitted)
    } catch (error) {
      if (!(error instanceof RevisionMismatchError)) throw error
      if (error.current === undefined) throw store.notFound(name)
      current = await store.taken(error.current)
    }
  }
}

/**
 * Removes what has just been marked, whatever others have made of it since: somebody who ends pods may be at it too, so that it
 * does not matter where it is gone already. Admission is asked once more, as upstream does.
 */
async function removeMarked(
  store: KindStore,
  call: WriteCall,
  marked: ObjectVersion,
  preconditions: Preconditions | undefined,
  admitted: boolean,
): Promise<DeleteResult> {
  const { namespace, name } = marked
  const { uid, resourceVersion } = store.view(marked).metadata
  const wanted = preconditions?.resourceVersion === undefined ? preconditions : { ...preconditions, resourceVersion }
  let current = marked
  for (;;) {
    const old = store.view(current)
    checkStoredPreconditions({ store, namespace, name, dryRun: call.dryRun }, old, wanted)
    if (old.metadata.uid !== uid) return { version: marked, gone: true }
    if (!admitted) await admitDeletion(store, call, namespace, name, old)
    try {
      return await remove(store, call, current, old)
    } catch (error) {
      if (!(error instanceof RevisionMismatchError)) throw error
      if (error.current === undefined) return { version: marked, gone: true }
      current = await store.taken(error.current)
    }
  }
}

/** Throws RevisionMismatchError where somebody else wrote. */
async function remove(
  store: KindStore,
  call: WriteCall,
  current: ObjectVersion,
  old: KubeObject,
): Promise<DeleteResult> {
  if (call.dryRun) return { version: store.dryRunVersion(old, current.revision), gone: true }
  const { revision } = await inStore(call, () =>
    store.context.store.delete(current.key, current.revision, decidedOf(call)),
  )
  await store.hooks.settled?.(undefined, old)
  return { version: current.atRevision(revision), gone: true }
}

/** Asks admission whether an object may be deleted. Throws StatusError where not. */
export async function admitDeletion(
  { kind, context: { admission } }: KindStore,
  call: WriteCall,
  namespace: string,
  name: string,
  oldObject: KubeObject,
): Promise<void> {
  const operation = 'DELETE' as const
  const target = { kind, operation, namespace, name: toldName(call, name), object: undefined, oldObject }
  await admission.mutate(call, target)
  await admission.validate(call, target)
}
