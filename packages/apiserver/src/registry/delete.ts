/**
 * DELETE: mark, wait, or remove. Whoever holds a finalizer or a grace period decides when an object goes
 * (k8s.io/apiserver/pkg/registry/rest/delete.go, generic/registry/store.go).
 */
import {
  type DeleteOptions,
  FOREGROUND_FINALIZER,
  formatTime,
  type KubeObject,
  ORPHAN_FINALIZER,
  parseTime,
} from '@canopus/apimachinery'
import { RevisionMismatchError } from '@canopus/store'
import type { ObjectVersion } from '../cache/object-version.ts'
import type { WriteCall } from './call.ts'
import type { KindStore } from './kind-store.ts'
import { checkDeletePreconditions } from './preconditions.ts'

export interface DeleteResult {
  readonly version: ObjectVersion
  /** False where the object is still there, marked for deletion. */
  readonly gone: boolean
}

/** The name that admission hears: none for objects of a collection, as they are shown whole. */
export const toldName = ({ collection }: WriteCall, name: string): string => (collection === true ? '' : name)

/** `admitted` skips admission: it was asked about the deletion in another form (an eviction). Throws StatusError 404, 409. */
export async function deleteObject(
  store: KindStore,
  call: WriteCall,
  namespace: string,
  name: string,
  options: DeleteOptions,
  admitted = false,
): Promise<DeleteResult> {
  const { context, kind } = store
  let current = await store.get(namespace, name)
  for (;;) {
    const old = store.view(current)
    checkDeletePreconditions(store, name, old, options.preconditions)
    const told = toldName(call, name)
    const target = { kind, operation: 'DELETE' as const, namespace, name: told, object: undefined, oldObject: old }
    if (!admitted) {
      await context.admission.mutate(call, target)
      await context.admission.validate(call, target)
    }
    const marked = markForDeletion(store, old, options)
    try {
      if (call.dryRun)
        return { version: store.dryRunVersion(marked ?? old, current.revision), gone: marked === undefined }
      if (marked === undefined) {
        const { revision } = await context.store.delete(current.key, current.revision)
        await store.hooks.settled?.(undefined, old)
        return { version: current.atRevision(revision), gone: true }
      }
      if (marked === old) return { version: current, gone: false }
      const stored = await store.toStored(marked)
      const kv = await context.store.update(current.key, at => store.stamped(stored, at), current.revision)
      return { version: await store.taken(kv), gone: false }
    } catch (error) {
      if (!(error instanceof RevisionMismatchError)) throw error
      if (error.current === undefined) throw store.notFound(name)
      current = await store.taken(error.current)
    }
  }
}

/**
 * What the object becomes: `undefined` where it can go at once, `old` itself where there is nothing to change, else a new
 * object (sharing what did not change with the old one).
 */
export function markForDeletion(store: KindStore, old: KubeObject, options: DeleteOptions): KubeObject | undefined {
  const finalizers = finalizersAfter(store, old, options)
  const grace = graceOf(store, old, options)
  const waits =
    finalizers.length > 0 || (store.hooks.readyToVanish !== undefined && !store.hooks.readyToVanish(old)) || grace > 0
  if (!waits) return undefined
  const now = store.context.clock.now()
  const meta = { ...old.metadata }
  if (finalizers.length > 0) meta.finalizers = finalizers
  else delete meta.finalizers
  setDeletionTimes(meta, old, grace, now)
  if (same(meta, old.metadata)) return old
  return { ...old, metadata: meta }
}

function setDeletionTimes(meta: KubeObject['metadata'], old: KubeObject, grace: number, now: number): void {
  const { deletionTimestamp, deletionGracePeriodSeconds } = old.metadata
  if (deletionTimestamp === undefined) {
    meta.deletionTimestamp = formatTime(now + grace * 1000)
    meta.deletionGracePeriodSeconds = grace
    if (meta.generation !== undefined && meta.generation > 0) meta.generation++
    return
  }
  // The grace period of an object that is being deleted may only become shorter.
  const before = deletionGracePeriodSeconds ?? 0
  if (grace >= before) return
  const since = (parseTime(deletionTimestamp) ?? now) - before * 1000
  meta.deletionTimestamp = formatTime(since + grace * 1000)
  meta.deletionGracePeriodSeconds = grace
}

/** Seconds to wait before the object goes; 0 for kinds that know no graceful deletion. */
function graceOf(store: KindStore, old: KubeObject, options: DeleteOptions): number {
  const { gracePeriod } = store.kind.strategy
  if (gracePeriod === undefined) return 0
  const requested = options.gracePeriodSeconds
  const pending = old.metadata.deletionTimestamp === undefined ? undefined : old.metadata.deletionGracePeriodSeconds
  if (pending !== undefined) return Math.max(0, Math.min(requested ?? pending, pending))
  const grace = gracePeriod.call(store.kind.strategy, old, requested) ?? 0
  return grace < 0 ? 1 : grace
}

/** The finalizers that the propagation policy asks for, and those that somebody else set. */
function finalizersAfter(store: KindStore, old: KubeObject, options: DeleteOptions): string[] {
  const before = old.metadata.finalizers ?? []
  const { orphan, foreground } = propagation(store, before, options)
  const result = before.filter(each => each !== ORPHAN_FINALIZER && each !== FOREGROUND_FINALIZER)
  if (orphan) result.push(ORPHAN_FINALIZER)
  if (foreground) result.push(FOREGROUND_FINALIZER)
  return result
}

function propagation(
  store: KindStore,
  finalizers: readonly string[],
  options: DeleteOptions,
): { orphan: boolean; foreground: boolean } {
  switch (options.propagationPolicy) {
    case 'Orphan':
      return { orphan: true, foreground: false }
    case 'Foreground':
      return { orphan: false, foreground: true }
    case 'Background':
      return { orphan: false, foreground: false }
  }
  if (options.orphanDependents !== undefined) return { orphan: options.orphanDependents, foreground: false }
  const foreground = finalizers.includes(FOREGROUND_FINALIZER)
  const orphan = finalizers.includes(ORPHAN_FINALIZER) || store.kind.strategy.defaultPropagation === 'orphan'
  return { orphan: orphan && !foreground, foreground }
}

function same(a: KubeObject['metadata'], b: KubeObject['metadata']): boolean {
  return (
    a.deletionTimestamp === b.deletionTimestamp &&
    a.deletionGracePeriodSeconds === b.deletionGracePeriodSeconds &&
    (a.finalizers ?? []).join() === (b.finalizers ?? []).join()
  )
}
