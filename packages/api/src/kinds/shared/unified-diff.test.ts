import assert from 'node:assert/strict'
import { it } from 'node:test'
import { describeDifference } from './difference.ts'
import { unifiedDiff } from './unified-diff.ts'

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => String(from + index))

// As Python's difflib.unified_diff prints them.
const rows: readonly [string, string[], string[], string][] = [
  ['nothing', numbers(1, 9), numbers(1, 9), ''],
  ['one line in the middle', ['a', 'b', 'c'], ['a', 'x', 'c'], '@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n'],
  ['all lines', ['a'], ['b', 'c'], '@@ -1 +1,2 @@\n-a\n+b\n+c\n'],
  ['a line more in front', ['a'], ['x', 'a'], '@@ -1 +1,2 @@\n+x\n a\n'],
  ['from nothing', [], ['a'], '@@ -0,0 +1 @@\n+a\n'],
  [
    'two places far from each other',
    numbers(1, 20),
    ['x', ...numbers(2, 19)],
    '@@ -1,4 +1,4 @@\n-1\n+x\n 2\n 3\n 4\n@@ -17,4 +17,3 @@\n 17\n 18\n 19\n-20\n',
  ],
  [
    'two places near each other',
    numbers(1, 8),
    ['x', ...numbers(2, 7), 'y'],
    '@@ -1,8 +1,8 @@\n-1\n+x\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n+y\n',
  ],
]
for (const [what, a, b, wanted] of rows) it(`unified diff: ${what}`, () => assert.equal(unifiedDiff(a, b), wanted))

it('differences are those of JSON, whatever the order of the fields', () => {
  assert.equal(describeDifference({ a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }), '')
  assert.equal(
    describeDifference({ b: '<', a: [1] }, { a: [1, 2n ** 60n], b: '<' }),
    '@@ -1,6 +1,7 @@\n {\n  "a": [\n-  1\n+  1,\n+  1152921504606846976\n  ],\n  "b": "\\u003c"\n }\n',
  )
})
