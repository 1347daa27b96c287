/** One object of a collection after the other goes (k8s.io/apiserver/pkg/registry/generic/registry/store.go, DeleteCollection). */
import { deferred } from '@canopus/base'

/** So many deletions of a worker may wait for the disk. */
const MOST_WAITING = 32

/**
 * Has `workers` remove the items in order. Each goes on as soon as a removal is `decided`: then only the disk can fail it, and events
 * come in the order of the items where there is one worker. A worker ends with its first failure, the others go on. Throws the first
 * failure of all, once nothing is under way any more.
 */
export async function removeEach<T>(
  items: readonly T[],
  workers: number,
  remove: (item: T, decided: () => void) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = []
  let next = 0
  const work = async (): Promise<void> => {
    const waiting: Promise<void>[] = []
    while (next < items.length) {
      const { promise: isDecided, resolve } = deferred()
      const removal = remove(items[next++]!, resolve)
      let failed = false
      const settled = removal.catch(error => {
        failed = true
        failures.push(error)
      })
      waiting.push(settled)
      await Promise.race([isDecided, settled])
      if (waiting.length > MOST_WAITING) await waiting.shift()
      if (failed) break
    }
    await Promise.all(waiting)
  }
  await Promise.all(Array.from({ length: Math.max(1, workers) }, work))
  if (failures.length > 0) throw failures[0]
}
