/** What conditions of all kinds have in common (`metav1.Condition`, pod and node conditions, ...). */
export interface ConditionLike {
  type: string
  status: string
  reason?: string
  message?: string
  lastTransitionTime?: string
  observedGeneration?: number
}

export function findCondition<C extends ConditionLike>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  return conditions?.find(each => each.type === type)
}

export function isConditionTrue(conditions: readonly ConditionLike[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True'
}

/**
 * The list with `condition` set: in its old place where one of its type is there. The time of the last transition stays
 * where the status stays, and is `now` (RFC 3339) otherwise. Returns the very list it was given where nothing changes.
 */
export function setCondition<C extends ConditionLike>(
  conditions: readonly C[] | undefined,
  condition: Omit<C, 'lastTransitionTime'> & { lastTransitionTime?: string },
  now: string,
): readonly C[] {
  const list = conditions ?? []
  const index = list.findIndex(each => each.type === condition.type)
  const old = list[index]
  if (old === undefined)
    return [...list, { ...condition, lastTransitionTime: condition.lastTransitionTime ?? now } as C]
  const lastTransitionTime =
    old.status === condition.status ? old.lastTransitionTime : (condition.lastTransitionTime ?? now)
  const changed: C = { ...old, ...condition, lastTransitionTime }
  if ((Object.keys(changed) as (keyof C)[]).every(key => changed[key] === old[key])) return list
  return list.with(index, changed)
}

/** The list without the condition of this type; the very list where there is none. */
export function removeCondition<C extends ConditionLike>(
  conditions: readonly C[] | undefined,
  type: string,
): readonly C[] {
  const list = conditions ?? []
  return list.some(each => each.type === type) ? list.filter(each => each.type !== type) : list
}
