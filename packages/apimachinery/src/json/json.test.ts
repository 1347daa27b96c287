import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_DEPTH } from './depth.ts'
import { NumberLiteral, readExactJson, withoutLiterals } from './exact-reader.ts'
import { encodeJson } from './stringify.ts'
import { surveyJson } from './survey.ts'
import { JsonSyntaxError } from './syntax-error.ts'

const syntaxErrors: readonly [string, string][] = [
  ['', 'unexpected end of JSON input'],
  ['{', 'unexpected end of JSON input'],
  ['{"a"', 'unexpected end of JSON input'],
  ['{"a":"b', 'unexpected end of JSON input'],
  ['x', "invalid character 'x' looking for beginning of value"],
  ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b":2}', "invalid character '\"' after object key:value pair"],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ['[1 2]', "invalid character '2' after array element"],
  ['[1,]', "invalid character ']' looking for beginning of value"],
  ['{} x', "invalid character 'x' after top-level value"],
  ['trux', "invalid character 'x' in literal true (expecting 'e')"],
  ['nul', "invalid character ' ' in literal null (expecting 'l')"],
  ['[-', "invalid character ' ' in numeric literal"],
  ['"\\u00', "invalid character ' ' in \\u hexadecimal character escape"],
  ['-x', "invalid character 'x' in numeric literal"],
  ['1.x', "invalid character 'x' after decimal point in numeric literal"],
  ['1ex', "invalid character 'x' in exponent of numeric literal"],
  ['01', "invalid character '1' after top-level value"],
  ['"\n"', "invalid character '\\n' in string literal"],
  ['"\u0001"', "invalid character '\\x01' in string literal"],
  ['"\\x"', "invalid character 'x' in string escape code"],
  ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
  ['é', "invalid character 'Ã' looking for beginning of value"],
]

for (const [text, message] of syntaxErrors)
  test(`syntax error of ${JSON.stringify(text)}`, () => {
    assert.throws(() => readExactJson(text), new JsonSyntaxError(message))
  })

test('the exact reader agrees with JSON.parse where nothing is lost', () => {
  for (const text of [
    ' { "a" : [ 1 , -2 , 0 , true , false , null , "x\\n\\u00e9\\ud83d\\ude00" , { } , [ ] ] } ',
    '"é"',
    '7',
  ])
    assert.deepEqual(readExactJson(text), { value: JSON.parse(text), duplicates: new Map() })
})

test('numbers keep how they were written', () => {
  const { value } = readExactJson(
    '[1.0, 1e3, 9007199254740993, 9007199254740991, -9223372036854775808, 18446744073709551615]',
  )
  const written = (value as unknown[]).map(each => (each instanceof NumberLiteral ? each.text : each))
  assert.deepEqual(written, [
    '1.0',
    '1e3',
    '9007199254740993',
    9007199254740991,
    '-9223372036854775808',
    '18446744073709551615',
  ])
  assert.deepEqual(withoutLiterals(value), [
    1,
    1000,
    9007199254740993n,
    9007199254740991,
    -9223372036854775808n,
    18446744073709552000,
  ])
})

test('duplicates are told by object, the last value wins', () => {
  const { value, duplicates } = readExactJson('{"a":1,"b":{"c":1,"c":2,"c":3},"a":2}')
  assert.deepEqual(value, { a: 2, b: { c: 3 } })
  assert.deepEqual(
    [...duplicates.values()].map(each => each.map(({ name }) => name)),
    [['c'], ['a']],
  )
})

test('the key __proto__ is a key like any other', () => {
  const { value } = readExactJson('{"__proto__":{"x":1}}')
  assert.equal(Object.getPrototypeOf(value), Object.prototype)
  assert.deepEqual(Object.keys(value as object), ['__proto__'])
})

test('nesting beyond the limit is refused', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  assert.throws(
    () => readExactJson(nested(MAX_DEPTH + 1)),
    new JsonSyntaxError("invalid character '[' exceeded max depth"),
  )
  assert.doesNotThrow(() => readExactJson(nested(MAX_DEPTH)))
  assert.throws(() => readExactJson(nested(2_000_000)), new JsonSyntaxError("invalid character '[' exceeded max depth"))
})

test('the survey counts members and finds what JSON.parse would lose', () => {
  const cases: readonly [string, number, boolean, number][] = [
    ['{"a:b":"c:d","e":{"f":1}}', 3, true, 2],
    ['{"a":"\\":\\\\","b":true}', 2, true, 1],
    ['{"a":1.0}', 1, false, 1],
    ['{"a":1e2}', 1, false, 1],
    ['{"a":9007199254740993}', 1, false, 1],
    ['{"a":900719925474099}', 1, true, 1],
    ['{"a":"1.5e3"}', 1, true, 1],
    ['['.repeat(MAX_DEPTH), 0, true, MAX_DEPTH],
    ['['.repeat(MAX_DEPTH + 1), 0, false, MAX_DEPTH + 1],
  ]
  for (const [text, members, plain, deepest] of cases) {
    assert.deepEqual(surveyJson(text), { members, plain, deepest }, text.slice(0, 30))
  }
})

test('bigints are written as integers', () => {
  assert.equal(encodeJson({ a: 9007199254740993n, b: [1] }), '{"a":9007199254740993,"b":[1]}')
})
