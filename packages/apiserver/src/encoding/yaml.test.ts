import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it, test } from 'node:test'
import { testData } from '@canopus/api/testing/test-data'
import { toYaml } from './encoder.ts'
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

test('plain words mean what they mean to a reader of YAML 1.1', () => {
  const cases: [words: string, value: unknown][] = [
    ['[y, Yes, on, TRUE, n, NO, Off, false]', [true, true, true, true, false, false, false, false]],
    ['[yEs, tRue, "yes", nUll, ~, null]', ['yEs', 'tRue', 'yes', 'nUll', null, null]],
    ['[0755, 0o755, 0X1f, -0x1, 0b101, -017, 1_000, 0_7, 08, _1]', [493, 493, 31, -1, 5, -15, 1000, 7, 8, '_1']],
    ['[1:30, 2001-12-14, !!timestamp 2001-12-14, !foo bar]', ['1:30', '2001-12-14', '2001-12-14', 'bar']],
    ['[!!binary aGVsbG8=, !!str 5, !!bool "yes"]', ['hello', '5', true]],
    ['{a: &x {q: 1}, b: {<<: *x, r: 2}, yes: 1, 010: 2}', { a: { q: 1 }, b: { q: 1, r: 2 }, true: 1, 8: 2 }],
    ['a: b\n---\nc: d\n', { a: 'b' }],
    ['[685_230.15, 1_0.5e1_0, .5, 1., _1.5]', [685230.15, 10.5e10, 0.5, 1, '_1.5']],
    ['{.inf: 1, -.INF: 2, .nan: 3, -0.0: 4, 1e20: 5}', { '.inf': 1, '-.inf': 2, '.nan': 3, '-0': 4, '1e+20': 5 }],
    ['{1.5: 1, 0.30000000000000004: 2, 123456789.5: 3}', { 1.5: 1, 0.3: 2, '1.2345679e+08': 3 }],
    ['[!!foo x, !!set {a}, !!omap [a: 1]]', ['x', { a: null }, [{ a: 1 }]]],
    ['a:\n  b: {\nc: d,\n\te: [\nf\n]\n}\ng: h\n', { a: { b: { c: 'd', e: ['f'] } }, g: 'h' }],
    ['a:\n  b: "c\nd"\n  e: f\n', { a: { b: 'c d', e: 'f' } }],
  ]
  for (const [words, value] of cases) assert.deepEqual(JSON.parse(yamlToJson(Buffer.from(words)).json), value, words)
  for (const [words, name] of Object.entries({ '.inf': '+Inf', '-.inf': '-Inf', '.nan': 'NaN' })) {
    assert.throws(() => yamlToJson(Buffer.from(words)), { message: `json: unsupported value: ${name}` })
  }
})

const NAME = 'api-fixtures/testdata/HEAD'
const fixtures = testData(NAME)

test('every published fixture: YAML is read as its JSON, and written byte for byte', context => {
  if (fixtures === undefined) return context.skip(`skipped: ${NAME} is not there`)
  const files = readdirSync(fixtures).filter(name => name.endsWith('.yaml'))
  assert.ok(files.length > 150)
  for (const file of files) {
    const yaml: Buffer = readFileSync(`${fixtures}/${file}`)
    const json: Buffer = readFileSync(`${fixtures}/${file.replace(/yaml$/, 'json')}`)
    const read = yamlToJson(yaml)
    assert.deepEqual([JSON.parse(read.json), read.strictErrors], [JSON.parse(json.toString()), []], file)
    assert.equal(Buffer.from(toYaml(json)).toString(), yaml.toString(), file)
  }
})

describe('YAML that cannot be read is refused in the words of the reader of upstream', () => {
  const head = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n'
  const rows: readonly [text: string, message: string][] = [
    ['? {a: [b]}\n: 1\n', 'yaml: invalid map key: map[interface {}]interface {}{"a":[]interface {}{"b"}}'],
    ['a: !!int x\n', 'yaml: cannot decode !!str `x` as a !!int'],
    ['a: !!int 3.0\n', 'yaml: cannot decode !!float `3.0` as a !!int'],
    ['~: 1\n', 'unsupported map key of type: %!s(<nil>), key: <nil>, value: 1'],
    [
      'null: {a: [b]}\n',
      'unsupported map key of type: %!s(<nil>), key: <nil>, value: map[interface {}]interface {}{"a":[]interface {}{"b"}}',
    ],
    ['a: !!binary "!!"\n', 'yaml: !!binary value contains invalid base64 data'],
    ['data:\n\ta: b\n', 'yaml: line 6: found character that cannot start any token'],
    ['data:\n  a: b\n c: d\n', 'yaml: line 6: did not find expected key'],
    ['data: a: b\n', 'yaml: line 5: mapping values are not allowed in this context'],
    ['data: @x\n', 'yaml: line 5: found character that cannot start any token'],
    ['data: {a: b\n', "yaml: line 5: did not find expected ',' or '}'"],
    ['data: [a, b\n', "yaml: line 5: did not find expected ',' or ']'"],
    ['data: {a b: c, d {e: f}}\n', "yaml: line 4: did not find expected ',' or '}'"],
    ['data: [a, "b" c]\n', "yaml: line 4: did not find expected ',' or ']'"],
    ['data: {a: @b}\n', 'yaml: line 5: found character that cannot start any token'],
    ['data: {a: - b}\n', 'yaml: line 4: did not find expected node content'],
    ['data: "x\n', 'yaml: line 6: found unexpected end of stream'],
    ['data: *x\n', "yaml: unknown anchor 'x' referenced"],
    ['data:\n  <<: x\n', 'yaml: map merge requires map or sequence of maps as the value'],
    ['data:\n  a: "\\q"\n', 'yaml: line 6: found unknown escape character'],
    ['data: .inf\n', 'json: unsupported value: +Inf'],
  ]
  for (const [text, message] of rows) {
    it(JSON.stringify(text), () => assert.throws(() => yamlToJson(Buffer.from(head + text)), { message }))
  }

  it('the first line is not told', () => {
    const rows: readonly [string, string][] = [
      ['{"a": "b" "c": "d"}', "yaml: did not find expected ',' or '}'"],
      ['{"a": `b`}', 'yaml: found character that cannot start any token'],
      ['a: b: c', 'yaml: mapping values are not allowed in this context'],
    ]
    for (const [text, message] of rows) assert.throws(() => yamlToJson(Buffer.from(text)), { message }, text)
  })

  it('a directive that is not of YAML 1.1', () => {
    const read = (line: string): string => yamlToJson(Buffer.from(`# a\n${line}\n---\na: b\n`)).json
    assert.throws(() => read('%YAML 1.2'), { message: 'yaml: found incompatible YAML document' })
    assert.throws(() => read('%FOO bar'), { message: 'yaml: found unknown directive name' })
    assert.equal(read('%YAML 1.1'), '{"a":"b"}')
  })

  it('bytes that are no text', () => {
    assert.throws(() => yamlToJson(Buffer.from([0x61, 0x3a, 0x20, 0xff])), {
      message: 'yaml: invalid leading UTF-8 octet',
    })
  })

  it('nothing but comments is null, and members are sorted', () => {
    assert.equal(yamlToJson(Buffer.from('# nothing\n')).json, 'null')
    assert.equal(yamlToJson(Buffer.from('b: {d: 1, c: 2}\na: 3\n')).json, '{"a":3,"b":{"c":2,"d":1}}')
  })
})
