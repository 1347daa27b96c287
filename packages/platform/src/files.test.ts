import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { makeDirectories, writeFileAtomic } from './files.ts'

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
