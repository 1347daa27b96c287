import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { yamlText } from './yaml-text.ts'

describe('YAML of free values', () => {
  const values: readonly [unknown, string][] = [
    ['list', 'list'],
    [true, 'true'],
    ['true', '"true"'],
    [null, 'null'],
    [-1.5, '-1.5'],
    ['10', '"10"'],
    ['1e3', '"1e3"'],
    ['10.96.0.0', '10.96.0.0'],
    ['2026-01-02', '"2026-01-02"'],
    ['12:30:00', '"12:30:00"'],
    ['', '""'],
    ['a: b', "'a: b'"],
    ["it's: so", "'it''s: so'"],
    ['*', "'*'"],
    ['-', "'-'"],
    ['-x', '-x'],
    ['a\nb', '"a\\nb"'],
    ['ä', 'ä'],
    [{}, '{}'],
    [[], '[]'],
    [['a', 1], '- a\n- 1'],
    [[{ group: '', kind: 'Pod', version: 'v1' }], '- group: ""\n  kind: Pod\n  version: v1'],
    [{ a: { b: ['c', { d: 1, e: {} }] } }, 'a:\n    b:\n        - c\n        - d: 1\n          e: {}'],
    [[[1, 2], 'x'], '- - 1\n  - 2\n- x'],
    [[{ x: { y: 1 }, z: [{ q: { r: 2 } }] }], '- x:\n    "y": 1\n  z:\n    - q:\n        r: 2'],
    [{ l: [{ z: [{ q: { r: 2 } }] }] }, 'l:\n    - z:\n        - q:\n            r: 2'],
  ]
  for (const [value, text] of values) {
    it(`of ${JSON.stringify(value)}`, () => assert.equal(yamlText(value), `${text}\n`))
  }
})
