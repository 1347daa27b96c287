import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { testData } from '@canopus/api/testing/test-data'
import { Unsupported } from './case.ts'
import { claims } from './claims.ts'
import { runCase } from './run.ts'
import { messagesOf, parseTextProto, textOf } from './textproto.ts'

const NAME = 'cel/tests/simple/testdata'
const folder = testData(NAME)

/** Names of the tests of a file that pass and that do not. */
function runFile(path: string): { passed: string[]; failed: string[] } {
  const passed: string[] = []
  const failed: string[] = []
  for (const section of messagesOf(parseTextProto(readFileSync(path, 'utf8')), 'section')) {
    for (const published of messagesOf(section, 'test')) {
      const name = `${textOf(section, 'name')}/${textOf(published, 'name')}`
      const problem = problemOf(() => runCase(published))
      if (problem === undefined) passed.push(name)
      else failed.push(`${name}: ${problem}`)
    }
  }
  return { passed, failed }
}

function problemOf(run: () => string | undefined): string | undefined {
  try {
    return run()
  } catch (error) {
    if (error instanceof Unsupported) return error.message
    throw error
  }
}

for (const [name, claim] of Object.entries(claims)) {
  const skip = folder === undefined ? `${NAME} is not here` : false
  test(`published conformance tests: ${name}, ${claim.tests} of ${claim.of}`, { skip }, () => {
    const { passed, failed } = runFile(`${folder}/${name}.textproto`)
    const total = passed.length + failed.length
    const newer = total === claim.of ? 0 : (claim.added ?? 0)
    assert.equal(total, claim.of - newer)
    assert.equal(passed.length, claim.tests - newer, failed.join('\n'))
    assert.ok(failed.length === 0 || claim.reason !== undefined)
  })
}

test('every published file has a claim', { skip: folder === undefined ? `${NAME} is not here` : false }, () => {
  const files = readdirSync(folder!).filter(file => file.endsWith('.textproto'))
  assert.deepEqual(files.map(file => file.replace('.textproto', '')).sort(), Object.keys(claims).sort())
})
