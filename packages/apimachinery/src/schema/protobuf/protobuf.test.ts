import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metaFacts } from '../../generated/facts.ts'
import { SchemaSet } from '../schema-set.ts'
import { decodeMessage } from './decode.ts'
import { encodeMessage } from './encode.ts'
import {
  decodeProtobuf,
  decodeWatchEvent,
  encodeProtobuf,
  encodeProtobufList,
  encodeWatchFrame,
  FrameReader,
  unwrapMessage,
  wrapMessage,
} from './envelope.ts'
import { ProtobufError, UnreadableRawError } from './reader.ts'

const FACTS = `t.Thing kind
 1 metadata am.apis.meta.v1.ObjectMeta o
 2 spec t.Spec o
t.Spec
 1 wide int64 po
 2 small int32 o
 3 ratio double o
 4 on bool po
 5 data bytes o
 6 names [string o
 7 numbers [int32 o
 8 duration am.apis.meta.v1.Duration po
 9 at am.apis.meta.v1.MicroTime po
 10 limits {:am.api.resource.Quantity o
 11 child t.Spec po
 12 target am.util.intstr.IntOrString po
 13 raw am.runtime.RawExtension o
`
const set = new SchemaSet(metaFacts, FACTS)
const thing = set.schemaOf('t.Thing')
const spec = set.schemaOf('t.Spec')
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const values: readonly Record<string, unknown>[] = [
  {},
  { wide: 0, on: false },
  { wide: -1, small: -2147483648 },
  { wide: 9007199254740993n },
  { wide: -9223372036854775808n },
  { wide: 300, small: 127, ratio: -1.5, on: true, data: 'AAECAw==' },
  { names: ['', 'ä€😀', 'x'.repeat(5000)], numbers: [0, -1, 2147483647] },
  { at: '2024-01-01T00:00:00.123456Z', duration: '1h2m3.5s', limits: { a: '1', __proto__x: '500m' } },
  { target: 'http', child: { target: -80, child: { small: 1 } } },
]

for (const value of values)
  test(`round trip of ${JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each)).slice(0, 60)}`, () => {
    const decoded = decodeMessage(spec, encodeMessage(spec, value))
    assert.deepEqual(decoded, value)
  })

for (const text of ['', '"', '{', '1z'])
  test(`a raw extension that holds ${JSON.stringify(text)} cannot be read`, () => {
    const bytes = Buffer.from([0x6a, text.length + 2, 0x0a, text.length, ...Buffer.from(text)])
    assert.throws(() => decodeMessage(spec, bytes), UnreadableRawError)
  })

test('a raw extension without bytes is none', () => assert.deepEqual(decodeMessage(spec, Buffer.from([0x6a, 0])), {}))

test('a key __proto__ in a map stays a key', () => {
  const limits = JSON.parse('{"__proto__":"1"}') as unknown
  const decoded = decodeMessage(spec, encodeMessage(spec, { limits }))
  assert.deepEqual(Object.keys(decoded.limits as object), ['__proto__'])
})

test('the bytes are those of upstream: required values written, pointers not', () => {
  assert.equal(hex(encodeMessage(set.schemaOf('am.apis.meta.v1.GroupKind'), { kind: 'K' })), '0a0012014b')
  assert.equal(hex(encodeMessage(set.schemaOf('am.apis.meta.v1.Preconditions'), {})), '')
})

test('repeated numbers are read packed, too, and unknown fields are passed over', () => {
  const bytes = Buffer.from('3a03010203' + 'f80105' + 'fa0101ff' + '3805', 'hex')
  assert.deepEqual(decodeMessage(spec, bytes), { numbers: [1, 2, 3, 5] })
})

const broken: readonly [string, string][] = [
  ['3a', 'unexpected EOF'],
  ['3205', 'unexpected EOF'],
  ['08ffffffffffffffffffffff', 'proto: integer overflow'],
  ['0f', 'proto: wrong wireType = 7 for field Wide'],
  ['0a0100', 'proto: wrong wireType = 2 for field Wide'],
  ['00', 'proto: Spec: illegal tag 0 (wire type 0)'],
  ['ff01', 'proto: illegal wireType 7'],
]
for (const [bytes, message] of broken)
  test(`broken message ${bytes}`, () => {
    assert.throws(() => decodeMessage(spec, Buffer.from(bytes, 'hex')), new ProtobufError(message))
  })

test('damaged values are read as Go reads them', () => {
  const wide = Buffer.from('10f8ffffffff7f', 'hex')
  assert.deepEqual(decodeMessage(spec, wide), { small: -8 })
  const entryWithoutValue = Buffer.from('52030a0161', 'hex')
  assert.deepEqual(decodeMessage(spec, entryWithoutValue), { limits: { a: '0' } })
})

test('endless nesting is refused', () => {
  let bytes: Uint8Array = new Uint8Array(0)
  for (let level = 0; level < 1500; level++) {
    const length: number[] = []
    for (let rest = bytes.length; ; rest >>>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest)
      if (rest <= 127) break
    }
    bytes = Uint8Array.from([0x5a, ...length, ...bytes])
  }
  assert.throws(() => decodeMessage(spec, bytes), new ProtobufError('proto: nested too deeply'))
})

test('the envelope carries apiVersion and kind', () => {
  const object = { apiVersion: 't/v1', kind: 'Thing', metadata: { name: 'a' }, spec: { small: 1 } }
  const bytes = encodeProtobuf(thing, object)
  assert.equal(hex(bytes.subarray(0, 4)), '6b387300')
  const seen: string[] = []
  const decoded = decodeProtobuf((apiVersion, kind) => {
    seen.push(apiVersion, kind)
    return thing
  }, bytes)
  assert.deepEqual(seen, ['t/v1', 'Thing'])
  assert.deepEqual({ ...decoded, metadata: { name: 'a' }, spec: { small: 1 } }, object)
})

test('what is no envelope is refused with upstream’s message', () => {
  const cases: readonly [Uint8Array, string][] = [
    [new Uint8Array(0), 'empty data'],
    [
      Buffer.from('{"kind":"Pod"}'),
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    ],
    [Buffer.from('k8s\0'), 'empty body'],
  ]
  for (const [bytes, message] of cases) assert.throws(() => unwrapMessage(bytes), new ProtobufError(message))
})

test('a list of encoded items equals the list encoded at once', () => {
  const sets = new SchemaSet(
    metaFacts,
    `${FACTS}t.ThingList kind\n 1 metadata am.apis.meta.v1.ListMeta o\n 2 items [t.Thing r\n`,
  )
  const list = sets.schemaOf('t.ThingList')
  const items = [{ metadata: { name: 'a' } }, { metadata: { name: 'b' }, spec: { names: ['x'] } }]
  const type = { apiVersion: 't/v1', kind: 'ThingList' }
  const metadata = { resourceVersion: '7' }
  const pieces = items.map(item => encodeMessage(thing, item))
  const meta = encodeMessage(sets.schemaOf('am.apis.meta.v1.ListMeta'), metadata)
  assert.deepEqual(encodeProtobufList(type, meta, pieces), wrapMessage(type, encodeMessage(list, { metadata, items })))
})

test('a list of metadata in v1beta1 has its items first', () => {
  const type = { apiVersion: 'meta.k8s.io/v1beta1', kind: 'PartialObjectMetadataList' }
  const list = encodeProtobufList(type, Uint8Array.of(0x0a, 0), [Uint8Array.of(0x12, 0), Uint8Array.of()])
  assert.deepEqual(unwrapMessage(list).raw, Uint8Array.of(0x0a, 2, 0x12, 0, 0x0a, 0, 0x12, 2, 0x0a, 0))
})

test('watch events travel in frames that may be cut anywhere', () => {
  const object = encodeProtobuf(thing, { apiVersion: 't/v1', kind: 'Thing', metadata: { name: 'a' } })
  const stream = Buffer.concat([encodeWatchFrame('ADDED', object), encodeWatchFrame('DELETED', object)])
  for (const size of [1, 3, 7, stream.length]) {
    const reader = new FrameReader()
    const events: { type: string; object: Uint8Array }[] = []
    for (let at = 0; at < stream.length; at += size)
      events.push(...reader.push(stream.subarray(at, at + size)).map(decodeWatchEvent))
    assert.deepEqual(
      events.map(event => event.type),
      ['ADDED', 'DELETED'],
    )
    for (const event of events) assert.deepEqual(Buffer.from(event.object), Buffer.from(object))
  }
})
