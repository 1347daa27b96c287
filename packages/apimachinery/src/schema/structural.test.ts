import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metaFacts } from '../generated/facts.ts'
import { decodeObject } from './decode.ts'
import { fieldOf } from './schema.ts'
import { SchemaSet } from './schema-set.ts'
import { customResourceSchema, type StructuralProps } from './structural.ts'

const objectMeta = new SchemaSet(metaFacts).schemaOf('am.apis.meta.v1.ObjectMeta')
const props: StructuralProps = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', default: 1 },
        port: { 'x-kubernetes-int-or-string': true },
        note: { type: 'string', nullable: true },
        tags: { type: 'object', additionalProperties: { type: 'string' } },
        parts: {
          type: 'array',
          items: { type: 'object', properties: { name: { type: 'string' } } },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
        },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: { type: 'object' } } },
        template: { type: 'object', 'x-kubernetes-embedded-resource': true },
        templates: {
          type: 'object',
          additionalProperties: {
            type: 'array',
            items: { type: 'object', 'x-kubernetes-embedded-resource': true },
          },
        },
        open: { type: 'object', properties: { a: { type: 'object' } }, additionalProperties: true },
        any: { type: 'object', additionalProperties: true },
      },
    },
  },
}
const foo = customResourceSchema(props, objectMeta, 'com.example.v1.Foo')

test('a custom object is pruned, and what was pruned is reported', () => {
  const { object, strictErrors } = decodeObject(
    foo,
    JSON.stringify({
      apiVersion: 'example.com/v1',
      kind: 'Foo',
      metadata: { name: 'a', nonsense: 1 },
      spec: {
        size: 0,
        port: 'http',
        unknown: { x: 1 },
        tags: { a: 'b' },
        parts: [{ name: 'p', other: 1 }, null],
        free: { b: { c: [1] }, a: { d: 1 } },
        template: { kind: 'Bar', metadata: { name: 't', y: 1 }, spec: {} },
        open: { a: { b: 1 }, c: 1, d: { e: 1 }, f: [{ g: 1 }, 'h'], i: null },
        any: { a: { b: 1 }, c: 'c', d: null },
      },
      extra: true,
    }),
  )
  assert.deepEqual(object, {
    apiVersion: 'example.com/v1',
    kind: 'Foo',
    metadata: { name: 'a' },
    spec: {
      size: 0,
      port: 'http',
      tags: { a: 'b' },
      parts: [{ name: 'p' }, null],
      free: { b: { c: [1] }, a: {} },
      template: { kind: 'Bar', metadata: { name: 't' } },
      open: { a: {}, c: 1, d: {}, f: [{}, 'h'], i: null },
      any: { a: {}, c: 'c', d: null },
    },
  })
  assert.deepEqual(strictErrors, [
    'unknown field "metadata.nonsense"',
    'unknown field "spec.unknown"',
    'unknown field "spec.parts[0].other"',
    'unknown field "spec.free.a.d"',
    'unknown field "spec.template.metadata.y"',
    'unknown field "spec.template.spec"',
    'unknown field "spec.open.a.b"',
    'unknown field "spec.open.d.e"',
    'unknown field "spec.open.f[0].g"',
    'unknown field "spec.any.a.b"',
    'unknown field "extra"',
  ])
})

test('wrong types are left to validation, those of metadata are not', () => {
  const spec = { size: 'many', tags: [1], parts: { name: 'x' }, port: { a: 1 } }
  const { object, strictErrors } = decodeObject(foo, JSON.stringify({ spec }))
  // But what they hold, no schema knows.
  assert.deepEqual(object, { metadata: {}, spec: { ...spec, parts: {}, port: {} } })
  assert.deepEqual(strictErrors, ['unknown field "spec.parts.name"', 'unknown field "spec.port.a"'])
  assert.throws(
    () => decodeObject(foo, '{"metadata":{"labels":1}}'),
    /cannot unmarshal number into Go struct field ObjectMeta\.labels of type map\[string\]string/,
  )
})

test('null stays where it is allowed, integers stay exact', () => {
  const { object } = decodeObject(foo, '{"spec":{"note":null,"size":9007199254740993,"port":null}}')
  assert.deepEqual(object.spec, { note: null, size: 9007199254740993n })
})

test('lists and defaults tell what apply and defaulting need', () => {
  const spec = fieldOf(foo, 'spec')!.schema
  const parts = fieldOf(spec, 'parts')!
  assert.deepEqual(parts.schema.type === 'list' && [parts.schema.listType, parts.schema.mapKeys], ['map', ['name']])
  assert.equal(parts.atomic, false)
  assert.equal(fieldOf(spec, 'size')!.default, 1)
  assert.equal(fieldOf(spec, 'size')!.required, true)
})

test('without a schema everything is kept', () => {
  const open = customResourceSchema(undefined, objectMeta, 'x')
  const { object, strictErrors } = decodeObject(open, '{"kind":"X","data":{"a":[1,{"b":null}]}}')
  assert.deepEqual(object, { kind: 'X', data: { a: [1, { b: null }] }, metadata: {} })
  assert.deepEqual(strictErrors, [])
})

const wronglyTyped: readonly [object, string][] = [
  [
    { metadata: { namespace: 42 } },
    'json: cannot unmarshal number into Go struct field ObjectMeta.namespace of type string',
  ],
  [{ metadata: 'x' }, 'json: cannot unmarshal string into Go value of type v1.ObjectMeta'],
  [
    { spec: { template: { metadata: { namespace: 42, name: 'a' } } } },
    'spec.template.metadata: Invalid value: {"namespace":42,"name":"a"}: ' +
      'json: cannot unmarshal number into Go struct field ObjectMeta.namespace of type string',
  ],
  [
    { spec: { template: { metadata: { labels: [] } } } },
    'spec.template.metadata: Invalid value: {"labels":[]}: ' +
      'json: cannot unmarshal array into Go struct field ObjectMeta.labels of type map[string]string',
  ],
  [
    { spec: { template: { metadata: { creationTimestamp: 1 } } } },
    'spec.template.metadata: Invalid value: {"creationTimestamp":1}: ' +
      'json: cannot unmarshal number into Go struct field ObjectMeta.creationTimestamp of type string',
  ],
  [
    { spec: { template: { metadata: 1 } } },
    'spec.template.metadata: Invalid value: 1: json: cannot unmarshal number into Go value of type v1.ObjectMeta',
  ],
  [{ spec: { template: { kind: 1 } } }, 'spec.template.kind: Invalid value: 1: must be a string'],
  [
    { spec: { templates: { a: [{ apiVersion: true }] } } },
    'spec.templates[a][0].apiVersion: Invalid value: true: must be a string',
  ],
]
for (const [object, message] of wronglyTyped) {
  test(`wrong types in metadata: ${JSON.stringify(object)}`, () => {
    assert.throws(() => decodeObject(foo, JSON.stringify(object)), { name: 'DecodeError', message })
  })
}
