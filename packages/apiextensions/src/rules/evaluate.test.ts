import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import { fieldErrorText } from '@canopus/apimachinery'
import { evaluateRules, ruleTree } from './evaluate.ts'

type Schema = JSONSchemaProps
const object = (properties: Record<string, Schema>, ...rules: (string | object)[]): Schema => ({
  type: 'object',
  properties,
  ...(rules.length > 0 && {
    'x-kubernetes-validations': rules.map(each => (typeof each === 'string' ? { rule: each } : (each as never))),
  }),
})
const text: Schema = { type: 'string' }
const int: Schema = { type: 'integer' }
const listOf = (items: Schema, more: Partial<Schema> = {}): Schema => ({ type: 'array', items, ...more })

function errorsOf(schema: Schema, value: unknown, old?: unknown): string[] {
  const tree = ruleTree(schema)
  assert.ok(tree)
  return evaluateRules(tree, value, old).errors.map(fieldErrorText)
}

/** Rules about one value that hold. */
const holding: readonly [string, Schema, unknown, string][] = [
  ['integers', int, 9007199254740993n, 'self == 9007199254740993 && type(self) == int'],
  ['numbers', { type: 'number' }, 3, 'self == 3.0 && type(self) == double'],
  ['strings', text, 'naïve', 'self.startsWith("na") && size(self) == 5'],
  ['bytes', { type: 'string', format: 'byte' }, 'aGVsbG8=', 'string(self) == "hello"'],
  ['durations', { type: 'string', format: 'duration' }, '1h30m', 'self == duration("90m")'],
  ['dates', { type: 'string', format: 'date' }, '2026-02-03', 'self.getDayOfMonth() == 2'],
  [
    'times',
    { type: 'string', format: 'date-time' },
    '2026-02-03T10:00:00Z',
    'self < timestamp("2027-01-01T00:00:00Z")',
  ],
  ['ints or strings: a string', { 'x-kubernetes-int-or-string': true }, '10%', 'type(self) == string && self == "10%"'],
  ['ints or strings: an int', { 'x-kubernetes-int-or-string': true }, 10, 'type(self) == int ? self < 11 : false'],
  ['lists', listOf(int), [1, 2, 3], 'self.all(x, x > 0) && self[1] == 2 && self.sum() == 6'],
  [
    'sets',
    listOf(text, { 'x-kubernetes-list-type': 'set' }),
    ['a', 'b'],
    'self == ["b", "a"] && self + ["a", "c"] == ["a", "b", "c"]',
  ],
  [
    'maps',
    { type: 'object', additionalProperties: int },
    { a: 1, b: 2 },
    'self.all(k, self[k] > 0) && "a" in self && self.a == 1',
  ],
  [
    'lists that are maps',
    listOf(object({ k: text, v: int }), { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] }),
    [
      { k: 'a', v: 1 },
      { k: 'b', v: 2 },
    ],
    'self.exists(e, e.k == "b" && e.v == 2) && size(self + self) == 2',
  ],
  [
    'fields with other names',
    object({ 'a-b/c.d': int, namespace: int, __x: int }),
    { 'a-b/c.d': 1, namespace: 2, __x: 3 },
    'self.a__dash__b__slash__c__dot__d == 1 && self.__namespace__ == 2 && self.__underscores__x == 3',
  ],
  ['missing fields', object({ a: int, b: { ...int, nullable: true } }), { b: null }, '!has(self.a) && !has(self.b)'],
  ['optional fields', object({ a: int }), {}, 'self.?a.orValue(5) == 5'],
  ['quantities', text, '200M', 'quantity(self).isGreaterThan(quantity("100M"))'],
  ['patterns', text, 'foo-1', 'self.matches("^[a-z]+-[0-9]$") && self.find("[0-9]+") == "1"'],
  ['addresses', text, '10.1.2.3', 'ip(self).family() == 4 && cidr("10.0.0.0/8").containsIP(self)'],
  ['addresses of pages', text, 'https://example.com:80/a?b=c', 'url(self).getPort() == "80"'],
  ['versions', text, '1.2.3', 'semver(self).isGreaterThan(semver("1.2.0"))'],
  ['formats', text, 'a-label', '!format.dns1123Label().validate(self).hasValue()'],
]

describe('rules', () => {
  for (const [name, schema, value, rule] of holding) {
    it(`hold for ${name}`, () => {
      assert.deepEqual(errorsOf(object({ value: schema }, `self.value == self.value`), { value }), [])
      const ruled = { ...schema, 'x-kubernetes-validations': [{ rule }, { rule: `!(${rule})`, message: 'not' }] }
      const errors = errorsOf(object({ value: ruled }), { value })
      assert.equal(errors.length, 1, errors.join('\n'))
      assert.match(errors[0]!, /^value: Invalid value: .*not$/)
    })
  }

  it('see type and name of the whole object', () => {
    const schema = object({}, 'self.metadata.name == "a" && self.kind == "Foo" && self.apiVersion == "v1"')
    const value = { apiVersion: 'v1', kind: 'Foo', metadata: { name: 'a', labels: { x: 'y' } } }
    assert.deepEqual(errorsOf(schema, value), [])
  })

  const even = { rule: 'self % 2 == 0' }
  const failing: readonly [string, Schema, unknown, string[]][] = [
    [
      'the rule itself',
      object({ a: { ...int, 'x-kubernetes-validations': [even] } }),
      { a: 1 },
      ['a: Invalid value: 1: failed rule: self % 2 == 0'],
    ],
    ['about the whole object', object({}, { rule: 'false', message: 'no' }), {}, ['<nil>: Invalid value: no']],
    [
      'by an expression',
      object({ a: int }, { rule: 'self.a > 1', messageExpression: '"a is " + string(self.a)' }),
      { a: 1 },
      ['<nil>: Invalid value: a is 1'],
    ],
    [
      'by the message, where the expression fails',
      object({ a: int, b: int }, { rule: 'self.a > 1', messageExpression: 'string(self.b)', message: 'plain' }),
      { a: 1 },
      ['<nil>: Invalid value: plain'],
    ],
    [
      'with a reason',
      object({ a: text }, { rule: 'false', reason: 'FieldValueRequired', message: 'give b' }),
      {},
      ['<nil>: Required value: give b'],
    ],
    [
      'as forbidden at a field',
      object({
        a: object({ b: text }, { rule: 'false', fieldPath: '.b', reason: 'FieldValueForbidden', message: 'no b' }),
      }),
      { a: { b: '' } },
      ['a.b: Forbidden: no b'],
    ],
    [
      'as a duplicate',
      object({ a: { ...text, 'x-kubernetes-validations': [{ rule: 'false', reason: 'FieldValueDuplicate' }] } }),
      { a: 'x' },
      ['a: Duplicate value: "x"'],
    ],
    [
      'in lists and maps',
      object({
        l: listOf({ ...int, 'x-kubernetes-validations': [even] }),
        m: { type: 'object', additionalProperties: { ...int, 'x-kubernetes-validations': [even] } },
      }),
      { l: [2, 3], m: { x: 1 } },
      ['l[1]: Invalid value: 3: failed rule: self % 2 == 0', 'm[x]: Invalid value: 1: failed rule: self % 2 == 0'],
    ],
    [
      'of evaluation',
      object({ l: listOf(int) }, 'self.l[3] == 1'),
      { l: [1] },
      ['<nil>: Invalid value: "object": index out of bounds: 3 evaluating rule: self.l[3] == 1'],
    ],
    [
      'of division',
      object({ a: int }, 'self.a / 0 == 1'),
      { a: 1 },
      ['<nil>: Invalid value: "object": division by zero evaluating rule: self.a / 0 == 1'],
    ],
    [
      'of types that only show at run time',
      object({ a: { 'x-kubernetes-int-or-string': true } }, 'self.a + 1 == 2'),
      { a: 'x' },
      [
        '<nil>: Invalid value: "object": \'no such overload\': call arguments did not match a supported operator, function or macro signature for rule: self.a + 1 == 2',
      ],
    ],
  ]
  for (const [name, schema, value, expected] of failing) {
    it(`say what is wrong: ${name}`, () => assert.deepEqual(errorsOf(schema, value), expected))
  }

  it('compare with what was there before, and only then', () => {
    const schema = object({
      a: { ...int, 'x-kubernetes-validations': [{ rule: 'self >= oldSelf', message: 'shrinks' }] },
    })
    assert.deepEqual(errorsOf(schema, { a: 1 }), [])
    assert.deepEqual(errorsOf(schema, { a: 1 }, {}), [])
    assert.deepEqual(errorsOf(schema, { a: 3 }, { a: 2 }), [])
    assert.deepEqual(errorsOf(schema, { a: 1 }, { a: 2 }), ['a: Invalid value: 1: shrinks'])
  })

  it('find the old entry of a list by its keys', () => {
    const entry = object({ k: text, v: int }, { rule: 'self.v == oldSelf.v', message: 'fixed' })
    const map = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] }
    const old = {
      l: [
        { k: 'a', v: 1 },
        { k: 'b', v: 2 },
      ],
    }
    const value = {
      l: [
        { k: 'b', v: 3 },
        { k: 'a', v: 1 },
        { k: 'c', v: 9 },
      ],
    }
    assert.deepEqual(errorsOf(object({ l: listOf(entry, map) }), value, old), ['l[0]: Invalid value: fixed'])
  })

  it('take the old value as optional where they ask for it', () => {
    const rule = { rule: '!oldSelf.hasValue() || oldSelf.value().a <= self.a', optionalOldSelf: true, message: 'no' }
    const schema = object({ a: int }, rule)
    assert.deepEqual(errorsOf(schema, { a: 1 }), [])
    assert.deepEqual(errorsOf(schema, { a: 1 }, { a: 2 }), ['<nil>: Invalid value: no'])
  })

  it('do not hold against an update what it does not change', () => {
    const part = object({ b: int }, { rule: 'self.b > 0', message: 'positive' })
    const schema = object({ a: part, c: int })
    const tree = ruleTree(schema)!
    const { errors, warnings } = evaluateRules(tree, { a: { b: -1 }, c: 2 }, { a: { b: -1 }, c: 1 })
    assert.deepEqual([errors, warnings], [[], ['a: Invalid value: positive']])
    assert.equal(evaluateRules(tree, { a: { b: -2 }, c: 1 }, { a: { b: -1 }, c: 1 }).errors.length, 1)
  })

  it('stop where one costs too much', () => {
    const numbers = Array.from({ length: 2000 }, (_, index) => index)
    const rule = 'self.l.all(x, self.l.all(y, self.l.all(z, x + y + z >= 0)))'
    const [error, ...others] = errorsOf(object({ l: listOf(int) }, { rule, message: 'big' }, 'false'), { l: numbers })
    assert.equal(
      error,
      `<nil>: Invalid value: "object": 'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds limit for rule: big`,
    )
    assert.deepEqual(others, [])
  })

  it('stop where all together cost too much', () => {
    const numbers = Array.from({ length: 300 }, (_, index) => index)
    const rules = Array.from({ length: 40 }, () => 'self.l.all(x, self.l.all(y, x + y >= 0))')
    const errors = errorsOf(object({ l: listOf(int) }, ...rules), { l: numbers })
    assert.deepEqual(errors, [
      '<nil>: Invalid value: "object": validation failed due to running out of cost budget, no further validation rules will be run',
    ])
  })

  it('of items of what is no list say so where there is a list', () => {
    const schema = object({ a: { type: 'object', items: object({ n: int }, 'self.n > 0') } })
    const error = (index: number): string =>
      `a[${index}]: Invalid value: "object": rule compiler initialization error: failed to convert to declType for CEL validation rules`
    assert.deepEqual(errorsOf(schema, { a: [{ n: 1 }, null, { n: 2 }] }), [error(0), error(2)])
    assert.deepEqual(errorsOf(schema, { a: { n: 0 } }), [])
  })

  it('are not looked for where there are none', () => assert.equal(ruleTree(object({ a: int })), undefined))
})
