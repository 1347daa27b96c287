import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CustomResourceDefinition, JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import { openApiDefinition } from './openapi.ts'

function published(openAPIV3Schema?: JSONSchemaProps, preserveUnknownFields?: boolean) {
  const version = {
    name: 'v1',
    served: true,
    storage: true,
    ...(openAPIV3Schema ? { schema: { openAPIV3Schema } } : {}),
  }
  const spec = {
    group: 'example.com',
    names: { kind: 'Foo', plural: 'foos' },
    versions: [version],
    preserveUnknownFields,
  }
  return openApiDefinition({ metadata: { name: 'foos.example.com' }, spec } as CustomResourceDefinition, version)
}

test('of a kind without a schema, only that it is an object is said', () => {
  assert.deepEqual(published(), {
    name: 'com.example.v1.Foo',
    schema: { type: 'object' },
    schemaV2: { type: 'object' },
    extensions: {},
  })
})

test('fields of a kind that keeps unknown ones are listed in v3 alone', () => {
  const schema: JSONSchemaProps = {
    description: 'a Foo',
    type: 'object',
    properties: { spec: { type: 'object' } },
    'x-kubernetes-preserve-unknown-fields': true,
  }
  const { schema: v3, schemaV2 } = published(schema)
  assert.deepEqual(schemaV2, { type: 'object' })
  assert.deepEqual(Object.keys(v3.properties as object), ['apiVersion', 'kind', 'spec'])
  assert.equal(v3['x-kubernetes-preserve-unknown-fields'], true)
  const { properties: _, ...without } = schema
  assert.deepEqual(Object.keys(published(without).schema.properties as object), ['apiVersion', 'kind'])
})

test('a field of its own that keeps unknown ones is without a type in v2', () => {
  const { schema, schemaV2 } = published({
    type: 'object',
    properties: { spec: { type: 'object', description: 'free', 'x-kubernetes-preserve-unknown-fields': true } },
  })
  const specOf = (each: unknown): unknown => (each as { properties: { spec: unknown } }).properties.spec
  assert.deepEqual(specOf(schemaV2), { description: 'free', 'x-kubernetes-preserve-unknown-fields': true })
  assert.equal((specOf(schema) as { type: string }).type, 'object')
})

test('every field of a kind with a schema can be explained', () => {
  const { properties } = published({ type: 'object' }, false).schemaV2 as { properties: Record<string, unknown> }
  assert.match(JSON.stringify(properties.apiVersion), /APIVersion defines/)
})
