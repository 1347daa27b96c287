import { isObject, type JsonObject } from '../json/json-object.ts'
import { goText, PatchError } from './patch-error.ts'

export type Item = unknown

const unclassified = (message: string): PatchError => new PatchError('unclassified', message)

export const missingMergeKey = (item: JsonObject, key: string): PatchError =>
  unclassified(`map: ${goText(item)} does not contain declared merge key: ${key}`)

/** What tells an item from its neighbours: the value of its merge key, or itself. */
export function identityOf(item: Item, mergeKey: string | undefined): unknown {
  if (mergeKey === undefined) return item
  return isObject(item) && Object.hasOwn(item, mergeKey) ? item[mergeKey] : undefined
}

/** Items must be all objects or all scalars; lists of lists do not exist. Says whether they are objects. */
export function areObjects(...lists: readonly (readonly Item[])[]): boolean {
  let objects: boolean | undefined
  for (const item of lists.flat(1)) {
    if (Array.isArray(item)) throw new PatchError('unprocessable', 'lists of lists are not supported')
    if (objects === undefined) objects = isObject(item)
    else if (objects !== isObject(item)) {
      throw unclassified(`list element types are not identical: [${lists.map(goText).join(' ')}]`)
    }
  }
  return objects ?? false
}

/** Position of every identity in `list`, the first where it stands twice. */
function positions(list: readonly Item[], mergeKey: string | undefined): Map<unknown, number> {
  const found = new Map<unknown, number>()
  for (const [index, item] of list.entries()) {
    const identity = identityOf(item, mergeKey)
    if (!found.has(identity)) found.set(identity, index)
  }
  return found
}

/** `items` in the order in which they stand in `order`; those that it does not name keep their places at the end. */
function ordered(items: readonly Item[], order: Map<unknown, number>, mergeKey: string | undefined): Item[] {
  const rank = (item: Item): number => order.get(identityOf(item, mergeKey)) ?? Number.MAX_SAFE_INTEGER
  return items
    .map((item, index) => ({ item, index, rank: rank(item) }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map(each => each.item)
}

export interface ListOrder {
  /** The order that the patch asks for. */
  wanted: readonly Item[]
  /** The order of the list as it was. */
  live: readonly Item[]
  mergeKey: string | undefined
}

/**
 * Brings a merged list into order: items that the patch names in its order, the others in theirs, and each of the others in
 * front of the patch's items before which it stood
 * (the design proposal "preserve order in strategic merge patch"; strategicpatch.normalizeElementOrder).
 */
export function arrange(merged: readonly Item[], { wanted, live, mergeKey }: ListOrder): Item[] {
  const wantedAt = positions(wanted, mergeKey)
  const liveAt = positions(live, mergeKey)
  const isWanted = (item: Item): boolean => wantedAt.has(identityOf(item, mergeKey))
  const left = ordered(
    merged.filter(item => !isWanted(item)),
    liveAt,
    mergeKey,
  )
  const right = ordered(merged.filter(isWanted), wantedAt, mergeKey)
  const result: Item[] = []
  let i = 0
  let j = 0
  while (i < left.length && j < right.length) {
    const l = liveAt.get(identityOf(left[i], mergeKey))
    const r = liveAt.get(identityOf(right[j], mergeKey))
    result.push(l !== undefined && r !== undefined && l < r ? left[i++] : right[j++])
  }
  return [...result, ...left.slice(i), ...right.slice(j)]
}

/** Scalars once each, in the order of their first appearance. */
export function withoutDuplicates(items: readonly Item[]): Item[] {
  return [...new Set(items)]
}
