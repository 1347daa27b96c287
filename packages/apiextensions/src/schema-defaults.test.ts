import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import { withPrunedDefaults } from './schema-defaults.ts'

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
