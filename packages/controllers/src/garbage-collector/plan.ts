/** What is to become of an object, given the state of its owners (garbagecollector.go attemptToDeleteItem). */
import {
  FOREGROUND_FINALIZER,
  hasFinalizer,
  type KubeObject,
  ORPHAN_FINALIZER,
  type OwnerReference,
} from '@canopus/apimachinery'

/**
 * `absent`: gone, or another object of that name. `waiting`: being deleted in the foreground. `impossible`: it would be in a
 * namespace, while the object is in none.
 */
export type OwnerState = 'solid' | 'absent' | 'waiting' | 'impossible'

export type Verdict =
  | { type: 'keep' }
  /** Some owners are left: the references to the others go. */
  | { type: 'dropReferences'; uids: readonly string[] }
  | { type: 'delete'; policy: 'Foreground' | 'Background' | 'Orphan'; unblock: boolean }

export interface Situation {
  object: KubeObject
  stateOf(reference: OwnerReference): OwnerState
  hasDependents: boolean
  /** Some dependent itself waits for its dependents: maybe a circle. */
  hasWaitingDependents: boolean
}

export function planItem({ object, stateOf, hasDependents, hasWaitingDependents }: Situation): Verdict {
  const references = object.metadata.ownerReferences ?? []
  if (references.length === 0) return { type: 'keep' }
  const states = references.map(stateOf)
  // What such a reference was to mean is nobody's to guess: the object is left as it is.
  if (states.includes('impossible')) return { type: 'keep' }
  const uidsOf = (...wanted: OwnerState[]): string[] =>
    references.filter((_, index) => wanted.includes(states[index]!)).map(reference => reference.uid)
  if (states.includes('solid')) {
    const uids = uidsOf('absent', 'waiting')
    return uids.length === 0 ? { type: 'keep' } : { type: 'dropReferences', uids }
  }
  if (states.includes('waiting') && hasDependents) {
    return { type: 'delete', policy: 'Foreground', unblock: hasWaitingDependents }
  }
  if (hasFinalizer(object, ORPHAN_FINALIZER)) return { type: 'delete', policy: 'Orphan', unblock: false }
  const isForeground = hasFinalizer(object, FOREGROUND_FINALIZER)
  return { type: 'delete', policy: isForeground ? 'Foreground' : 'Background', unblock: false }
}
