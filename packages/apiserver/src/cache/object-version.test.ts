import assert from 'node:assert/strict'
import { test } from 'node:test'
import { builtInKinds, schemas } from '@canopus/api'
import { type KubeObject, knownText, ownersOfNew } from '@canopus/apimachinery'
import { carriedBy } from '@canopus/client'
import { JsonEncoder } from '../encoding/encoder.ts'
import { isStamped, ObjectVersion, stampedBytes, wereMadeOf } from './object-version.ts'

const scope = {
  schema: schemas.schemaOf('core.v1.ConfigMap'),
  apiVersion: 'v1',
  subresource: '',
  now: '2026-01-01T00:00:00Z',
}

function configMap(value: string, more: object = { data: { a: value } }): KubeObject {
  const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'x', labels: { app: value } }, ...more }
  const managedFields = ownersOfNew(scope, object, 'test')!
  return { ...object, metadata: { ...object.metadata, managedFields, uid: 'u' } } as unknown as KubeObject
}

const written = (object: KubeObject): unknown => JSON.parse(Buffer.from(stampedBytes(object, 7)).toString())
const expected = (object: KubeObject): unknown =>
  JSON.parse(JSON.stringify({ ...object, metadata: { ...object.metadata, resourceVersion: '7' } }))

test('objects are written whole, whether the text of their owners is known or not', () => {
  for (const value of ['1', '2', '"', '4']) assert.deepEqual(written(configMap(value)), expected(configMap(value)))
  const last = configMap('5')
  assert.ok(knownText(last.metadata.managedFields![0]!.fieldsV1!), 'the text of the owners is known by now')
  assert.deepEqual(written(last), expected(last))
  assert.ok(isStamped(stampedBytes(last, 7), 7))
  const { managedFields } = last.metadata
  const two = { ...last, metadata: { ...last.metadata, managedFields: [...managedFields!, { manager: 'b' }] } }
  assert.deepEqual(written(two as KubeObject), expected(two as KubeObject))
})

test('owners are written as they stand, those of a subresource too, whether the text of their fields is known or not', () => {
  for (const value of ['1', '2', '3']) configMap(value)
  const object = configMap('4')
  const [first] = object.metadata.managedFields!
  const owners = [first!, { ...first!, subresource: 'status' }, { manager: 'b', fieldsV1: {}, subresource: 'status' }]
  const withOwners = (managedFields: unknown): string =>
    Buffer.from(
      stampedBytes({ ...object, metadata: { ...object.metadata, managedFields } } as KubeObject, 7),
    ).toString()
  assert.ok(knownText(first!.fieldsV1!), 'the text of the owners is known by now')
  assert.equal(withOwners(owners), withOwners(structuredClone(owners)))
})

test('objects that have nothing but metadata are written whole', () => {
  for (const value of ['1', '2', '3', '4']) {
    const object = configMap(value, {})
    assert.deepEqual(written(object), expected(object))
  }
  const bare = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'x' } } as KubeObject
  assert.deepEqual(written(bare), expected(bare))
})

const versionOf = (object: KubeObject, revision: number): ObjectVersion =>
  new ObjectVersion('/registry/configmaps/default/x', 'default', 'x', stampedBytes(object, revision), revision)

test('an object that readers hold is found again however many others were parsed since', () => {
  const [shared, own] = [versionOf(configMap('a'), 7), versionOf(configMap('b'), 8)]
  const held = shared.plain
  const before = own.object
  for (let revision = 9; revision < 9 + 5000; revision++) void versionOf(configMap('c', {}), revision).object
  assert.equal(shared.object, held)
  assert.notEqual(own.object, before, 'what nobody shares is parsed again')
  shared.forget()
  assert.notEqual(shared.object, held)
  assert.deepEqual(shared.object, held)
})

test('bytes that were just made need not be parsed, which is told once', () => {
  const object = configMap('a')
  const bytes = stampedBytes(object, 7)
  wereMadeOf(bytes, object)
  const [first, second] = [1, 2].map(
    () => new ObjectVersion('/registry/configmaps/default/x', 'default', 'x', bytes, 7),
  )
  const owners = object.metadata.managedFields
  assert.equal(first!.object.metadata.managedFields, owners)
  assert.notEqual(second!.object.metadata.managedFields, owners)
  assert.deepEqual(second!.object, first!.object)
})

test('an event carries what its object was made of, however many others are made before somebody reads it', () => {
  const object = configMap('a')
  const bytes = stampedBytes(object, 7)
  wereMadeOf(bytes, object)
  const version = new ObjectVersion('/registry/configmaps/default/x', 'default', 'x', bytes, 7)
  const encoder = new JsonEncoder(builtInKinds.find(({ type }) => type.kind === 'ConfigMap')!)
  const frame = encoder.encodeEvent('ADDED', version)
  for (let revision = 8; revision < 8 + 5000; revision++) {
    const other = configMap('b')
    wereMadeOf(stampedBytes(other, revision), other)
    void versionOf(other, revision).object
  }
  const [event] = carriedBy(frame) as { type: string; object: KubeObject }[]
  assert.equal(event!.type, 'ADDED')
  assert.equal(event!.object.metadata.managedFields, object.metadata.managedFields)
})
