import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { SimulatedClock, silentLogger } from '@canopus/base'
import fc from 'fast-check'
import { openEmbeddedStore } from '../embedded/embedded-store.ts'
import { MemoryLog } from '../memory/memory-log.ts'
import { CompactedError, FutureRevisionError, KeyExistsError, RevisionMismatchError, type Store } from '../store.ts'
import { eventText, StoreModel } from '../testing/model.ts'
import { collect, text, utf8, type Watching } from '../testing/watching.ts'
import { MvccStore, type MvccStoreOptions } from './mvcc-store.ts'
import type { LogRecord } from './revision-log.ts'

/** A log that can be told that its disk is full for the next append. */
class FragileLog extends MemoryLog {
  isFull = false
  override append(records: readonly LogRecord[]): Promise<void> | undefined {
    const refuses = this.isFull
    this.isFull = false
    if (refuses) throw new Error('disk full')
    return super.append(records)
  }
}

/** The same whose appends take a turn of the event loop, and fail at its end. */
class SlowFragileLog extends MemoryLog {
  isFull = false
  override append(records: readonly LogRecord[]): Promise<void> {
    super.append(records)
    const refuses = this.isFull
    this.isFull = false
    return new Promise((resolve, reject) => setImmediate(() => (refuses ? reject(new Error('disk full')) : resolve())))
  }
}

const prefixes = ['/registry/', '/registry/a', '/registry/a/', '/registry/a/0', '/registry/b/', '/nowhere/']
const keys = ['/registry/a/0', '/registry/a/1', '/registry/a/00', '/registry/b/0', '/registry/c']

const write = fc.record({
  do: fc.constantFrom('create' as const, 'update' as const, 'delete' as const),
  key: fc.constantFrom(...keys),
  /** Whether the condition names the newest revision. */
  isRight: fc.boolean().map(right => right || undefined),
})
const back = fc.integer({ min: -2, max: 20 })
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ step: fc.constant('moment' as const), writes: fc.array(write, { maxLength: 6 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      step: fc.constant('list' as const),
      back,
      prefix: fc.constantFrom(...prefixes),
      limit: fc.integer({ min: 0, max: 3 }),
      startKey: fc.option(fc.constantFrom(...keys), { nil: undefined }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ step: fc.constant('watch' as const), back, prefix: fc.constantFrom(...prefixes) }),
  },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('compact' as const), back }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('disturb' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
type Write = typeof write extends fc.Arbitrary<infer T> ? T : never

interface Subject {
  store: Store
  /** Makes the next moment fail, or opens the store anew. Answers whether writes will fail. */
  disturb(): Promise<boolean>
  close(): Promise<void>
}

/** Takes one store and the model through the same steps and compares all that can be seen. */
class Run {
  readonly #subject: Subject
  readonly #model = new StoreModel()
  #watches: { watching: Watching; prefix: string; from: number }[] = []
  #isFull = false
  #values = 0

  constructor(subject: Subject) {
    this.#subject = subject
  }

  async take(next: Step): Promise<void> {
    switch (next.step) {
      case 'moment':
        return this.#moment(next.writes)
      case 'list':
        return this.#list(next)
      case 'watch':
        return this.#watch(next.prefix, this.#model.revision - next.back)
      case 'compact':
        return this.#compact(this.#model.revision - next.back)
      case 'disturb': {
        await this.#checkWatches()
        this.#isFull = await this.#subject.disturb()
      }
    }
  }

  async finish(): Promise<void> {
    await this.#checkWatches()
    assert.equal(await this.#subject.store.revision(), this.#model.revision)
    for (const key of keys) assert.equal((await this.#subject.store.get(key))?.revision, this.#model.at(key)?.revision)
  }

  /** Writes that are all called before any of them is durable. */
  async #moment(writes: readonly Write[]): Promise<void> {
    const { store } = this.#subject
    const start = this.#model.revision
    const checks = writes.map(({ do: what, key, isRight }) => {
      const current = this.#model.at(key)
      const expected = isRight && current ? current.revision : 1
      const value = `v${++this.#values}`
      const fits = what === 'create' ? !current : current?.revision === expected
      const revision = fits ? this.#model.write(key, what === 'delete' ? undefined : value) : undefined
      const bytes = (at: number) => {
        assert.equal(at, revision)
        return utf8(value)
      }
      if (what === 'create') return expectOutcome(store.create(key, bytes), revision, KeyExistsError)
      if (what === 'update') return expectOutcome(store.update(key, bytes, expected), revision, RevisionMismatchError)
      return expectOutcome(store.delete(key, expected), revision, RevisionMismatchError)
    })
    const isFull = this.#isFull && this.#model.revision > start
    for (const check of checks) await check(isFull)
    if (!isFull) return
    this.#model.takeBack(start)
    this.#isFull = false
  }

  async #list(options: { back: number; prefix: string; limit: number; startKey: string | undefined }): Promise<void> {
    const { prefix, limit, startKey } = options
    const revision = this.#model.revision - options.back
    const request = { limit, revision, ...(startKey === undefined ? {} : { startKey }) }
    const listing = this.#subject.store.list(prefix, request)
    if (revision > this.#model.revision) return assert.rejects(listing, FutureRevisionError)
    if (revision < this.#model.compacted) return assert.rejects(listing, CompactedError)
    const expected = this.#model.list(prefix, revision, startKey)
    const { items, remaining } = await listing
    assert.deepEqual(
      items.map(kv => `${kv.key}=${text(kv.value)}@${kv.revision}`),
      limit ? expected.slice(0, limit) : expected,
    )
    assert.equal(remaining, limit ? Math.max(0, expected.length - limit) : 0)
    assert.equal(await this.#subject.store.count(prefix), this.#model.list(prefix, this.#model.revision).length)
  }

  async #watch(prefix: string, from: number): Promise<void> {
    const watching = collect(this.#subject.store, prefix, from)
    if (from < this.#model.compacted) return assert.rejects(watching.ended, CompactedError)
    this.#watches.push({ watching, prefix, from })
  }

  async #compact(revision: number): Promise<void> {
    const compacting = this.#subject.store.compact(revision)
    if (revision > this.#model.revision) return assert.rejects(compacting, FutureRevisionError)
    await compacting
    this.#model.compacted = Math.max(this.#model.compacted, revision)
    assert.equal(await this.#subject.store.compactedRevision(), this.#model.compacted)
  }

  async #checkWatches(): Promise<void> {
    const revision = await this.#subject.store.revision()
    for (const { watching, prefix, from } of this.#watches) {
      // A watch that has nothing to say says nothing.
      if (revision > from) await watching.reached(revision)
      assert.deepEqual(watching.events.map(eventText), this.#model.events(prefix, from))
      await watching.stop()
    }
    this.#watches = []
  }
}

/** Looks at once, so that nothing is unhandled, and compares when told whether the disk was full. */
function expectOutcome(
  writing: Promise<{ revision: number }>,
  revision: number | undefined,
  refusal: new (...args: never[]) => Error,
): (isFull: boolean) => Promise<void> {
  const settled = Promise.allSettled([writing])
  return async isFull => {
    const [outcome] = await settled
    if (outcome.status === 'fulfilled') {
      assert.equal(isFull, false)
      assert.equal(outcome.value.revision, revision)
    } else if (isFull) assert.match(`${outcome.reason}`, /disk full|exists already|is not at revision/)
    else assert.ok(revision === undefined && outcome.reason instanceof refusal, `${outcome.reason}`)
    if (isFull && revision !== undefined)
      assert.match(`${outcome.status === 'rejected' && outcome.reason}`, /disk full/)
  }
}

async function agreesWithModel(open: () => Promise<Subject>, numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
      const subject = await open()
      try {
        const run = new Run(subject)
        for (const next of steps) await run.take(next)
        await run.finish()
      } finally {
        await subject.close()
      }
    }),
    // The long run draws anew every time; fast-check says the seed where it finds something.
    process.env.CANOPUS_LONG_TESTS ? { numRuns } : { numRuns, seed: 1 },
  )
}

const runs = process.env.CANOPUS_LONG_TESTS ? 50 : 1

describe('MvccStore agrees with the model', () => {
  type Chosen = Pick<MvccStoreOptions, 'defer' | 'commitLimit' | 'loneAfter'>
  const inMemory = (makeLog: () => FragileLog | SlowFragileLog, chosen: Chosen) => async (): Promise<Subject> => {
    const log = makeLog()
    const store = new MvccStore({ log, clock: new SimulatedClock(), ...chosen })
    return {
      store,
      disturb: async () => {
        log.isFull = true
        return true
      },
      close: () => store.close(),
    }
  }

  test('in memory, with a disk that is full at times', { timeout: 60_000 }, () =>
    agreesWithModel(
      inMemory(() => new FragileLog(), { defer: queueMicrotask, commitLimit: 1000 }),
      300 * runs,
    ),
  )

  test('in memory, with a slow disk that is full at times and takes two writes at once', { timeout: 60_000 }, () =>
    agreesWithModel(
      inMemory(() => new SlowFragileLog(), { defer: queueMicrotask, commitLimit: 2 }),
      300 * runs,
    ),
  )

  test('in memory, where lone writes do not wait for others', { timeout: 60_000 }, () =>
    agreesWithModel(
      inMemory(() => new SlowFragileLog(), { defer: setImmediate, commitLimit: 1000, loneAfter: 0 }),
      300 * runs,
    ),
  )

  test('in SQLite, opened anew at times', { timeout: 60_000 }, () =>
    agreesWithModel(async () => {
      const directory = mkdtempSync(join(tmpdir(), 'canopus-model-'))
      const open = () => openEmbeddedStore({ directory, clock: new SimulatedClock(), logger: silentLogger })
      const subject: Subject = {
        store: await open(),
        disturb: async () => {
          await subject.store.close()
          subject.store = await open()
          return false
        },
        close: async () => {
          await subject.store.close()
          rmSync(directory, { recursive: true, force: true })
        },
      }
      return subject
    }, 30 * runs),
  )
})
