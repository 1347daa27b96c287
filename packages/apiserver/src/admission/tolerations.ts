/** Sets of tolerations (pkg/util/tolerations). */
import type { Toleration } from '@canopus/api/core/v1'
import { semanticEqual } from '@canopus/apimachinery'

/** Leaves out tolerations that another one covers; of equal ones the first stays. */
export function mergeTolerations(all: readonly Toleration[]): Toleration[] {
  const merged: Toleration[] = []
  all.forEach((each, index) => {
    if (merged.some(kept => covers(kept, each))) return
    if (all.slice(index + 1).some(later => !semanticEqual(later, each) && covers(later, each))) return
    merged.push(each)
  })
  return merged
}

/** Whether `wide` tolerates everything that `narrow` does. */
export function covers(wide: Toleration, narrow: Toleration): boolean {
  if (semanticEqual(wide, narrow)) return true
  const isAny = !wide.key && wide.operator === 'Exists'
  if (!isAny && wide.key !== narrow.key) return false
  if (wide.effect && wide.effect !== narrow.effect) return false
  if (wide.effect === 'NoExecute' && wide.tolerationSeconds !== undefined) {
    if (narrow.tolerationSeconds === undefined || narrow.tolerationSeconds > wide.tolerationSeconds) return false
  }
  if (wide.operator === 'Exists') return true
  // No operator means Equal where it is the wider one's alone, as upstream.
  return (
    (wide.operator ?? 'Equal') === 'Equal' && narrow.operator === 'Equal' && (wide.value ?? '') === (narrow.value ?? '')
  )
}
