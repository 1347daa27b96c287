/**
 * Merges lists into one that keeps the order of each; where none of them says which of two comes first, names decide. Where they
 * contradict each other, names alone do (k8s.io/apimachinery/pkg/util/sort, MergePreservingRelativeOrder).
 */
export function mergeOrder(lists: readonly (readonly string[])[]): string[] {
  const after = new Map<string, Set<string>>()
  const before = new Map<string, number>()
  for (const list of lists) {
    for (const [index, item] of list.entries()) {
      const following = after.get(item) ?? new Set()
      after.set(item, following)
      before.set(item, before.get(item) ?? 0)
      const next = list[index + 1]
      if (next === undefined || following.has(next)) continue
      following.add(next)
      before.set(next, (before.get(next) ?? 0) + 1)
    }
  }
  const whole = lists.find(list => list.length === before.size && new Set(list).size === list.length)
  return whole === undefined ? sorted(after, before) : [...whole]
}

function sorted(after: ReadonlyMap<string, ReadonlySet<string>>, before: Map<string, number>): string[] {
  const all = [...before.keys()].sort()
  const free = all.filter(item => before.get(item) === 0)
  const result: string[] = []
  for (let item = free.shift(); item !== undefined; item = free.shift()) {
    result.push(item)
    for (const next of after.get(item) ?? []) {
      const left = before.get(next)! - 1
      before.set(next, left)
      if (left === 0) free.push(next)
    }
    free.sort()
  }
  return result.length === all.length ? result : all
}
