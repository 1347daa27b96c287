import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { SimulatedClock, silentLogger } from '@canopus/base'
import { text, utf8 } from '../testing/watching.ts'
import { openEmbeddedStore } from './embedded-store.ts'

const skip = process.getuid?.() === 0 ? false : 'mounting needs root'

/** Whether the file system lets a file be written past the kernel's cache. */
function knowsDirect(directory: string): boolean {
  try {
    closeSync(openSync(join(directory, 'direct'), constants.O_RDWR | constants.O_CREAT | constants.O_DIRECT))
    return true
  } catch {
    return false
  }
}

interface FileSystem {
  readonly name: string
  /** Mounts it at `target`; `room` is a directory for what it lies in. */
  mount(target: string, room: string): void
  /** Whether it takes O_DIRECT; nothing where that depends on the kernel. */
  readonly direct?: boolean
}

const mount = (...words: string[]): void => void execFileSync('mount', words, { stdio: 'pipe' })

const fileSystems: readonly FileSystem[] = [
  { name: 'ramfs', mount: target => mount('-t', 'ramfs', 'ramfs', target), direct: false },
  { name: 'tmpfs', mount: target => mount('-t', 'tmpfs', 'tmpfs', target) },
  {
    name: 'overlayfs',
    mount: (target, room) => {
      const parts = ['lower', 'upper', 'work'].map(part => mkdtempSync(join(room, `${part}-`)))
      mount('-t', 'overlay', '-o', `lowerdir=${parts[0]},upperdir=${parts[1]},workdir=${parts[2]}`, 'overlay', target)
    },
  },
]

describe('the embedded store on', { skip }, () => {
  for (const fileSystem of fileSystems) {
    test(fileSystem.name, { timeout: 60_000 }, async () => {
      const room = mkdtempSync(join(tmpdir(), 'canopus-file-system-'))
      // What overlayfs lies in must not be an overlay itself.
      mount('-t', 'tmpfs', '-o', 'size=256m', 'tmpfs', room)
      const target = mkdtempSync(join(room, 'mounted-'))
      const mounted = [room]
      try {
        fileSystem.mount(target, room)
        mounted.unshift(target)
        if (fileSystem.direct !== undefined) assert.equal(knowsDirect(target), fileSystem.direct)
        await keepsWhatWasWritten(join(target, 'store'))
      } finally {
        for (const place of mounted) execFileSync('umount', [place])
        rmSync(room, { recursive: true })
      }
    })
  }
})

/** Lone writes and many at once, read again by a store that is opened anew. */
async function keepsWhatWasWritten(directory: string): Promise<void> {
  const open = () => openEmbeddedStore({ directory, clock: new SimulatedClock(), logger: silentLogger })
  const first = await open()
  for (let n = 0; n < 20; n++) await first.create(`/registry/lone/${n}`, revision => utf8(`lone ${revision}`))
  await Promise.all(
    Array.from({ length: 200 }, (_, n) => first.create(`/registry/many/${n}`, () => utf8('x'.repeat(5000)))),
  )
  await first.create('/registry/last', () => utf8('last'))
  const revision = await first.revision()
  await first.close()
  const second = await open()
  try {
    assert.equal(await second.revision(), revision)
    assert.equal(text((await second.get('/registry/lone/19'))!.value), 'lone 21')
    assert.equal(text((await second.get('/registry/last'))!.value), 'last')
    assert.equal(await second.count('/registry/many/'), 200)
  } finally {
    await second.close()
  }
}
