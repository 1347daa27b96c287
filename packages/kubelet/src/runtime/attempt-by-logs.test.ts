import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { attemptByLogs } from './attempt-by-logs.ts'

test('the next attempt by what logs are there', t => {
  const directory = mkdtempSync(join(tmpdir(), 'canopus-attempt-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const cases: [string[], number][] = [
    [[], 0],
    [['0.log'], 1],
    [['0.log', '2.log', '10.log', '9.log'], 11],
    [['3.log.20260101-000000.gz', 'x7.log', 'notes'], 4],
  ]
  for (const [index, [names, expected]] of cases.entries()) {
    const logs = join(directory, String(index))
    mkdirSync(join(logs, '40.log'), { recursive: true })
    for (const name of names) writeFileSync(join(logs, name), '')
    assert.equal(attemptByLogs(logs), expected, names.join())
  }
  assert.equal(attemptByLogs(join(directory, 'none')), 0)
})
