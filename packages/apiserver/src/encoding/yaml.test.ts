import assert from 'node:assert/strict'
import { test } from 'node:test'
import { yamlToJson } from './yaml.ts'

test('a key that comes twice is told as Go tells it, by line and name', () => {
  const cases: [yaml: string, line: number, key: string][] = [
    ['\nspec:\n  foo: x\n  foo: y\n', 4, 'foo'],
    ['"a b": 1\n"a b": 2\n', 2, 'a b'],
    ["'a': 1\n'a': 2\n", 2, 'a'],
    ['{x: 1, x: 2}', 1, 'x'],
  ]
  for (const [yaml, line, key] of cases) {
    const { strictErrors } = yamlToJson(Buffer.from(yaml))
    assert.deepEqual(strictErrors, [`yaml: unmarshal errors:\n  line ${line}: key "${key}" already set in map`])
  }
  assert.deepEqual(yamlToJson(Buffer.from('a: 1\na: 2\n')).json, '{"a":2}')
})
