import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

/** Replaces buffers beside a heap that stays, in a process of its own, as flags are for all of it; prints the full collections. */
const program = (first: string): string => `
  import { constants, PerformanceObserver } from 'node:perf_hooks'
  import { setImmediate as nextTurn } from 'node:timers/promises'
  import { tuneEngine } from '${new URL('engine.ts', import.meta.url).href}'
  ${first}
  const held = Array.from({ length: 50_000 }, (_, n) => ({ a: { b: n }, c: 'x' + n }))
  let full = 0
  new PerformanceObserver(list => {
    for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full++
  }).observe({ entryTypes: ['gc'] })
  const buffers = []
  for (let n = 0; n < 2000; n++) {
    buffers[n % 1000] = new Uint8Array(100_000)
    if (n % 20 === 0) await nextTurn()
  }
  await nextTurn()
  console.log(held.length > 0 ? full : -1)
`

async function fullCollections(first: string): Promise<number> {
  const arguments_ = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program(first)]
  return Number((await promisify(execFile)(process.execPath, arguments_)).stdout)
}

test('growing buffers alone do not have the whole heap marked', async () => {
  const [without, counted] = await Promise.all(['', 'tuneEngine()'].map(fullCollections))
  assert.ok(counted! < without!, `${counted} full collections, ${without} without`)
})
