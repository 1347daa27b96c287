import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { conformanceTests, parseTests } from './tests.ts'

const tests = conformanceTests()

test('the list has every conformance test of 1.36 once', () => {
  assert.equal(tests.length, 446)
  assert.equal(new Set(tests.map(each => each.name)).size, 446)
})

test('what is claimed names a file of ours; what is not says why', () => {
  for (const { name, evidence, reason } of tests) {
    if (evidence === undefined) assert.ok(reason, name)
    else assert.ok(existsSync(fileURLToPath(new URL(`../${evidence}`, import.meta.url))), `${name}: no ${evidence}`)
  }
})

test('a list that cannot be read is refused', () => {
  for (const text of ['- a', '= [sig-apps] A | moon', '= [sig-apps] A | api\n+ claimed without evidence', 'what'])
    assert.throws(() => parseTests(text, 'x.txt'), /^Error: x\.txt:\d+: not understood/)
})
