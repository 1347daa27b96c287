/**
 * What a DELETE does to an object: who holds a finalizer or a grace period decides when it goes
 * (k8s.io/apiserver/pkg/registry/rest/delete.go BeforeDelete, generic/registry/store.go).
 */
import type { Strategy } from '@canopus/api'
import {
  type DeleteOptions,
  FOREGROUND_FINALIZER,
  formatTime,
  type KubeObject,
  ORPHAN_FINALIZER,
  parseTime,
} from '@canopus/apimachinery'

type Metadata = KubeObject['metadata']
type DeleteRules = Pick<Strategy, 'gracePeriod' | 'defaultPropagation'> & { readonly leavesDependents?: boolean }

/** `options` is what the kind made of those that were given: admission hears these. */
export type DeletionPlan =
  /** It is going already, and nothing shorter was asked for. */
  | { readonly step: 'none' }
  | { readonly step: 'remove'; readonly options: DeleteOptions }
  /** Written first, so that watchers see it marked. `removes`: it goes right after. */
  | { readonly step: 'mark'; readonly options: DeleteOptions; readonly object: KubeObject; readonly removes: boolean }

/** `now` in milliseconds since 1970. The marked object shares with the old one what did not change, and is it where nothing did. */
export function planDeletion(rules: DeleteRules, old: KubeObject, given: DeleteOptions, now: number): DeletionPlan {
  const options = (given.gracePeriodSeconds ?? 0) < 0 ? { ...given, gracePeriodSeconds: 1 } : given
  const marks = gracefulMarks(rules, old, options, now)
  if (marks === 'pending') return { step: 'none' }
  const finalizers = finalizersAfter(rules, old.metadata.finalizers ?? [], options)
  if (marks !== undefined) {
    const { gracePeriodSeconds } = marks
    return {
      step: 'mark',
      options: { ...options, gracePeriodSeconds },
      object: marked(old, finalizers, marks),
      removes: finalizers.length === 0 && gracePeriodSeconds === 0,
    }
  }
  if (finalizers.length === 0) return { step: 'remove', options }
  return { step: 'mark', options, object: marked(old, finalizers, marksOfFinalizers(old, now)), removes: false }
}

interface Marks {
  readonly deletionTimestamp: string
  readonly deletionGracePeriodSeconds: number
}

/** As a graceful deletion marks the object, `gracePeriodSeconds` being what was asked for; undefined where it is none. */
function gracefulMarks(
  rules: DeleteRules,
  old: KubeObject,
  options: DeleteOptions,
  now: number,
): (Marks & { readonly gracePeriodSeconds: number }) | 'pending' | undefined {
  if (rules.gracePeriod === undefined) return undefined
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = old.metadata
  if (deletionTimestamp === undefined) {
    const grace = rules.gracePeriod(old, options.gracePeriodSeconds)
    if (grace === undefined) return undefined
    return {
      deletionTimestamp: formatTime(now + grace * 1000),
      deletionGracePeriodSeconds: grace,
      gracePeriodSeconds: grace,
    }
  }
  const pending = deletionGracePeriodSeconds < 0 ? 1 : deletionGracePeriodSeconds
  if (pending === 0) return undefined
  const wanted = options.gracePeriodSeconds
  if (wanted === undefined || wanted >= pending) return 'pending'
  return { ...shortened(parseTime(deletionTimestamp) ?? now, pending, wanted, now), gracePeriodSeconds: wanted }
}

/** A time that has passed already becomes now, with a second left for whoever ends the object, unless none was asked for. */
function shortened(until: number, pending: number, wanted: number, now: number): Marks {
  const end = until + (wanted - pending) * 1000
  if (end >= now) return { deletionTimestamp: formatTime(end), deletionGracePeriodSeconds: wanted }
  return { deletionTimestamp: formatTime(now), deletionGracePeriodSeconds: wanted === 0 ? 0 : 1 }
}

/** What only waits for its finalizers has no time left, and was to be gone by now. */
function marksOfFinalizers({ metadata }: KubeObject, now: number): Marks {
  const before = metadata.deletionTimestamp
  const passed = before !== undefined && (parseTime(before) ?? now) <= now
  return { deletionTimestamp: passed ? before : formatTime(now), deletionGracePeriodSeconds: 0 }
}

function marked(old: KubeObject, finalizers: readonly string[], marks: Marks): KubeObject {
  const { deletionTimestamp, deletionGracePeriodSeconds } = marks
  const metadata: Metadata = { ...old.metadata, deletionTimestamp, deletionGracePeriodSeconds }
  if (finalizers.length > 0) metadata.finalizers = [...finalizers]
  else delete metadata.finalizers
  if (old.metadata.deletionTimestamp === undefined && (metadata.generation ?? 0) > 0) metadata.generation!++
  return same(metadata, old.metadata) ? old : { ...old, metadata }
}

/** The finalizers that somebody else set, and those that the propagation policy asks for. */
function finalizersAfter(rules: DeleteRules, before: readonly string[], options: DeleteOptions): readonly string[] {
  if (rules.leavesDependents === true) return before
  const wanted = propagationFinalizer(rules, before, options)
  const after = before.filter(each => each !== ORPHAN_FINALIZER && each !== FOREGROUND_FINALIZER)
  if (wanted !== undefined) after.push(wanted)
  const isSame = after.length === before.length && after.every(each => before.includes(each))
  return isSame ? before : after
}

function propagationFinalizer(
  { defaultPropagation }: DeleteRules,
  finalizers: readonly string[],
  { orphanDependents, propagationPolicy }: DeleteOptions,
): string | undefined {
  if (defaultPropagation === 'unsupported') return undefined
  if (orphanDependents !== undefined) return orphanDependents ? ORPHAN_FINALIZER : undefined
  switch (propagationPolicy) {
    case 'Orphan':
      return ORPHAN_FINALIZER
    case 'Foreground':
      return FOREGROUND_FINALIZER
    case 'Background':
      return undefined
  }
  const present = finalizers.find(each => each === ORPHAN_FINALIZER || each === FOREGROUND_FINALIZER)
  return present ?? (defaultPropagation === 'orphan' ? ORPHAN_FINALIZER : undefined)
}

function same(a: Metadata, b: Metadata): boolean {
  return (
    a.deletionTimestamp === b.deletionTimestamp &&
    a.deletionGracePeriodSeconds === b.deletionGracePeriodSeconds &&
    (a.finalizers ?? []).join() === (b.finalizers ?? []).join()
  )
}
