import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import { fieldErrorText } from '@canopus/apimachinery'
import { applyDefaults } from './defaults.ts'
import { parseJsonPath } from './json-path.ts'
import { validateValue } from './values.ts'

const texts = (schema: JSONSchemaProps, value: unknown, old?: unknown): string[] =>
  (old === undefined ? validateValue(schema, value, 'x') : validateValue(schema, value, 'x', old)).map(fieldErrorText)

describe('values', () => {
  const cases: readonly [string, JSONSchemaProps, unknown, string[]][] = [
    ['an integer is a number', { type: 'number' }, 1, []],
    [
      'a fraction is no integer',
      { type: 'integer' },
      1.5,
      [
        'x: Invalid value: "number": x in body must be of type integer: "number"',
        '<nil>: Invalid value: "": Checked value must be of type integer (default format) in x',
      ],
    ],
    ['null', { type: 'string' }, null, ['x: Invalid value: "null": x in body must be of type string: "null"']],
    ['null where it may be', { type: 'string', nullable: true }, null, []],
    [
      'int or string',
      { 'x-kubernetes-int-or-string': true },
      true,
      ['x: Invalid value: "boolean": x in body must be of type integer,string: "boolean"'],
    ],
    ['enum', { type: 'string', enum: ['a', 'b'] }, 'c', ['x: Unsupported value: "c": supported values: "a", "b"']],
    [
      'minimum',
      { type: 'integer', minimum: 1 },
      0,
      ['x: Invalid value: 0: x in body should be greater than or equal to 1'],
    ],
    [
      'exclusive minimum',
      { type: 'integer', minimum: 1, exclusiveMinimum: true },
      1,
      ['x: Invalid value: 1: x in body should be greater than 1'],
    ],
    [
      'exclusive maximum',
      { type: 'integer', maximum: 1, exclusiveMaximum: true },
      1,
      ['x: Invalid value: 1: x in body should be less than 1'],
    ],
    ['multiple', { type: 'number', multipleOf: 0.1 }, 0.3, []],
    [
      'no multiple',
      { type: 'integer', multipleOf: 2 },
      3,
      ['x: Invalid value: 3: x in body should be a multiple of 2'],
    ],
    ['characters, not bytes', { type: 'string', maxLength: 2 }, 'äö', []],
    ['too long', { type: 'string', maxLength: 1 }, 'ab', ['x: Too long: may not be more than 1 byte']],
    [
      'too short',
      { type: 'string', minLength: 2 },
      'a',
      ['x: Invalid value: "a": x in body should be at least 2 chars long'],
    ],
    ['pattern anywhere', { type: 'string', pattern: 'b' }, 'abc', []],
    [
      'pattern',
      { type: 'string', pattern: '^[a-z]+$' },
      'A',
      [`x: Invalid value: "A": x in body should match '^[a-z]+$'`],
    ],
    ['RE2 syntax', { type: 'string', pattern: '(?i)^abc\\z' }, 'ABC', []],
    ['format', { type: 'string', format: 'ipv4' }, 'a', ['x: Invalid value: "a": x in body must be of type ipv4: "a"']],
    ['unknown format', { type: 'string', format: 'nonsense' }, 'a', []],
    [
      'date-time',
      { type: 'string', format: 'date-time' },
      '2026-02-29T00:00:00Z',
      ['x: Invalid value: "2026-02-29T00:00:00Z": x in body must be of type date-time: "2026-02-29T00:00:00Z"'],
    ],
    [
      'too few items',
      { type: 'array', minItems: 1 },
      [],
      ['x: Invalid value: 0: x in body should have at least 1 items'],
    ],
    ['too many items', { type: 'array', maxItems: 1 }, [1, 2], ['x: Too many: 2: must have at most 1 item']],
    [
      'items',
      { type: 'array', items: { type: 'string' } },
      ['a', 1],
      ['x[1]: Invalid value: "integer": x[1] in body must be of type string: "integer"'],
    ],
    [
      'map',
      { type: 'object', additionalProperties: { type: 'string' } },
      { a: 1 },
      ['x.a: Invalid value: "integer": x.a in body must be of type string: "integer"'],
    ],
    ['required', { type: 'object', required: ['a'] }, {}, ['x.a: Required value']],
    ['not', { not: { enum: [1] } }, 1, ['<nil>: Invalid value: "": "x" must not validate the schema (not)']],
    [
      'oneOf, two',
      { oneOf: [{ minimum: 1 }, { minimum: 2 }] },
      3,
      ['<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
    ],
    [
      'oneOf, none',
      { type: 'object', oneOf: [{ required: ['a'] }, { required: ['b'] }] },
      {},
      [
        '<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found none valid',
        'x.a: Required value',
      ],
    ],
    ['anyOf', { anyOf: [{ minimum: 1 }, { minimum: 2 }] }, 1, []],
    [
      'oneOf, none: what was checked most is told',
      {
        type: 'object',
        oneOf: [
          { properties: { kind: { enum: ['IP'] }, value: { anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }] } } },
          { properties: { kind: { not: { enum: ['IP'] } } } },
        ],
      },
      { kind: 'IP', value: '1.2.3.4:80' },
      [
        '<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found none valid',
        '<nil>: Invalid value: "": "x.value" must validate at least one schema (anyOf)',
        'x.value: Invalid value: "1.2.3.4:80": x.value in body must be of type ipv4: "1.2.3.4:80"',
      ],
    ],
    [
      'allOf: the same finding twice is one',
      { type: 'string', minLength: 2, allOf: [{ minLength: 2 }, { maxLength: 3 }] },
      'a',
      [
        'x: Invalid value: "a": x in body should be at least 2 chars long',
        '<nil>: Invalid value: "": "x" must validate all the schemas (allOf)',
      ],
    ],
    [
      'another type, and not one of the values',
      { type: 'string', enum: ['a'] },
      1,
      [
        'x: Invalid value: "integer": x in body must be of type string: "integer"',
        'x: Unsupported value: 1: supported values: "a"',
      ],
    ],
    [
      'null may be, but is none of the values',
      { type: 'string', nullable: true, enum: ['a', null] },
      null,
      ['x: Unsupported value: null: supported values: "a", "null"'],
    ],
    [
      'a fraction where the format is an integer',
      { type: 'integer', format: 'int32' },
      1.5,
      [
        'x: Invalid value: "float64": x in body must be of type int32: "float64"',
        '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in x',
      ],
    ],
    [
      'a truth where the format is an integer',
      { type: 'integer', format: 'int32' },
      true,
      ['x: Invalid value: "": x in body must be of type int32: ""'],
    ],
    [
      'a number where text has a format',
      { type: 'string', format: 'date-time' },
      5,
      ['x: Invalid value: "int64": x in body must be of type date-time: "int64"'],
    ],
    [
      'a whole number of no 64 bits',
      { type: 'integer' },
      1e30,
      [
        'x: Invalid value: "number": x in body must be of type integer: "number"',
        '<nil>: Invalid value: "": Checked value must be of type integer (default format) in x',
      ],
    ],
    [
      'a number of no 32 bits',
      { type: 'integer', format: 'int32' },
      3_000_000_000,
      ['<nil>: Invalid value: "": Checked value must be of type integer with format int32 in x'],
    ],
    ['a limit with a fraction, for a whole number', { type: 'number', minimum: 2.5 }, 2, []],
    [
      'the length is wrong: the pattern is not looked at',
      { type: 'string', maxLength: 1, pattern: '^b', format: 'ipv4' },
      'aa',
      ['x: Too long: may not be more than 1 byte', 'x: Invalid value: "aa": x in body must be of type ipv4: "aa"'],
    ],
    ['a format that the type does not have', { type: 'array', format: 'ipv4' }, [], []],
    [
      'too few properties',
      { type: 'object', minProperties: 2 },
      { a: 1 },
      ['x: Invalid value: 1: x in body should have at least 2 properties'],
    ],
  ]
  for (const [name, schema, value, wanted] of cases) it(name, () => assert.deepEqual(texts(schema, value), wanted))

  it('what did not change is not held against an update', () => {
    const entry: JSONSchemaProps = {
      type: 'object',
      properties: { name: { type: 'string' }, v: { type: 'integer', maximum: 1 } },
    }
    const list: JSONSchemaProps = {
      type: 'array',
      items: entry,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    }
    const old = [{ name: 'a', v: 5 }]
    assert.deepEqual(
      texts(
        list,
        [
          { name: 'b', v: 1 },
          { name: 'a', v: 5 },
        ],
        old,
      ),
      [],
    )
    assert.deepEqual(texts(list, [{ name: 'a', v: 6 }], old), [
      'x[0].v: Invalid value: 6: x[0].v in body should be less than or equal to 1',
    ])
  })
})

it('defaults fill what is missing, at any depth, and null where it may not be', () => {
  const schema: JSONSchemaProps = {
    type: 'object',
    properties: {
      a: { type: 'object', default: {}, properties: { b: { type: 'integer', default: 1 } } },
      n: { type: 'string', default: 'x' },
      k: { type: 'string', nullable: true, default: 'x' },
      d: { type: 'string' },
      l: { type: 'array', items: { type: 'object', properties: { p: { type: 'string', default: 'TCP' } } } },
    },
  }
  const value = { n: null, k: null, d: null, l: [{}, { p: 'UDP' }] }
  applyDefaults(schema, value)
  assert.deepEqual(value, { a: { b: 1 }, n: 'x', k: null, l: [{ p: 'TCP' }, { p: 'UDP' }] })
})

describe('JSON paths', () => {
  const object = {
    spec: {
      list: [
        { n: 'a', v: 1 },
        { n: 'b', v: 2 },
      ],
      'odd.key': 3,
    },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  }
  const cases: readonly [string, unknown[]][] = [
    ['.spec.list[0].n', ['a']],
    ['.spec.list[-1].n', ['b']],
    ['.spec.list[*].v', [1, 2]],
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    [`.status.conditions[?(@.type=='None')].status`, []],
    ['.spec.list[?(@.v>1)].n', ['b']],
    ['.spec.odd\\.key', [3]],
    ["['spec']['odd.key']", [3]],
    ['..status', [object.status, 'True']],
    ['.nowhere.at.all', []],
  ]
  for (const [path, wanted] of cases) it(path, () => assert.deepEqual(parseJsonPath(path)(object), wanted))
  it('refuses what is none', () => assert.throws(() => parseJsonPath('.a[b'), SyntaxError))
})
