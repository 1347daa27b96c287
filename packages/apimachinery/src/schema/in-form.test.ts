import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { clone } from '../clone.ts'
import { metaFacts } from '../generated/facts.ts'
import { decodeValue } from './decode.ts'
import { isInForm } from './in-form.ts'
import { SchemaSet } from './schema-set.ts'
import { customResourceSchema, type StructuralProps } from './structural.ts'

const props: StructuralProps = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        text: { type: 'string' },
        maybe: { type: 'string', nullable: true },
        count: { type: 'integer' },
        port: { 'x-kubernetes-int-or-string': true },
        list: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        whole: { type: 'object', 'x-kubernetes-embedded-resource': true },
        open: { type: 'object', properties: { a: { type: 'integer' } }, additionalProperties: true },
      },
    },
  },
}
const schema = customResourceSchema(props, new SchemaSet(metaFacts).schemaOf('am.apis.meta.v1.ObjectMeta'), 'Foo')
const metadata = { name: 'a', creationTimestamp: '2026-01-02T03:04:05Z', generation: 2, labels: { a: 'b' } }
const object = (spec: object, meta: object = metadata): object => ({
  apiVersion: 'example.com/v1',
  kind: 'Foo',
  metadata: meta,
  spec,
})

test('what decoding leaves alone is in form; what it changes is not', () => {
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', controller: true }
  const managedFields = [
    { manager: 'x', operation: 'Update', time: '2026-01-02T03:04:05Z', fieldsV1: { 'f:spec': {} } },
  ]
  const cases: [object, boolean][] = [
    [object({}), true],
    [object({ text: 'a', maybe: null, count: 1, port: 'http', list: [{ name: 'b' }], labels: { c: 'd' } }), true],
    [object({ free: { any: [null, { thing: 1 }] }, text: 5 }), true],
    [object({}, { ...metadata, ownerReferences: [owner], managedFields }), true],
    [object({ whole: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } } }), true],
    [object({ open: { a: 1, b: {}, c: 'x', d: null } }), true],
    [object({ open: { b: { c: 1 } } }), false],
    [object({ unknown: 1 }), false],
    [object({ text: null }), false],
    [object({ list: [{ nope: 1 }] }), false],
    [object({ whole: { metadata: { nope: 1 } } }), false],
    [object({}, { ...metadata, nope: 1 }), false],
    [object({}, { ...metadata, creationTimestamp: '2026-01-02T03:04:05.5Z' }), false],
    [object({}, { ...metadata, generateName: '' }), false],
    [{ apiVersion: 'example.com/v1', kind: 'Foo', spec: {} }, false],
  ]
  for (const [value, expected] of cases) {
    assert.equal(isInForm(schema, value), expected, JSON.stringify(value))
    if (expected) assert.deepEqual(decodeValue(schema, clone(value)).object, value)
    else assert.notDeepEqual(decodeValue(schema, clone(value)).object, value)
  }
})

test('property: what is in form decoding does not change, and what it gives is in form', () => {
  const leaf = fc.oneof(fc.constant(null), fc.string({ maxLength: 2 }), fc.integer(), fc.boolean())
  const key = fc.constantFrom('text', 'maybe', 'count', 'port', 'list', 'labels', 'free', 'whole', 'name', 'metadata')
  const tree = fc.letrec(tie => ({
    value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('value'), { maxLength: 2 }), tie('map')),
    map: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  }))
  fc.assert(
    fc.property(tree.map, spec => {
      const value = object(spec as object)
      let decoded: unknown
      try {
        decoded = decodeValue(schema, clone(value)).object
      } catch {
        assert.ok(!isInForm(schema, value))
        return
      }
      if (isInForm(schema, value)) assert.deepEqual(decoded, value)
      const again = decodeValue(schema, clone(decoded)).object
      if (isInForm(schema, decoded)) assert.deepEqual(again, decoded)
    }),
    { numRuns: 1000 },
  )
})
