import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { conformanceTests, parseTests, RUNS } from './tests.ts'

const tests = conformanceTests()

const isRun = (evidence: string): boolean => RUNS.some(run => run === evidence)
const isFile = (evidence: string): boolean => existsSync(fileURLToPath(new URL(`../${evidence}`, import.meta.url)))

test('the list has every conformance test of 1.36 once', () => {
  assert.equal(tests.length, 446)
  assert.equal(new Set(tests.map(each => each.name)).size, 446)
})

test('what is claimed names files of ours or runs of upstream; what is not says why', () => {
  for (const { name, evidence, reason } of tests) {
    if (evidence === undefined) assert.ok(reason, name)
    else for (const each of evidence) assert.ok(isRun(each) || isFile(each), `${name}: no ${each}`)
  }
})

test('a claim may rest on files and runs', () => {
  const [one, both] = parseTests(
    '= [sig-apps] A | api\n+ a < upstream:simulated\n+ b c < x.ts upstream:containers',
    'x.txt',
  )
  assert.deepEqual(one?.evidence, ['upstream:simulated'])
  assert.equal(both?.name, '[sig-apps] A b c [Conformance]')
  assert.deepEqual(both?.evidence, ['x.ts', 'upstream:containers'])
})

test('a list that cannot be read is refused', () => {
  for (const text of ['- a', '= [sig-apps] A | moon', '= [sig-apps] A | api\n+ claimed without evidence', 'what'])
    assert.throws(() => parseTests(text, 'x.txt'), /^Error: x\.txt:\d+: not understood/)
})
