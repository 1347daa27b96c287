import assert from 'node:assert/strict'
import { copyFileSync, fstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { AsyncQueue, deferred, SimulatedClock, silentLogger } from '@canopus/base'
import { MvccStore } from '../mvcc/mvcc-store.ts'
import { KeyExistsError, type Store, StoreUnavailableError } from '../store.ts'
import { storeConformance } from '../testing/conformance.ts'
import { collect, nextEvents, text, utf8 } from '../testing/watching.ts'
import { DiskWait, systemDisk } from './disk-wait.ts'
import { openDatabase, openEmbeddedStore } from './embedded-store.ts'
import { SqliteLog } from './sqlite-log.ts'

storeConformance('embedded', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'canopus-store-'))
  const clock = new SimulatedClock()
  const store = await openEmbeddedStore({ directory, clock, logger: silentLogger })
  return {
    store,
    ttlSeconds: 60,
    passTime: ms => clock.advance(ms),
    close: async () => {
      await store.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
})

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'canopus-store-'))
  try {
    await run(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const open = (directory: string, clock = new SimulatedClock()): Promise<Store> =>
  openEmbeddedStore({ directory, clock, logger: silentLogger })

/** A store whose every wait for the disk ends as the test says. */
function onSlowDisk(directory: string) {
  const syncs = new AsyncQueue<{ file: number; resolve(): void; reject(reason: unknown): void }>()
  const later = (file: number): Promise<void> => {
    const { promise, resolve, reject } = deferred()
    syncs.push({ file, resolve, reject })
    return promise
  }
  const log = new SqliteLog(openDatabase(directory), new DiskWait({ later }, new SimulatedClock()))
  const store = new MvccStore({ log, clock: new SimulatedClock(), defer: setImmediate, commitLimit: 1000 })
  return { store, nextSync: async () => (await syncs.next()).value! }
}

const says = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof StoreUnavailableError, `${error}`)
  assert.match(error.message, pattern)
  return true
}

describe('embedded store on disk', () => {
  test('everything is there after closing and opening again', () =>
    inDirectory(async directory => {
      const before = await open(directory)
      const a = await before.create('/registry/a', () => utf8('1'))
      const updated = await before.update('/registry/a', () => utf8('2'), a.revision)
      const b = await before.create('/registry/b', () => utf8('b'))
      const gone = await before.delete('/registry/b', b.revision)
      await before.close()

      const after = await open(directory)
      assert.equal(await after.revision(), gone.revision)
      assert.equal(text((await after.get('/registry/a'))!.value), '2')
      assert.equal(await after.get('/registry/b'), undefined)
      assert.equal(text((await after.list('/registry/', { revision: a.revision })).items[0]!.value), '1')
      const watch = collect(after, '/registry/', a.revision)
      assert.deepEqual(
        (await nextEvents(watch, 3)).map(event => event.revision),
        [updated.revision, b.revision, gone.revision],
      )
      await watch.stop()
      await after.close()
    }))

  test('a write is answered and seen only when the write-ahead log is on the disk', () =>
    inDirectory(async directory => {
      const { store, nextSync } = onSlowDisk(directory)
      const watch = collect(store, '/registry/', 1)
      const creating = store.create('/registry/a', () => utf8('1'))
      const sync = await nextSync()
      // What is waited for is the file that has the bytes: 32 bytes of its header, then a frame for each page.
      assert.equal(fstatSync(sync.file).ino, statSync(join(directory, 'store.db-wal')).ino)
      assert.ok(readFileSync(join(directory, 'store.db-wal')).includes('/registry/a'))
      assert.equal(await store.get('/registry/a'), undefined)
      assert.equal(watch.events.length, 0)
      sync.resolve()
      assert.equal((await creating).revision, 2)
      assert.equal((await nextEvents(watch, 1))[0]!.key, '/registry/a')
      const compacting = store.compact(2)
      const second = await nextSync()
      second.resolve()
      await compacting
      await watch.stop()
      await store.close()
    }))

  test('the write-ahead log grows by more than a write, and what follows the writes in it is not taken for one', () =>
    inDirectory(async directory => {
      const store = await open(directory)
      const log = join(directory, 'store.db-wal')
      await store.create('/registry/a', () => new Uint8Array(10_000))
      const { size } = statSync(log)
      const written = await store.create('/registry/b', () => new Uint8Array(10_000))
      assert.equal(statSync(log).size, size)
      // As the power's failure would leave it.
      const copy = join(directory, 'copy')
      mkdirSync(copy)
      for (const name of ['store.db', 'store.db-wal']) copyFileSync(join(directory, name), join(copy, name))
      const after = await open(copy)
      assert.equal(await after.revision(), written.revision)
      assert.equal((await after.get('/registry/b'))!.value.length, 10_000)
      await after.close()
      await store.close()
    }))

  test('says what is decided, so that another write can go to the disk with it', () =>
    inDirectory(async directory => {
      const { store, nextSync } = onSlowDisk(directory)
      const told: string[] = []
      const first = store.create('/registry/a', () => utf8('1'), { decided: () => told.push('a') })
      const refused = store.create('/registry/a', () => utf8('2'), { decided: () => told.push('a again') })
      assert.deepEqual(told, ['a'])
      const second = store.create('/registry/b', () => utf8('1'), { decided: () => told.push('b') })
      assert.deepEqual(told, ['a', 'b'])
      const outcome = assert.rejects(refused, KeyExistsError)
      const sync = await nextSync()
      sync.resolve()
      assert.deepEqual([(await first).revision, (await second).revision], [2, 3])
      await outcome
      await store.close()
    }))

  test('where the disk fails, the writes under way and all later ones fail, and what is readable stays so', () =>
    inDirectory(async directory => {
      const { store, nextSync } = onSlowDisk(directory)
      const creating = store.create('/registry/a', () => utf8('1'))
      const first = await nextSync()
      first.resolve()
      const { revision } = await creating
      const writes = [store.create('/registry/b', () => utf8('1'))]
      const failing = await nextSync()
      writes.push(store.update('/registry/a', () => utf8('2'), revision))
      const outcomes = Promise.allSettled(writes)
      failing.reject(new Error('EIO: i/o error, fdatasync'))
      for (const outcome of await outcomes) {
        assert.equal(outcome.status, 'rejected')
        says(/could not write its file \(EIO.*start the API server again/)(outcome.reason)
        assert.equal(outcome.reason.ambiguous, true)
      }
      await assert.rejects(
        store.create('/registry/c', () => utf8('1')),
        says(/could not write its file/),
      )
      await assert.rejects(store.compact(revision), says(/could not write its file/))
      assert.equal(text((await store.get('/registry/a'))!.value), '1')
      assert.equal(await store.revision(), revision)
      await store.close()
    }))

  test('before SQLite overwrites anything it waits for the disk itself', () =>
    inDirectory(async directory => {
      const database = openDatabase(directory)
      const log = new SqliteLog(database, new DiskWait(systemDisk, new SimulatedClock()))
      assert.equal(database.prepare('PRAGMA journal_mode').get()?.journal_mode, 'wal')
      assert.equal(database.prepare('PRAGMA synchronous').get()?.synchronous, 1)
      await log.close()
    }))

  test('a compaction holds after opening again, and the revision stays', () =>
    inDirectory(async directory => {
      const before = await open(directory)
      const a = await before.create('/registry/a', () => utf8('1'))
      const gone = await before.delete('/registry/a', a.revision)
      await before.compact(gone.revision)
      await before.close()
      const after = await open(directory)
      assert.equal(await after.revision(), gone.revision)
      assert.equal(await after.compactedRevision(), gone.revision)
      const next = await after.create('/registry/b', () => utf8('1'))
      assert.equal(next.revision, gone.revision + 1)
      await after.close()
    }))

  test('a key whose time was up while the store was closed goes after opening', () =>
    inDirectory(async directory => {
      const before = await open(directory)
      const start = await before.create('/registry/events/a', () => utf8('1'), { ttlSeconds: 60 })
      await before.create('/registry/events/b', () => utf8('1'), { ttlSeconds: 3600 })
      await before.close()
      const clock = new SimulatedClock()
      await clock.advance(100_000)
      const after = await open(directory, clock)
      const watch = collect(after, '/registry/events/', start.revision + 1)
      await clock.advance(1)
      assert.equal((await nextEvents(watch, 1))[0]!.key, '/registry/events/a')
      await clock.advance(3_600_000)
      assert.equal((await nextEvents(watch, 1))[0]!.key, '/registry/events/b')
      await watch.stop()
      await after.close()
    }))

  test('a full disk refuses the writes of that moment, loses nothing else, and writes go on with space', () =>
    inDirectory(async directory => {
      const database = openDatabase(directory)
      const store = new MvccStore({
        log: new SqliteLog(database, new DiskWait(systemDisk, new SimulatedClock())),
        clock: new SimulatedClock(),
        defer: setImmediate,
        commitLimit: 1000,
      })
      const first = await store.create('/registry/a', () => utf8('1'))
      const watch = collect(store, '/registry/', first.revision)
      database.exec('PRAGMA max_page_count = 20')
      const big = new Uint8Array(100_000)
      const outcomes = await Promise.allSettled([
        store.create('/registry/b', () => big),
        store.delete('/registry/a', first.revision),
        store.create('/registry/a', () => big),
        store.create('/registry/b', () => big),
      ])
      for (const outcome of outcomes) {
        assert.equal(outcome.status, 'rejected')
        says(/disk.* is full: free some space/)(outcome.reason)
      }
      assert.equal(await store.revision(), first.revision)
      assert.equal(text((await store.get('/registry/a'))!.value), '1')
      database.exec('PRAGMA max_page_count = 1000000')
      const next = await store.create('/registry/b', () => utf8('b'))
      assert.equal(next.revision, first.revision + 1)
      assert.deepEqual(
        (await nextEvents(watch, 1)).map(event => [event.key, event.revision]),
        [['/registry/b', next.revision]],
      )
      await watch.stop()
      await store.close()
    }))

  test('a second opening is told that the directory is in use', () =>
    inDirectory(async directory => {
      const store = await open(directory)
      await assert.rejects(open(directory), says(/in use by another process: stop that Canopus first/))
      await store.create('/registry/a', () => utf8('1'))
      await store.close()
      await (await open(directory)).close()
    }))

  test('a file of a newer format is refused and left alone', () =>
    inDirectory(async directory => {
      await (await open(directory)).close()
      const database = openDatabase(directory)
      database.exec('PRAGMA user_version = 99')
      database.close()
      await assert.rejects(open(directory), says(/format 99, made by a newer Canopus.*run the newer version/))
    }))

  test('a file that is no store is refused', () =>
    inDirectory(async directory => {
      writeFileSync(join(directory, 'store.db'), 'certainly not a database'.repeat(500))
      await assert.rejects(open(directory), says(/damaged or no database/))
    }))

  test('a directory that cannot be made is named', () =>
    inDirectory(async directory => {
      writeFileSync(join(directory, 'file'), '')
      mkdirSync(join(directory, 'fine'))
      await assert.rejects(open(join(directory, 'file', 'below')), says(/cannot open the store in .*below/))
    }))
})
