import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { Failure } from '../failure.ts'
import { withDefaults } from './changes.ts'
import { type ClusterConfig, CONFIG_VERSION, loadConfig, newConfig, saveConfig } from './config.ts'
import { makeDirectory, removeData, requireEmpty } from './data-directory.ts'
import { withLock } from './lock.ts'
import { LogWatch } from './log-watch.ts'

const directory = mkdtempSync(join(tmpdir(), 'canopus-cli-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const says = (message: RegExp) => (error: unknown) => error instanceof Failure && message.test(error.message)

describe('descriptions', () => {
  const home = { root: join(directory, 'home'), run: join(directory, 'run') }
  const config = newConfig(withDefaults({ name: 'kept', mirrors: [] }), home, 0)
  const path = join(home.root, 'index/kept.json')

  it('are kept', () => {
    assert.equal(loadConfig(home, 'kept'), undefined)
    saveConfig(home, config)
    assert.deepEqual(loadConfig(home, 'kept'), config)
  })

  it('of a newer version are refused', () => {
    writeFileSync(path, JSON.stringify({ version: CONFIG_VERSION + 1 } satisfies Partial<ClusterConfig>))
    assert.throws(() => loadConfig(home, 'kept'), says(/made by a newer Canopus/))
  })

  for (const damaged of ['', '{', 'null', '[]', '{}', '{"version":1,"name":"kept"}'])
    it(`that are damaged are refused: ${damaged}`, () => {
      writeFileSync(path, damaged)
      assert.throws(() => loadConfig(home, 'kept'), says(/is damaged/))
    })
})

describe('the lock', () => {
  const path = join(directory, 'locks/a.lock')

  it('is for one at a time, and goes with its holder', async () => {
    await withLock(path, 'it', async () => {
      await assert.rejects(
        withLock(path, 'it', () => Promise.resolve()),
        says(new RegExp(`another canopus command \\(process ${process.pid}\\) is working on it`)),
      )
    })
    assert.deepEqual(readdirSync(join(directory, 'locks')), [])
    await assert.rejects(
      withLock(path, 'it', () => Promise.reject(new Error('work failed'))),
      /work failed/,
    )
    assert.deepEqual(readdirSync(join(directory, 'locks')), [])
  })

  for (const stale of ['', '1 0', '4194305 12', 'nonsense'])
    it(`of a process that is gone counts for nothing: "${stale}"`, async () => {
      writeFileSync(path, stale)
      assert.equal(await withLock(path, 'it', () => Promise.resolve('done')), 'done')
      assert.ok(!existsSync(path))
    })
})

describe('data directories', () => {
  it('must be empty, but for what file systems have', () => {
    const data = join(directory, 'data')
    requireEmpty(data)
    makeDirectory(join(data, 'lost+found'))
    requireEmpty(data)
    writeFileSync(join(data, 'diary'), '')
    assert.throws(() => requireEmpty(data), says(/is not empty: it holds diary/))
    rmSync(join(data, 'lost+found'), { recursive: true })
    removeData(data)
    assert.ok(!existsSync(data))
    removeData(data)
  })
})

describe('the log of a component', () => {
  it('tells why it ends, once it has ended again and again since we look', () => {
    mkdirSync(join(directory, 'logs'))
    const path = join(directory, 'logs/c.log')
    const end = 'error: too tired\n{"message":"c ended; starting it again"}\n'
    writeFileSync(path, end.repeat(5))
    const watch = new LogWatch(path)
    assert.equal(watch.whyItEnds(), undefined)
    appendFileSync(path, end.repeat(2))
    assert.equal(watch.whyItEnds(), undefined)
    appendFileSync(path, end)
    assert.equal(watch.whyItEnds(), 'too tired')
    assert.equal(new LogWatch(join(directory, 'logs/none')).whyItEnds(), undefined)
  })
})
