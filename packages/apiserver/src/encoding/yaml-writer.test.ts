import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import fc from 'fast-check'
import { yamlToJson } from './yaml.ts'
import { compareKeys, writeYaml } from './yaml-writer.ts'

/** As an API server of 1.36.1 answered. */
describe('values are written as upstream writes them', () => {
  const long = 'a '.repeat(50).trim()
  const rows: readonly [value: unknown, text: string][] = [
    [{ b: [{ c: 1, d: [] }, [1, [2]], {}], a: {} }, 'a: {}\nb:\n- c: 1\n  d: []\n- - 1\n  - - 2\n- {}\n'],
    [{ a: ' a', b: "it's", c: ': x', d: 'a: b', e: '#a' }, "a: ' a'\nb: it's\nc: ': x'\nd: 'a: b'\ne: '#a'\n"],
    [{ a: 'yes', b: '1', c: '', d: '~', e: '2001-12-14' }, 'a: "yes"\nb: "1"\nc: ""\nd: "~"\ne: "2001-12-14"\n'],
    [{ a: '1:30', b: '<<', c: "'" }, `a: "1:30"\nb: <<\nc: ''''\n`],
    [{ a: 'a\tb', b: '😀', c: '\u0007é', d: 'a \nb' }, 'a: "a\\tb"\nb: "\\U0001F600"\nc: "\\aé"\nd: "a \\nb"\n'],
    [{ a: 'x\ny', b: 'x\n', c: 'x\n\n' }, 'a: |-\n  x\n  y\nb: |\n  x\nc: |+\n  x\n\n'],
    [{ d: '\nx', e: '  x\n' }, 'd: |2-\n\n  x\ne: |2\n    x\n'],
    [[long], `- ${'a '.repeat(40).trim()}\n  ${'a '.repeat(10).trim()}\n`],
    [{ y: 1, 'a b': 2, 'x\ny': { z: [3] } }, 'a b: 2\n? |-\n  x\n  y\n: z:\n  - 3\n"y": 1\n'],
    [[1.5, 1e21, 0.00001, 1234567.5], '- 1.5\n- 1e+21\n- 1e-05\n- 1.2345675e+06\n'],
    [[9223372036854775807n, -0, null, true], '- 9223372036854775807\n- 0\n- null\n- true\n'],
  ]
  for (const [value, text] of rows) it(JSON.stringify(text), () => assert.equal(writeYaml(value), text))
})

test('keys are in the order of upstream: numbers by how large they are, letters last', () => {
  const keys = ['a10', 'a2', 'a', 'b', 'a-b', 'ab', 'A', '.', '10', '9', 'a02', 'a.b']
  assert.deepEqual(keys.sort(compareKeys), ['.', '9', '10', 'A', 'a', 'a-b', 'a.b', 'a2', 'a02', 'a10', 'ab', 'b'])
})

test('what is written is read as it was', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[-:#a'"\n \\.01eE~y{}[\],&*!|>%@`?\t]{0,120}$/))
  const key = fc.string({ maxLength: 8 }).filter(each => each !== '__proto__')
  const { value } = fc.letrec(tie => ({
    value: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(key, tie('value'), { maxKeys: 3, noNullPrototype: true }),
    ),
  }))
  fc.assert(
    fc.property(value, each => {
      assert.deepEqual(JSON.parse(yamlToJson(Buffer.from(writeYaml({ a: each }))).json), { a: each })
    }),
  )
})
