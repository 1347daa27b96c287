import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Expr } from '../ast.ts'
import { Environment } from '../environment.ts'
import { optionalsLibrary } from '../ext/optionals.ts'
import { Double, Uint, type Value } from '../values/value.ts'

const environment = new Environment({ quotedFields: true, libraries: [optionalsLibrary] })

const literal = (value: Value): string => {
  if (value instanceof Double) return `${value.value}d`
  if (value instanceof Uint) return `${value.value}u`
  if (value instanceof Uint8Array) return `b[${[...value].join(' ')}]`
  return typeof value === 'bigint' ? `${value}n` : JSON.stringify(value)
}

/** The tree on one line. */
function show(expr: Expr): string {
  const all = (exprs: readonly Expr[]): string => exprs.map(show).join(', ')
  switch (expr.kind) {
    case 'literal':
      return literal(expr.value)
    case 'ident':
      return expr.name
    case 'select':
      return expr.testOnly ? `has(${show(expr.operand)}.${expr.field})` : `${show(expr.operand)}.${expr.field}`
    case 'call':
      return `${expr.target === undefined ? '' : `${show(expr.target)}->`}${expr.name}(${all(expr.args)})`
    case 'list':
      return `[${expr.elements.map((element, i) => (expr.optional.includes(i) ? '?' : '') + show(element)).join(', ')}]`
    case 'map':
      return `{${expr.entries.map(entry => `${entry.optional ? '?' : ''}${show(entry.key)}: ${show(entry.value)}`).join(', ')}}`
    case 'struct':
      return `${expr.typeName}{${expr.fields.map(field => `${field.name}: ${show(field.value)}`).join(', ')}}`
    case 'comprehension':
      return `loop(${expr.iterVar} in ${show(expr.range)}; ${show(expr.step)})`
  }
}

const trees: readonly (readonly [text: string, tree: string])[] = [
  ['1 + -2 * 3', '_+_(1, _*_(-2, 3))'],
  ['a - 1', '_-_(a, 1)'],
  ['a -1', '_-_(a, 1)'],
  ['!!a', 'a'],
  ['-a.b', '-_(a.b)'],
  ['9223372036854775807', '9223372036854775807n'],
  ['0x10 + 0x1Fu', '_+_(16, 31u)'],
  ['1e3 + .5', '_+_(1000d, 0.5d)'],
  ['a ? b : c ? d : e', '_?_:_(a, b, _?_:_(c, d, e))'],
  ['a || b && c', '_||_(a, _&&_(b, c))'],
  ['a && b && c && d', '_&&_(_&&_(a, b), _&&_(c, d))'],
  ['a < b == c', '_==_(_<_(a, b), c)'],
  ['a.b.c(d)[e].f', '_[_](a.b->c(d), e).f'],
  ['.a.b(c)', '.a->b(c)'],
  ['a.b.C{x: 1, `y-z`: 2,}', 'a.b.C{x: 1, y-z: 2}'],
  ['[1, 2,]', '[1, 2]'],
  ['{"a": 1, "b": [2]}', '{"a": 1, "b": [2]}'],
  ['a.?b[?c]', '_[?_](_?._(a, "b"), c)'],
  ['[?a, b]', '[?a, b]'],
  ['{?"a": b}', '{?"a": b}'],
  ['a.`b-c`', 'a.b-c'],
  [String.raw`'\'' + "\n" + r'\n' + '\u00e9\U0001F431\101\x41'`, String.raw`_+_(_+_(_+_("'", "\n"), "\\n"), "é🐱AA")`],
  ["'''a'b\n'''", String.raw`"a'b\n"`],
  [String.raw`b'a\xff\101é'`, 'b[97 255 65 195 169]'],
  ['a // comment\n + b', '_+_(a, b)'],
  ['has(a.b)', 'has(a.b)'],
  ['a.all(x, x > 0)', 'loop(x in a; _&&_(@result, _>_(x, 0)))'],
  ['a.map(x, x > 0, x)', 'loop(x in a; _?_:_(_>_(x, 0), _+_(@result, [x]), @result))'],
  ['a.map(x)', 'a->map(x)'],
]

for (const [text, tree] of trees) {
  test(`parse: ${text}`, () => {
    const { ast, message } = environment.parse(text)
    assert.ok(ast, message)
    assert.equal(show(ast.expr), tree)
  })
}

const START =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"

const problems: readonly (readonly [text: string, message: string])[] = [
  ['a b', "ERROR: <input>:1:3: Syntax error: extraneous input 'b' expecting <EOF>\n | a b\n | ..^"],
  [
    '--',
    `ERROR: <input>:1:3: Syntax error: no viable alternative at input '--'\n | --\n | ..^\nERROR: <input>:1:3: Syntax error: mismatched input '<EOF>' expecting ${START}\n | --\n | ..^`,
  ],
  [
    'a[',
    `ERROR: <input>:1:3: Syntax error: mismatched input '<EOF>' expecting ${START.replace("'!', ", "'!', '?', ")}\n | a[\n | ..^`,
  ],
  ['', `ERROR: <input>:1:0: Syntax error: mismatched input '<EOF>' expecting ${START}`],
  ['1 +', `ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting ${START}\n | 1 +\n | ...^`],
  [
    '1 + $',
    `ERROR: <input>:1:5: Syntax error: token recognition error at: '$'\n | 1 + $\n | ....^\nERROR: <input>:1:6: Syntax error: mismatched input '<EOF>' expecting ${START}\n | 1 + $\n | .....^`,
  ],
  ['a.true', "ERROR: <input>:1:3: Syntax error: mismatched input 'true' expecting IDENTIFIER\n | a.true\n | ..^"],
  ['as', 'ERROR: <input>:1:1: reserved identifier: as\n | as\n | ^'],
  ['a | b', "ERROR: <input>:1:3: Syntax error: token recognition error at: '| '"],
  ['"\\xFh"', String.raw`ERROR: <input>:1:1: Syntax error: token recognition error at: '"\xFh'`],
  ['"abc', `ERROR: <input>:1:1: Syntax error: token recognition error at: '"abc'`],
  [
    '{',
    `ERROR: <input>:1:2: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '}', '(', '.', ',', '-', '!', '?',`,
  ],
  [
    'msg{:a}',
    "ERROR: <input>:1:5: Syntax error: extraneous input ':' expecting {'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}",
  ],
  ['1.all(2, 3)', 'ERROR: <input>:1:7: argument must be a simple name'],
  ['has(a)', 'ERROR: <input>:1:5: invalid argument to has() macro\n | has(a)\n | ....^'],
  ['a.map(1, 2)', 'ERROR: <input>:1:7: argument is not an identifier\n | a.map(1, 2)\n | ......^'],
  [
    'a.all(__result__, true)',
    'ERROR: <input>:1:7: iteration variable overwrites accumulator variable\n | a.all(__result__, true)\n | ......^',
  ],
  ['9223372036854775808', 'ERROR: <input>:1:1: invalid int literal\n | 9223372036854775808\n | ^'],
  ['"ü" + $', `ERROR: <input>:1:7: Syntax error: token recognition error at: '$'\n | "ü" + $\n | .．....^`],
  ['{1: 2', "ERROR: <input>:1:6: Syntax error: mismatched input '<EOF>' expecting '}'\n | {1: 2\n | .....^"],
]

for (const [text, expected] of problems) {
  test(`parse fails: ${text}`, () => {
    const { ast, message } = environment.parse(text)
    assert.equal(ast, undefined)
    assert.ok(message.startsWith(expected), message)
  })
}

test('an expression may be neither too deep nor too long', () => {
  assert.match(environment.parse('('.repeat(300) + ')'.repeat(300)).message, /expression recursion limit exceeded: 250/)
  assert.match(environment.parse(`${'a+'.repeat(300)}a`).message, /max recursion depth exceeded/)
  assert.equal(
    environment.parse(`'${'x'.repeat(100_000)}'`).message,
    'ERROR: <input>:-1:0: expression code point size exceeds limit: size: 100002, limit 100000',
  )
  assert.ok(environment.parse(Array(1000).fill('a').join(' && ')).ast)
})
