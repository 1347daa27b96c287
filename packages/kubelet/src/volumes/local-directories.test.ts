import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLocalDirectories } from './local-directories.ts'

test('directories for everybody, kept as they are, and removed with what is in them; nothing else is', async t => {
  const base = mkdtempSync(join(tmpdir(), 'canopus-volumes-'))
  t.after(() => rmSync(base, { recursive: true }))
  const root = join(base, 'volumes')
  const directories = createLocalDirectories(root)
  const path = await directories.make('pvc-1')
  assert.equal(statSync(path).mode & 0o7777, 0o777)
  writeFileSync(join(path, 'kept'), 'x')
  assert.equal(await directories.make('pvc-1'), path)
  assert.ok(existsSync(join(path, 'kept')))
  await assert.rejects(directories.make('../elsewhere'), /no name for a directory/)
  for (const other of [root, base, '/', `${root}/../elsewhere`, join(path, 'kept')])
    await assert.rejects(directories.remove(other), /no volume directory of this node/)
  assert.ok(existsSync(join(path, 'kept')))
  await directories.remove(path)
  await directories.remove(path)
  assert.ok(!existsSync(path))
})
