import { deferred } from '@canopus/base'
import type { Store, StoreEvent } from '../store.ts'

export const utf8 = (value: string): Uint8Array => new TextEncoder().encode(value)
export const text = (value: Uint8Array): string => new TextDecoder().decode(value)

/** A running watch and what it has delivered. */
export interface Watching {
  readonly events: StoreEvent[]
  /** Resolves when the iteration has ended; rejects with what it threw. */
  readonly ended: Promise<void>
  /** Resolves as soon as everything up to `revision` has been delivered. */
  reached(revision: number): Promise<void>
  /** Resolves as soon as `count` events have been delivered in all. */
  has(count: number): Promise<void>
  stop(): Promise<void>
}

/** Watches in the background and collects. */
export function collect(store: Store, prefix: string, from: number, outer?: AbortSignal): Watching {
  const controller = new AbortController()
  const signal = outer ? AbortSignal.any([outer, controller.signal]) : controller.signal
  const events: StoreEvent[] = []
  const waiting: { isMet: () => boolean; resolve: () => void; reject: (reason: unknown) => void }[] = []
  let revision = 0
  const until = (isMet: () => boolean): Promise<void> => {
    if (isMet()) return Promise.resolve()
    const wait = deferred()
    waiting.push({ isMet, resolve: wait.resolve, reject: wait.reject })
    return wait.promise
  }
  const ended = (async () => {
    for await (const batch of store.watch(prefix, from, signal)) {
      events.push(...batch.events)
      if (batch.revision < revision) throw new Error(`progress went back from ${revision} to ${batch.revision}`)
      revision = batch.revision
      for (const wait of waiting) if (wait.isMet()) wait.resolve()
    }
  })()
  ended.then(
    () => waiting.forEach(wait => void wait.reject(new Error('the watch has ended'))),
    reason => waiting.forEach(wait => void wait.reject(reason)),
  )
  return {
    events,
    ended,
    reached: wanted => until(() => revision >= wanted),
    has: count => until(() => events.length >= count),
    stop: () => {
      controller.abort()
      return ended
    },
  }
}

/** Takes the next `count` events out of a watch, waiting for them. */
export async function nextEvents(watching: Watching, count: number): Promise<StoreEvent[]> {
  await watching.has(count)
  return watching.events.splice(0, count)
}
