import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { makeDirectories, removeAbandoned, writeFileAtomic } from './files.ts'

describe('directories', () => {
  test('are made with their parents, and may be there', t => {
    const root = mkdtempSync(join(tmpdir(), 'canopus-files-'))
    t.after(() => rmSync(root, { recursive: true }))
    makeDirectories(join(root, 'a/b/c'), 0o711)
    makeDirectories(join(root, 'a/b/c'))
    assert.equal(statSync(join(root, 'a')).mode & 0o777, 0o711)
    writeFileSync(join(root, 'file'), '')
    assert.throws(() => makeDirectories(join(root, 'file')), { code: 'EEXIST' })
    assert.throws(() => makeDirectories(join(root, 'file/x')), { code: 'EEXIST' })
    writeFileAtomic(join(root, 'd/e/text'), 'x')
    assert.ok(existsSync(join(root, 'd/e/text')))
  })

  test('that cannot be are an error', { skip: !existsSync('/proc/self') && 'needs /proc' }, () => {
    assert.throws(() => makeDirectories('/proc/canopus/x'), { code: 'ENOENT' })
    assert.throws(() => writeFileAtomic('/proc/canopus/x/y', ''), { code: 'ENOENT' })
  })
})

test('what killed writers have left is removed, what living ones write is not', t => {
  const root = mkdtempSync(join(tmpdir(), 'canopus-files-'))
  t.after(() => rmSync(root, { recursive: true }))
  const { pid: dead } = spawnSync(process.execPath, ['--version'])
  const kept = ['text', `text.${process.pid}.0123456789ab.tmp`, `other.${dead}.0123456789ab.tmp`, `text.${dead}.tmp`]
  for (const name of [...kept, `text.${dead}.0123456789ab.tmp`]) writeFileSync(join(root, name), '')
  removeAbandoned(join(root, 'text'))
  assert.deepEqual(readdirSync(root).sort(), kept.sort())
  removeAbandoned(join(root, 'not/there'))
})
