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
import { type Disk, systemDisk } from './disk.ts'
import { EmbeddedLog } from './embedded-log.ts'
import { openDatabase, openEmbeddedStore } from './embedded-store.ts'
import { SqliteFile } from './sqlite-file.ts'

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

/** A store on another disk than the system's, its database, and the clock that its log goes by. */
async function openOn(directory: string, other: Partial<Disk>) {
  const clock = new SimulatedClock()
  const disk = { ...systemDisk, ...other }
  const database = openDatabase(directory)
  const log = await EmbeddedLog.open({ directory, file: new SqliteFile(database), disk, clock })
  return { clock, database, store: new MvccStore({ log, clock, defer: setImmediate, commitLimit: 1000 }) }
}

/** A store whose every wait for the disk ends as the test says, but for that of its opening. */
async function onSlowDisk(directory: string) {
  const syncs = new AsyncQueue<{ file: number; resolve(): void; reject(reason: unknown): void }>()
  let slow = false
  const told = (file: number): Promise<void> => {
    const { promise, resolve, reject } = deferred()
    syncs.push({ file, resolve, reject })
    return promise
  }
  const opened = await openOn(directory, {
    later: file => (slow ? told(file) : systemDisk.later(file)),
    writeNow: undefined,
    async writeLater(file, bytes, position) {
      systemDisk.writeNow!(file, bytes, position)
      await told(file)
    },
  })
  slow = true
  const close = (): Promise<void> => {
    slow = false
    return opened.store.close()
  }
  return { ...opened, close, nextSync: async () => (await syncs.next()).value! }
}

/** A copy of a store's directory as it is now: what is there when the process is killed, or the power fails. */
function copyOf(directory: string, name = 'copy'): string {
  const copy = join(directory, name)
  mkdirSync(copy)
  for (const file of FILES) copyFileSync(join(directory, file), join(copy, file))
  return copy
}
const FILES = ['store.db', 'store.db-wal', 'journal-0', 'journal-1']

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

  test('a write is answered and seen only when the journal is on the disk', () =>
    inDirectory(async directory => {
      const { store, nextSync, close } = await onSlowDisk(directory)
      const watch = collect(store, '/registry/', 1)
      const creating = store.create('/registry/a', () => utf8('1'))
      const sync = await nextSync()
      // What is waited for is the file that has the bytes.
      assert.equal(fstatSync(sync.file).ino, statSync(join(directory, 'journal-0')).ino)
      assert.ok(readFileSync(join(directory, 'journal-0')).includes('/registry/a'))
      assert.equal(await store.get('/registry/a'), undefined)
      assert.equal(watch.events.length, 0)
      sync.resolve()
      assert.equal((await creating).revision, 2)
      assert.equal((await nextEvents(watch, 1))[0]!.key, '/registry/a')
      await watch.stop()
      await close()
    }))

  test('a compaction is remembered when the database is on the disk, with all that was written before it', () =>
    inDirectory(async directory => {
      const { store, nextSync, close } = await onSlowDisk(directory)
      const creating = store.create('/registry/a', () => utf8('1'))
      ;(await nextSync()).resolve()
      await creating
      let compacted = false
      const compacting = store.compact(2).then(() => {
        compacted = true
      })
      const wal = statSync(join(directory, 'store.db-wal')).ino
      const [journalFree, remembered] = [await nextSync(), await nextSync()]
      assert.deepEqual([fstatSync(journalFree.file).ino, fstatSync(remembered.file).ino], [wal, wal])
      assert.ok(readFileSync(join(directory, 'store.db-wal')).includes('/registry/a'))
      journalFree.resolve()
      await new Promise(setImmediate)
      assert.equal(compacted, false)
      remembered.resolve()
      await compacting
      await close()
    }))

  test('a journal grows by more than a write, and what follows the writes in it is not taken for one', () =>
    inDirectory(async directory => {
      const store = await open(directory)
      const journal = join(directory, 'journal-0')
      await store.create('/registry/a', () => new Uint8Array(10_000))
      const { size } = statSync(journal)
      const written = await store.create('/registry/b', () => new Uint8Array(10_000))
      assert.equal(statSync(journal).size, size)
      const after = await open(copyOf(directory))
      assert.equal(await after.revision(), written.revision)
      assert.equal((await after.get('/registry/b'))!.value.length, 10_000)
      await after.close()
      await store.close()
    }))

  test('whenever the power fails, what was answered is found: in the database, in one journal, in both', () =>
    inDirectory(async directory => {
      const { store, clock } = await openOn(directory, {})
      const value = (n: number) => () => new Uint8Array(60_000).fill(n)
      let newest = await store.create('/registry/a', value(0))
      for (let n = 1; n <= 60; n++) {
        newest = await store.update('/registry/a', value(n), newest.revision)
        // Over and over a mebibyte goes to the database, and the other journal begins anew.
        if (n % 7 === 0) await clock.advance(0)
        if (n % 11 !== 0) continue
        const after = await open(copyOf(directory, `copy-${n}`))
        assert.equal(await after.revision(), newest.revision)
        const history = collect(after, '/registry/', 1)
        const events = await nextEvents(history, newest.revision - 1)
        assert.deepEqual(
          events.map(event => event.type === 'put' && event.value[0]),
          Array.from({ length: n + 1 }, (_, at) => at),
        )
        await history.stop()
        await after.close()
      }
      assert.ok(statSync(join(directory, 'journal-1')).size > 0)
      await store.close()
    }))

  test('many writes at once go to the database, with what only the journal had', () =>
    inDirectory(async directory => {
      const { store, nextSync, close } = await onSlowDisk(directory)
      const lone = store.create('/registry/a', () => utf8('1'))
      ;(await nextSync()).resolve()
      await lone
      const many = Promise.all(['b', 'c', 'd'].map(key => store.create(`/registry/${key}`, () => utf8('1'))))
      const sync = await nextSync()
      assert.equal(fstatSync(sync.file).ino, statSync(join(directory, 'store.db-wal')).ino)
      const wal = readFileSync(join(directory, 'store.db-wal'))
      for (const key of 'abcd') assert.ok(wal.includes(`/registry/${key}`))
      assert.equal(await store.get('/registry/b'), undefined)
      sync.resolve()
      await many
      const next = store.create('/registry/e', () => utf8('1'))
      const second = await nextSync()
      assert.equal(fstatSync(second.file).ino, statSync(join(directory, 'journal-1')).ino)
      second.resolve()
      await next
      const after = await open(copyOf(directory))
      assert.equal((await after.list('/registry/')).items.length, 5)
      await after.close()
      await close()
    }))

  test('a journal begins anew only when the database is on the disk', () =>
    inDirectory(async directory => {
      const { store, clock, nextSync, close } = await onSlowDisk(directory)
      const create = async (key: string): Promise<number> => {
        const creating = store.create(key, () => utf8(key))
        const sync = await nextSync()
        sync.resolve()
        await creating
        return fstatSync(sync.file).ino
      }
      const [first, second] = ['journal-0', 'journal-1'].map(name => statSync(join(directory, name)).ino)
      assert.equal(await create('/registry/a'), first)
      await clock.advance(1000)
      const database = await nextSync()
      assert.equal(await create('/registry/b'), second)
      // The database has this too a second later, but the first journal may still be the only one on the disk with what it holds.
      await clock.advance(1000)
      ;(await nextSync()).resolve()
      assert.equal(await create('/registry/c'), second)
      database.resolve()
      await new Promise(setImmediate)
      await clock.advance(1000)
      ;(await nextSync()).resolve()
      assert.equal(await create('/registry/d'), first)
      await close()
    }))

  test('a frame that is not whole was never answered; where one before it is missing, the journal is damaged', () =>
    inDirectory(async directory => {
      const { store } = await openOn(directory, {})
      const kept = await store.create('/registry/a', () => utf8('whole'))
      await store.create('/registry/b', () => utf8('torn'))
      const copy = copyOf(directory)
      const journal = readFileSync(join(copy, 'journal-0'))
      const secondFrame = journal.indexOf(journal.subarray(0, 4), 1)
      writeFileSync(join(copy, 'journal-0'), Buffer.from(journal).fill(0, journal.indexOf('torn')))
      const after = await open(copy)
      assert.equal(await after.revision(), kept.revision)
      assert.equal(text((await after.get('/registry/a'))!.value), 'whole')
      await after.close()

      const damaged = copyOf(directory, 'damaged')
      writeFileSync(join(damaged, 'journal-0'), journal.subarray(secondFrame))
      await assert.rejects(open(damaged), says(/journal is damaged: it has lost revisions 2 to 2; restore/))
      await store.close()
    }))

  test('a database that takes the place of one that was closed is not continued by its journal', () =>
    inDirectory(async directory => {
      const before = await open(directory)
      const { revision } = await before.create('/registry/a', () => utf8('1'))
      await before.close()
      const copy = readFileSync(join(directory, 'store.db'))
      const later = await open(directory)
      await later.update('/registry/a', () => utf8('2'), revision)
      await later.close()
      writeFileSync(join(directory, 'store.db'), copy)
      const after = await open(directory)
      assert.equal(text((await after.get('/registry/a'))!.value), '1')
      await after.close()
    }))

  test('says what is decided, so that another write can go to the disk with it', () =>
    inDirectory(async directory => {
      const { store, nextSync, close } = await onSlowDisk(directory)
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
      await close()
    }))

  test('where the disk fails, the writes under way and all later ones fail, and what is readable stays so', () =>
    inDirectory(async directory => {
      const { store, nextSync, close } = await onSlowDisk(directory)
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
      await close()
    }))

  test('before SQLite overwrites anything it waits for the disk itself', () =>
    inDirectory(async directory => {
      const database = openDatabase(directory)
      const file = new SqliteFile(database)
      assert.equal(database.prepare('PRAGMA journal_mode').get()?.journal_mode, 'wal')
      assert.equal(database.prepare('PRAGMA synchronous').get()?.synchronous, 1)
      file.close()
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
      let full = false
      const extend: Disk['extend'] = (file, bytes, position) => {
        if (!full) return systemDisk.extend(file, bytes, position)
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
      }
      const { store, database } = await openOn(directory, { extend })
      // The journal is as large as one such frame.
      const large = () => new Uint8Array(200_000)
      const first = await store.create('/registry/a', large)
      const watch = collect(store, '/registry/', first.revision)
      full = true
      database.exec('PRAGMA max_page_count = 20')
      // One by one to the journal, many together to the database.
      await assert.rejects(store.update('/registry/a', large, first.revision), says(/disk.* is full: free some space/))
      const big = () => new Uint8Array(100_000)
      const outcomes = await Promise.allSettled([
        store.create('/registry/b', big),
        store.delete('/registry/a', first.revision),
        store.create('/registry/a', big),
        store.create('/registry/b', big),
      ])
      for (const outcome of outcomes) {
        assert.equal(outcome.status, 'rejected')
        says(/disk.* is full: free some space/)(outcome.reason)
      }
      assert.equal(await store.revision(), first.revision)
      assert.equal((await store.get('/registry/a'))!.revision, first.revision)
      full = false
      database.exec('PRAGMA max_page_count = 1000000')
      const next = await store.create('/registry/b', () => utf8('b'))
      assert.equal(next.revision, first.revision + 1)
      const many = await Promise.all(['c', 'd', 'e'].map(key => store.create(`/registry/${key}`, big)))
      assert.deepEqual(
        (await nextEvents(watch, 4)).map(event => [event.key, event.revision]),
        [next, ...many].map(({ key, revision }) => [key, revision]),
      )
      await watch.stop()
      const after = await open(copyOf(directory))
      assert.equal(await after.revision(), many[2]!.revision)
      await after.close()
      await store.close()
    }))

  test('where only the database has no room, writes go on until the journal has too much, and again with space', () =>
    inDirectory(async directory => {
      const { store, database, clock } = await openOn(directory, {})
      database.exec('PRAGMA max_page_count = 20')
      const big = () => new Uint8Array(250_000)
      let accepted = 0
      const refused = await (async () => {
        for (; accepted < 40; accepted++) {
          await store.create(`/registry/${accepted}`, big)
          await clock.advance(1000)
        }
        return undefined
      })().catch((error: unknown) => error)
      says(/disk.* is full: free some space/)(refused)
      assert.equal(accepted, 17)
      assert.equal((await store.list('/registry/')).items.length, accepted)
      await assert.rejects(store.compact(3), says(/disk.* is full/))
      database.exec('PRAGMA max_page_count = 1000000')
      await clock.advance(1000)
      await store.create('/registry/more', big)
      await store.close()
      const after = await open(directory)
      assert.equal((await after.list('/registry/')).items.length, accepted + 1)
      await after.close()
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
