import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '../../packages/base/src/index.ts'
import { systemClock } from '../../packages/platform/src/index.ts'
import { createMemoryStore, openEmbeddedStore, type Store } from '../../packages/store/src/index.ts'
import { type Benchmark, type Figure, figureOf, repeat, time } from '../support/figure.ts'

/** Bytes of a pod with its managed fields. */
const podBytes = Buffer.alloc(4500, 'x')
const rounds = 3

async function putAll(store: Store, prefix: string, total: number, inFlight: number): Promise<void> {
  let next = 0
  const writer = async (): Promise<void> => {
    while (next < total) {
      const key = `${prefix}${(next++ * 7919) % total}`
      await store.create(key, () => podBytes)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, writer))
}

async function puts(store: Store, backend: string): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [inFlight, total] of [
    [1, 1000],
    [64, 20_000],
    [1000, 20_000],
  ] as const) {
    const rates = await repeat(rounds, async round => {
      const prefix = `/registry/pods/bench-${inFlight}-${round}/`
      return (total / (await time(() => putAll(store, prefix, total, inFlight)))) * 1000
    })
    figures.push(figureOf(`store ${backend}: puts of 4.5 KB, ${inFlight} in flight`, 'puts/s', rates))
  }
  return figures
}

async function lists(store: Store, backend: string): Promise<Figure[]> {
  const took = await repeat(rounds, round =>
    time(() => store.list(`/registry/pods/bench-64-${round}/`, { limit: 5000 })),
  )
  return [figureOf(`store ${backend}: list of 5,000 values of 4.5 KB`, 'ms', took)]
}

/** From the call of one write until the last of the watchers has it. */
async function fanOut(store: Store, backend: string, watchers: number): Promise<Figure[]> {
  const controller = new AbortController()
  let seen = 0
  let allSeen = (): void => {}
  const from = await store.revision()
  const watch = async (): Promise<void> => {
    for await (const batch of store.watch('/registry/fan-out/', from, controller.signal)) {
      seen += batch.events.length
      if (seen % watchers === 0) allSeen()
    }
  }
  const running = Array.from({ length: watchers }, watch)
  const took = await repeat(50, n =>
    time(async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      allSeen = resolve
      await store.create(`/registry/fan-out/${n}`, () => podBytes)
      await promise
    }),
  )
  controller.abort()
  await Promise.all(running)
  return [figureOf(`store ${backend}: one write seen by ${watchers} watchers`, 'ms', took)]
}

async function measure(store: Store, backend: string): Promise<Figure[]> {
  return [...(await puts(store, backend)), ...(await lists(store, backend)), ...(await fanOut(store, backend, 1000))]
}

/** Figures of the store alone, without an API server above it. */
export const store: Benchmark = { name: 'store', run }

async function run(): Promise<Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'canopus-bench-'))
  const memory = createMemoryStore({ clock: systemClock })
  const embedded = await openEmbeddedStore({ directory, clock: systemClock, logger: silentLogger })
  try {
    const figures = [...(await measure(memory, 'memory')), ...(await measure(embedded, 'embedded'))]
    await embedded.close()
    const reopened = await time(async () =>
      (await openEmbeddedStore({ directory, clock: systemClock, logger: silentLogger })).close(),
    )
    figures.push(figureOf('store embedded: open with 120,000 values', 'ms', [reopened]))
    return figures
  } finally {
    await memory.close()
    await embedded.close()
    rmSync(directory, { recursive: true, force: true })
  }
}
