import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JSONSchemaProps, ValidationRule } from '@canopus/api/apiextensions/v1'
import { type FieldError, fieldErrorText } from '@canopus/apimachinery'
import { checkDefaults, withPrunedDefaults } from './schema-defaults.ts'

const embedded: JSONSchemaProps = { type: 'object', 'x-kubernetes-embedded-resource': true }
const given = { apiVersion: 'v1', kind: 'Foo', metadata: { name: 'a', unknown: 'b' } }
const left = { apiVersion: 'v1', kind: 'Foo', metadata: { name: 'a' } }
const metadataOf = (metadata: JSONSchemaProps): JSONSchemaProps => ({ ...embedded, properties: { metadata } })

const rows: [string, JSONSchemaProps, JSONSchemaProps][] = [
  ['of the object', { ...embedded, default: given }, { ...embedded, default: left }],
  [
    'of all that holds it',
    { type: 'object', properties: { in: embedded }, default: { in: given } },
    { type: 'object', properties: { in: embedded }, default: { in: left } },
  ],
  [
    'of a list',
    { type: 'array', items: { ...embedded, default: given } },
    { type: 'array', items: { ...embedded, default: left } },
  ],
  [
    'of the metadata',
    metadataOf({ type: 'object', default: given.metadata }),
    metadataOf({ type: 'object', default: left.metadata }),
  ],
  [
    'of fields of the metadata',
    metadataOf({ type: 'object', properties: { name: { default: 'a' }, unknown: { default: 'b' } } }),
    metadataOf({ type: 'object', properties: { name: { default: 'a' }, unknown: {} } }),
  ],
]

describe('defaults lose what the metadata of embedded objects has not', () => {
  const within = (schema: JSONSchemaProps): JSONSchemaProps => ({ type: 'object', properties: { field: schema } })
  for (const [name, schema, expected] of rows) {
    it(name, () => assert.deepEqual(withPrunedDefaults(within(schema)), within(expected)))
  }

  it('others are left alone', () => {
    const schema = within({ type: 'string', default: 'x' })
    assert.equal(withPrunedDefaults(schema), schema)
  })
})

describe('defaults obey the rules', () => {
  const text = (rule: object, value: string): JSONSchemaProps => ({
    type: 'string',
    default: value,
    'x-kubernetes-validations': [rule as ValidationRule],
  })
  const long: JSONSchemaProps = {
    type: 'array',
    items: { type: 'string' },
    default: Array.from({ length: 500 }, (_, index) => `${index}`),
    'x-kubernetes-validations': [{ rule: 'self.all(a, self.all(b, self.all(c, a != b + c + "x")))' } as ValidationRule],
  }
  const table: readonly [what: string, schema: JSONSchemaProps, errors: readonly RegExp[]][] = [
    ['that hold', text({ rule: 'self == "a"' }, 'a'), []],
    [
      'that do not',
      text({ rule: 'self == "a"' }, 'b'),
      [/^field\.default: Invalid value: "b": failed rule: self == "a"$/],
    ],
    ['of what was before', text({ rule: 'self == oldSelf' }, 'b'), []],
    [
      'of what was before, or of nothing',
      text({ rule: 'oldSelf.hasValue()', optionalOldSelf: true, message: 'no news' }, 'b'),
      [/^field\.default: Invalid value: "b": no news$/],
    ],
    [
      'of what lies below',
      { type: 'object', default: { a: 'b' }, properties: { a: { ...text({ rule: 'self == "a"' }, 'a') } } },
      [/^field\.default\.a: Invalid value: "b": failed rule/],
    ],
    [
      'of embedded objects, which have a name',
      {
        ...embedded,
        default: { ...left, spec: {} },
        'x-kubernetes-preserve-unknown-fields': true,
        'x-kubernetes-validations': [{ rule: 'self.metadata.name == "b"' }],
      },
      [/^field\.default: Invalid value: failed rule: self\.metadata\.name == "b"$/],
    ],
    ['that cost too much', long, [/^field\.default: .*no further validation rules will be run/]],
  ]
  for (const [what, schema, expected] of table)
    it(what, () => {
      const errors: FieldError[] = []
      checkDefaults(errors, { type: 'object', properties: { field: schema } }, '', false)
      const found = errors.map(error => fieldErrorText(error).replaceAll(/^\.properties\[(\w+)\]/g, '$1'))
      assert.equal(found.length, expected.length, found.join('\n'))
      for (const [index, each] of expected.entries()) assert.match(found[index]!, each)
    })
})
