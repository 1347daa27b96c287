import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openApiV3Protobuf } from './v3-protobuf.ts'

type Fields = Record<number, unknown[]>

/** Fields of a message by number; what is longer than a number as bytes. */
function fieldsOf(bytes: Uint8Array): Fields {
  const found: Fields = {}
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at++]! + (bytes[at - 1]! > 0x7f ? (bytes[at++]! - 1) * 128 : 0)
    const [number, wire] = [tag >> 3, tag & 7]
    let value: unknown
    if (wire === 2) {
      const length = bytes[at++]!
      value = bytes.subarray(at, at + length)
      at += length
    } else if (wire === 1) {
      value = new DataView(bytes.buffer, bytes.byteOffset + at).getFloat64(0, true)
      at += 8
    } else value = bytes[at++]
    found[number] = [...(found[number] ?? []), value]
  }
  return found
}

const inner = (value: unknown, ...path: number[]): Fields =>
  path.reduce((fields, number) => fieldsOf(fields[number]![0] as Uint8Array), fieldsOf(value as Uint8Array))
const text = (value: unknown): string => Buffer.from(value as Uint8Array).toString()

/** Of a property's schema, as the message openapi.v3.Schema. */
function schemaFields(schema: object): Fields {
  const document = openApiV3Protobuf({ components: { schemas: { S: { properties: { p: schema } } } } })
  // Components, schemas, the named one, its schema, properties, the named one, its schema.
  return inner(document, 5, 1, 1, 2, 1, 31, 1, 2)
}

describe('OpenAPI v3 as protobuf', () => {
  it('knows a reference from a schema', () => {
    assert.equal(text(fieldsOf(schemaFields({ $ref: '#/x' })[2]![0] as Uint8Array)[1]![0]), '#/x')
    assert.equal(text(fieldsOf(schemaFields({ type: 'object' })[1]![0] as Uint8Array)[25]![0]), 'object')
  })

  const presets: readonly [value: unknown, field: number | undefined, shown?: unknown][] = [
    [1.5, 1, 1.5],
    [false, 2, 0],
    ['', 3, ''],
    [{}, undefined],
    [[1], undefined],
  ]
  for (const [value, field, shown] of presets)
    it(`default ${JSON.stringify(value)}`, () => {
      const fields = inner(schemaFields({ default: value })[1]![0], 33)
      assert.deepEqual(Object.keys(fields), field === undefined ? [] : [String(field)])
      if (field === undefined) return
      const [found] = fields[field]!
      assert.equal(field === 3 ? text(found) : found, shown)
    })

  it('keeps the answers of an operation apart by their status', () => {
    const get = {
      responses: { default: { description: 'd' }, 200: { description: 'OK' } },
      'x-kubernetes-action': 'get',
    }
    const operation = inner(openApiV3Protobuf({ paths: { '/a': { get } } }), 4, 1, 2, 4)
    const responses = fieldsOf(operation[8]![0] as Uint8Array)
    assert.equal(text(inner(responses[1]![0], 1)[1]![0]), 'd')
    assert.equal(text(fieldsOf(responses[2]![0] as Uint8Array)[1]![0]), '200')
    assert.equal(text(inner(operation[13]![0], 2)[2]![0]), 'get\n')
  })
})
