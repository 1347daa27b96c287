import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { randomInt, SeededRandom, SimulatedClock, silentLogger } from '@canopus/base'
import type { Store } from '../store.ts'
import { collect, text } from '../testing/watching.ts'
import { openEmbeddedStore } from './embedded-store.ts'

const child = fileURLToPath(new URL('../testing/crash-child.ts', import.meta.url))
const kills = process.env.CANOPUS_LONG_TESTS ? 1000 : 200
/** Chains of kills, each on a directory of its own, that run side by side. */
const chains = 3

interface Acknowledged {
  /** Revision of the newest acknowledged write. */
  revision: number
  /** How far each key has come. */
  readonly steps: Map<string, { step: number; revision: number }>
  /** Revision to key. */
  readonly writes: Map<number, string>
}

/** Runs the writing child until it has acknowledged `count` writes, kills it, and answers all that it said. */
async function writeAndKill(directory: string, run: string, writers: number, count: number): Promise<Acknowledged> {
  const said: Acknowledged = { revision: 0, steps: new Map(), writes: new Map() }
  const started = spawn(process.execPath, [child, directory, `${writers}`, run], { stdio: ['ignore', 'pipe', 'pipe'] })
  let complaints = ''
  started.stderr.on('data', data => {
    complaints += data
  })
  const exited = once(started, 'exit')
  for await (const line of createInterface({ input: started.stdout })) {
    const [word, key, step, revision, end] = line.split(' ')
    if (word === 'open') said.revision = Number(key)
    // The kill may have cut the last line off.
    if (word !== 'ack' || end !== 'end') continue
    said.steps.set(key!, { step: Number(step), revision: Number(revision) })
    said.writes.set(Number(revision), key!)
    said.revision = Math.max(said.revision, Number(revision))
    if (said.writes.size === count) started.kill('SIGKILL')
  }
  const [, signal] = await exited
  assert.equal(signal, 'SIGKILL', complaints)
  return said
}

/** Every key shows its newest acknowledged write, or the one that was under way when the process died. */
async function checkNothingLost(store: Store, run: string, said: Acknowledged): Promise<void> {
  const revision = await store.revision()
  assert.ok(revision >= said.revision, `revision ${revision} is behind the acknowledged ${said.revision}`)
  for (const [key, { step, revision: acknowledged }] of said.steps) {
    const found = await store.get(key)
    const shows = found ? Number(text(found.value).split(' ')[0]) : undefined
    if (found) assert.equal(Number(text(found.value).split(' ')[1]), found.revision)
    const expected = (at: number): number | undefined => (at % 4 === 3 ? undefined : at)
    if (found && found.revision <= acknowledged) assert.deepEqual([shows, found.revision], [step, acknowledged], key)
    else assert.ok(shows === expected(step) || shows === expected(step + 1), `${key} shows ${shows} after step ${step}`)
  }
  const compacted = await store.compactedRevision()
  const watch = collect(store, `/registry/${run}/`, compacted)
  await watch.reached(revision)
  await watch.stop()
  const seen = new Map(watch.events.map(event => [event.revision, event.key]))
  for (const [at, key] of said.writes)
    if (at > compacted) assert.equal(seen.get(at), key, `write ${at} is not in history`)
}

describe('embedded store under kill -9', { concurrency: chains }, () => {
  for (let chain = 0; chain < chains; chain++)
    test(`nothing acknowledged is lost, ${kills / chains} kills, chain ${chain}`, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'canopus-crash-'))
      const random = new SeededRandom(chain)
      let revision = 0
      try {
        for (let kill = 0; kill < kills / chains; kill++) {
          const run = `run-${kill}`
          const said = await writeAndKill(directory, run, 1 + randomInt(random, 40), 1 + randomInt(random, 800))
          assert.ok(said.revision >= revision)
          const store = await openEmbeddedStore({ directory, clock: new SimulatedClock(), logger: silentLogger })
          await checkNothingLost(store, run, said)
          revision = await store.revision()
          await store.close()
        }
      } finally {
        rmSync(directory, { recursive: true, force: true })
      }
    })
})
