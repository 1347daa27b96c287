/**
 * Writes to an embedded store as fast as it can until it is killed, and says on stdout, line by line, what was acknowledged.
 * Arguments: directory, number of writers, a word that is new in every run. Every writer has a key of its own and goes through
 * create, update, update, delete, over and over.
 */
import { writeSync } from 'node:fs'
import { type Clock, silentLogger } from '@canopus/base'
import { openEmbeddedStore } from '../embedded/embedded-store.ts'
import type { KeyValue } from '../store.ts'

const [directory, writers, run] = process.argv.slice(2) as [string, string, string]
/** The store's own work between writes gets its share of the kills too. */
const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delay, callback) {
    const timer = setTimeout(callback, delay / 20)
    return { cancel: () => clearTimeout(timer) }
  },
}
const store = await openEmbeddedStore({ directory, clock, logger: silentLogger })
const say = (line: string): void => {
  writeSync(1, `${line}\n`)
}
say(`open ${await store.revision()}`)

async function write(key: string): Promise<never> {
  const value = (step: number) => (revision: number) =>
    new TextEncoder().encode(`${step} ${revision} ${'.'.repeat((step * 997) % 6000)}`)
  let current: KeyValue | undefined
  for (let step = 0; ; step++) {
    let revision: number
    if (step % 4 === 3) {
      revision = (await store.delete(key, current!.revision)).revision
      current = undefined
    } else {
      current = await (current ? store.update(key, value(step), current.revision) : store.create(key, value(step)))
      revision = current.revision
    }
    say(`ack ${key} ${step} ${revision} end`)
    // History does not grow without bound, and compaction gets its share of the kills.
    if (revision % 500 === 0) await store.compact(revision - 250)
  }
}

for (let writer = 0; writer < Number(writers); writer++) void write(`/registry/${run}/${writer}`)
