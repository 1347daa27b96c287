import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import { type FieldError, fieldErrorText } from '@canopus/apimachinery'
import { checkRules, checkRuleTexts } from './check.ts'

type Schema = JSONSchemaProps
const RULE = 'root.x-kubernetes-validations[0]'

function textErrors(
  rule: object,
  schema: object = { type: 'object', properties: { a: { type: 'string' } } },
): string[] {
  const errors: FieldError[] = []
  checkRuleTexts(errors, { ...schema, 'x-kubernetes-validations': [rule] } as Schema, 'root')
  return errors.map(fieldErrorText)
}

function errorsOf(schema: Schema): string[] {
  const errors: FieldError[] = []
  checkRules(errors, schema, 'root')
  return errors.map(fieldErrorText)
}

const ruled = (schema: Schema, ...rules: (string | object)[]): Schema => ({
  ...schema,
  'x-kubernetes-validations': rules.map(each => (typeof each === 'string' ? { rule: each } : (each as never))),
})
const object = (properties: Record<string, Schema>): Schema => ({ type: 'object', properties })
const BUDGET =
  '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)'

describe('rules of definitions', () => {
  const texts: readonly [object, string[]][] = [
    [{ rule: 'true' }, []],
    [{ rule: ' ' }, [`${RULE}.rule: Required value: rule is not specified`]],
    [{ rule: 'true', message: ' ' }, [`${RULE}.message: Invalid value: " ": must be non-empty if specified`]],
    [{ rule: 'true', message: 'a\nb' }, [`${RULE}.message: Invalid value: "a\\nb": must not contain line breaks`]],
    [
      { rule: 'true &&\n true' },
      [`${RULE}.message: Required value: message must be specified if rule contains line breaks`],
    ],
    [
      { rule: 'true', messageExpression: ' ' },
      [`${RULE}.messageExpression: Required value: messageExpression must be non-empty if specified`],
    ],
    [
      { rule: 'true', reason: 'Odd' },
      [
        `${RULE}.reason: Unsupported value: "Odd": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"`,
      ],
    ],
    [{ rule: 'true', fieldPath: '.a' }, []],
    [{ rule: 'true', fieldPath: "['a']" }, []],
    [{ rule: 'true', fieldPath: '.b' }, [`${RULE}.fieldPath: Invalid value: ".b": must be a valid path`]],
    [{ rule: 'true', fieldPath: 'a' }, [`${RULE}.fieldPath: Invalid value: "a": must be a valid path`]],
    [{ rule: 'true', fieldPath: '.a[0]' }, [`${RULE}.fieldPath: Invalid value: ".a[0]": must be a valid path`]],
  ]
  for (const [rule, expected] of texts) {
    it(`texts: ${JSON.stringify(rule)}`, () => assert.deepEqual(textErrors(rule), expected))
  }

  it('must compile', () => {
    const internal =
      '{"Rule":"self.b == 1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}'
    assert.deepEqual(errorsOf(ruled(object({ a: { type: 'integer' } }), 'self.b == 1')), [
      `${RULE}.rule: Invalid value: ${internal}: compilation failed: ERROR: <input>:1:5: undefined field 'b'\n | self.b == 1\n | ....^`,
    ])
  })

  it('must give a bool, and their messages a string', () => {
    assert.match(errorsOf(ruled(object({}), '1'))[0]!, /: cel expression must evaluate to a bool$/)
    assert.match(
      errorsOf(ruled(object({}), { rule: 'true', messageExpression: '1' }))[0]!,
      /^root\.x-kubernetes-validations\[0\]\.messageExpression: .*: messageExpression must evaluate to a string$/,
    )
  })

  it('must stay in the budget', () => {
    const list: Schema = { type: 'array', items: { type: 'string' } }
    assert.deepEqual(errorsOf(ruled(object({ a: list }), 'self.a.all(x, self.a.all(y, x == y))')), [
      `${RULE}.rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${BUDGET}`,
      `${RULE}.rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
      `root: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x ${BUDGET}`,
    ])
    const bounded: Schema = { type: 'array', maxItems: 10, items: { type: 'string', maxLength: 10 } }
    assert.deepEqual(errorsOf(ruled(object({ a: bounded }), 'self.a.all(x, self.a.all(y, x == y))')), [])
  })

  it('count as often as their value may be there', () => {
    const item = ruled({ type: 'string', maxLength: 500 }, 'self.contains("a")')
    assert.deepEqual(errorsOf(object({ a: { type: 'array', maxItems: 100, items: item } })), [])
    const [first] = errorsOf(object({ a: { type: 'array', items: { type: 'array', items: item } } }))
    assert.match(first!, /estimated rule cost exceeds budget by factor of/)
  })

  it('know no old value where entries of a list have no keys', () => {
    const item = ruled({ type: 'string', maxLength: 5 }, 'self == oldSelf')
    assert.deepEqual(errorsOf(object({ a: { type: 'array', maxItems: 5, items: item } })), [
      'root.properties[a].items.x-kubernetes-validations[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within root.properties[a]',
    ])
    assert.deepEqual(errorsOf(ruled(object({}), { rule: 'true', optionalOldSelf: true })), [
      `${RULE}.optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule`,
    ])
  })

  const at = 'root.properties[a].items.x-kubernetes-validations'
  const noList = object({ a: { type: 'object', items: ruled(object({ n: { type: 'integer' } }), 'self.n > 0') } })
  const strange: readonly [string, Schema, string[]][] = [
    ['by themselves where nothing around them has rules', noList, []],
    [
      'as part of what has rules, which knows nothing of them',
      ruled(noList, 'true'),
      [`${at}: Internal error: failed to convert to declType for CEL validation rules`],
    ],
    [
      'which must have a type',
      object({ a: { type: 'object', items: ruled({}, 'true') } }),
      [
        `${at}: Internal error: internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations`,
      ],
    ],
  ]
  for (const [name, schema, expected] of strange) {
    it(`of items of what is no list are compiled ${name}`, () => assert.deepEqual(errorsOf(schema), expected))
  }
})
