import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { kubernetesEnvironment } from './kubernetes/environment.ts'
import { dynType, intType, mapOf, stringType } from './types/type.ts'
import { CostExceeded, Interrupted } from './values/error.ts'
import { fromJson, toJson } from './values/json.ts'
import { LazyMap } from './values/map.ts'
import { addInt, divideInt, moduloInt, multiplyInt, subtractInt, toInt } from './values/numbers.ts'
import type { Value } from './values/value.ts'

const environment = kubernetesEnvironment.extend({
  variables: { object: dynType, i: intType, variables: mapOf(stringType, dynType) },
})
const object = { a: 1, list: [1, 2, 3], nested: { b: 'x' }, nothing: null, half: 0.5, big: 9007199254740993n }

function run(expression: string, variables: Record<string, Value> = {}): unknown {
  const compiled = environment.compile(expression)
  assert.ok(compiled.ok, compiled.ok ? '' : compiled.message)
  const result = environment.program(compiled.ast).evaluate({ object: fromJson(object), ...variables })
  return result.ok ? toJson(result.value) : `error: ${result.error.message}`
}

const results: readonly (readonly [expression: string, result: unknown])[] = [
  ['object.a + 1', 2],
  ['object.big + 1', 9007199254740994n],
  ['object.half == 0.5', true],
  ['object.nested.c', 'error: no such key: c'],
  ['object.nothing == null', true],
  ['has(object.nothing)', true],
  ['has(object.nested.c)', false],
  ['object.list[3]', 'error: index out of bounds: 3'],
  ['object.list[-1]', 'error: index out of bounds: -1'],
  ['object.a.b', 'error: no such key: b'],
  ['object.nothing.b', 'error: no such key: b'],
  ['object.nothing["b"]', 'error: no such key: b'],
  ['has(object.nothing.b)', false],
  ['has(object.nothing.b.c)', 'error: no such key: b'],
  ['object.nested.b + 1', 'error: no such overload'],
  ['1 / 0', 'error: division by zero'],
  ['1 % 0', 'error: modulus by zero'],
  ['9223372036854775807 + 1', 'error: integer overflow'],
  ['-9223372036854775808 / -1', 'error: integer overflow'],
  ['0u - 1u', 'error: unsigned integer overflow'],
  ['int(object.half * 1e20)', 'error: integer overflow'],
  ['object.nested.c == 1 || true', true],
  ['false && object.nested.c == 1', false],
  ['object.nested.c == 1 || false', 'error: no such key: c'],
  ['object.list.exists(x, x / (x - 1) == 2)', true],
  ['object.list.all(x, x / (x - 1) == 2)', false],
  ['object.list.exists_one(x, x > 2)', true],
  ['object.list.map(x, x * x)', [1, 4, 9]],
  ['object.list.filter(x, x != 2)', [1, 3]],
  [
    'object.list.map(x, object.list.map(y, x * y))',
    [
      [1, 2, 3],
      [2, 4, 6],
      [3, 6, 9],
    ],
  ],
  ['(object.list.map(x, x) + [4]).size() + object.list.map(x, x).size()', 7],
  ['{"a": 1}.transformMap(k, v, v + 1)', { a: 2 }],
  ['["a", "b"].transformMapEntry(i, v, {v: i})', { a: 0, b: 1 }],
  ['["a", "a"].transformMapEntry(i, v, {v: i})', 'error: insert failed: key a already exists'],
  ['object.?nested.?c.orValue("none")', 'none'],
  ['object.?nested.b.value()', 'x'],
  ['optional.none().value()', 'error: optional.none() dereference'],
  ['[?object.?x, dyn(1)]', [1]],
  ['{?"x": object.?x, "y": dyn(1)}', { y: 1 }],
  ['object.?a.optMap(x, x + 1).orValue(0)', 2],
  ['1 in [1, 2]', true],
  ['1.0 in [dyn(1)]', true],
  ['"k" in {"k": 1}', true],
  ['dyn(1) == 1.0 && dyn(1u) == 1', true],
  ['1 < 1.5', true],
  ['{dyn(1): "a"}[dyn(1u)]', 'a'],
  ["'\u{1F431}b'.size()", 2],
  ["'\u{1F431}' > '\uffff'", true],
  ['string(1e6) + string(0.1) + string(1.0)', '1e+060.11'],
  ["timestamp('2024-02-29T23:59:59.5Z').getDayOfYear()", 59],
  ["timestamp('2024-02-29T23:30:00Z').getDate('+01:00')", 1],
  ["timestamp('2024-07-01T00:00:00Z').getHours('America/New_York')", 20],
  ["string(timestamp('2024-01-31T00:00:00+02:00') + duration('24h'))", '2024-02-01T00:00:00+02:00'],
  ["string(duration('1h1m1.5s'))", '3661.5s'],
  ["duration('90m').getHours()", 1],
  ["'a,b,c'.split(',', 2)", ['a', 'b,c']],
  ["'abc'.replace('', '-', 2)", '-a-bc'],
  ["' \ta\u00a0'.trim()", 'a'],
  ["'hello'.lastIndexOf('l') + 'hello'.indexOf('l', 3)", 6],
  ["'tacocat'.substring(5, 3)", 'error: invalid substring range. start: 5, end: 3'],
  ["strings.quote('a\"b\\n')", '"a\\"b\\n"'],
  [
    "'%.2f %e %x %s'.format([1234.5, 1234.5, 'a', [1.5, {'k': 'v'}]])",
    '1,234.50 1.234500×10⁰³ 61 [1.500000, {"k":"v"}]',
  ],
  ['[3, 1, 2].sort()', [1, 2, 3]],
  ['["bb", "a"].sortBy(s, s.size())', ['a', 'bb']],
  ['[1, 2, 2].distinct() + lists.range(2) + [[1], [2]].flatten()', [1, 2, 0, 1, 1, 2]],
  ['[1, 2, 3].slice(1, 4)', 'error: cannot slice(1, 4), list is length 3'],
  ['sets.equivalent([1, 2], [2, 1, 1])', true],
]

for (const [expression, result] of results) {
  test(`evaluate: ${expression}`, () => {
    assert.deepEqual(run(expression), result)
  })
}

test('ints are exact 64-bit integers, whatever their form', () => {
  const int64 = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }),
    fc.bigInt({ min: -50n, max: 50n }),
  )
  const outcome = (calculate: () => Value): unknown => {
    try {
      return calculate()
    } catch {
      return 'error'
    }
  }
  fc.assert(
    fc.property(int64, int64, (x, y) => {
      const [a, b] = [toInt(x), toInt(y)]
      assert.equal(
        outcome(() => addInt(a, b)),
        outcome(() => toInt(x + y)),
      )
      assert.equal(
        outcome(() => subtractInt(a, b)),
        outcome(() => toInt(x - y)),
      )
      assert.equal(
        outcome(() => multiplyInt(a, b)),
        outcome(() => toInt(x * y)),
      )
      assert.equal(
        outcome(() => divideInt(a, b)),
        outcome(() => toInt(x / y)),
      )
      if (x !== -(2n ** 63n))
        assert.equal(
          outcome(() => moduloInt(a, b)),
          outcome(() => toInt(x % y)),
        )
    }),
    { seed: 1, numRuns: 2000 },
  )
})

test('a limit of costs stops an evaluation, and no expression can catch that', () => {
  const compiled = environment.compile('[1, 2, 3].all(x, [1, 2, 3].all(y, y > 0)) || true')
  assert.ok(compiled.ok)
  const program = environment.program(compiled.ast)
  assert.throws(() => program.evaluate({}, { costLimit: 20 }), CostExceeded)
  const { cost } = program.evaluate({})
  assert.equal(program.evaluate({}, { costLimit: cost }).ok, true)
  assert.throws(() => program.evaluate({}, { costLimit: cost - 1 }), CostExceeded)
})

test('an evaluation can be stopped from outside', () => {
  const compiled = environment.compile('[1, 2, 3].all(x, x > 0)')
  assert.ok(compiled.ok)
  assert.throws(() => environment.program(compiled.ast).evaluate({}, { signal: AbortSignal.abort() }), Interrupted)
})

test('variables of a policy are worked out once, and only when they are asked for', () => {
  let asked = 0
  const count = (): Value => ++asked
  const lazy = (): LazyMap =>
    new LazyMap(
      new Map([
        ['a', count],
        ['b', count],
      ]),
    )
  assert.equal(run('variables.a + variables.a', { variables: lazy() }), 2)
  assert.equal(asked, 1)
})

test('what an expression is made of does not change by evaluating it', () => {
  const compiled = environment.compile('[[1], [2]].map(x, x + [i])')
  assert.ok(compiled.ok)
  const program = environment.program(compiled.ast)
  const values = [5, 6].map(i => program.evaluate({ i })).map(result => result.ok && toJson(result.value))
  assert.deepEqual(values, [
    [
      [1, 5],
      [2, 5],
    ],
    [
      [1, 6],
      [2, 6],
    ],
  ])
})
