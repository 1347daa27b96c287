/** Finalizers hold an object back from removal until whoever set them is done. None of these change their input. */

/** Those of Kubernetes itself, which need no domain. */
export const STANDARD_FINALIZERS: readonly string[] = ['orphan', 'foregroundDeletion', 'kubernetes']

interface HasFinalizers {
  readonly metadata: { readonly finalizers?: readonly string[]; readonly deletionTimestamp?: string }
}

export function hasFinalizer(object: HasFinalizers, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) === true
}

/** The list with `finalizer` in it, at the end where it is new. */
export function withFinalizer(finalizers: readonly string[] | undefined, finalizer: string): string[] {
  return finalizers?.includes(finalizer) ? [...finalizers] : [...(finalizers ?? []), finalizer]
}

/** The list without `finalizer`. */
export function withoutFinalizer(finalizers: readonly string[] | undefined, finalizer: string): string[] {
  return (finalizers ?? []).filter(each => each !== finalizer)
}

/** Whether deletion was asked for; such an object goes away once its finalizers are gone. */
export function isBeingDeleted(object: HasFinalizers): boolean {
  return object.metadata.deletionTimestamp !== undefined
}
