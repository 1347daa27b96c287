import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metaFacts } from '../generated/facts.ts'
import { givenField, isGivenEmpty } from '../given-empty.ts'
import { JsonSyntaxError } from '../json/syntax-error.ts'
import { decodeFailure, decodeObject, decodeValue, strictDecodingMessage } from './decode.ts'
import { DecodeError } from './decode-error.ts'
import { SchemaSet } from './schema-set.ts'

const FACTS = `core.v1.Pod kind
 1 metadata am.apis.meta.v1.ObjectMeta o
 2 spec core.v1.PodSpec o
core.v1.PodSpec
 1 volumes [core.v1.Volume o l=map;k=name;s=merge,retainKeys;m=name
 2 containers [core.v1.Container r l=map;k=name;s=merge;m=name
 3 restartPolicy string o e=core.v1.RestartPolicy;g=v1.RestartPolicy
 4 grace int64 po
 5 hostNetwork bool o
 6 overhead {:am.api.resource.Quantity o g=v1.ResourceList
 7 limit double po
core.v1.Container
 1 name string r
 2 args [string o l=atomic
 3 port int32 o
 4 target am.util.intstr.IntOrString o
 5 optional bool po
 6 raw am.runtime.RawExtension o
core.v1.Volume
 1 name string r
 2 volumeSource core.v1.VolumeSource ir
core.v1.VolumeSource
 1 secret core.v1.SecretVolumeSource po
core.v1.SecretVolumeSource
 1 data {:bytes o
 2 renewTime am.apis.meta.v1.MicroTime po
=core.v1.RestartPolicy Always Never OnFailure
`
const set = new SchemaSet(metaFacts, FACTS)
const pod = set.schemaOf('core.v1.Pod')
const base = { metadata: {}, spec: {} }
const spec = (text: string): string => `{"spec":${text}}`

test('a clean object comes out as it is', () => {
  const text =
    '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":{"__proto__":"z","x":"y"}},"spec":{"containers":[{"name":"c","port":80}],"grace":0}}'
  const decoded = decodeObject(pod, new TextEncoder().encode(text))
  assert.equal(JSON.stringify(decoded.object), text)
  assert.deepEqual(decoded.strictErrors, [])
})

test('maps come out in the order of their keys, structs as they came', () => {
  const text = (overhead: string): string =>
    `{"kind":"Pod","metadata":{"name":"a","labels":{"b":"1","a":"2","a/b":"3"}},"spec":{"hostNetwork":true,"overhead":${overhead},"containers":[]}}`
  for (const overhead of ['{"memory":"1Gi","cpu":"1"}', '{"memory":"1Gi","cpu":1}']) {
    const { metadata, spec } = decodeObject(pod, new TextEncoder().encode(text(overhead))).object as {
      metadata: { labels: object }
      spec: { overhead: object }
    }
    assert.deepEqual(Object.keys(metadata.labels), ['a', 'a/b', 'b'])
    assert.deepEqual(Object.keys(spec), ['hostNetwork', 'overhead', 'containers'])
    assert.deepEqual(spec.overhead, { cpu: '1', memory: '1Gi' })
    assert.deepEqual(Object.keys(spec.overhead), ['cpu', 'memory'])
  }
})

const wrongTypes: readonly [string, string][] = [
  ['{"spec":[]}', 'json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec'],
  [
    spec('{"containers":"x"}'),
    'json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container',
  ],
  [
    spec('{"containers":[{"port":"80"}]}'),
    'json: cannot unmarshal string into Go struct field Container.spec.containers.port of type int32',
  ],
  [
    spec('{"containers":[{"port":1.5}]}'),
    'json: cannot unmarshal number 1.5 into Go struct field Container.spec.containers.port of type int32',
  ],
  [
    spec('{"containers":[{"port":1.0}]}'),
    'json: cannot unmarshal number 1.0 into Go struct field Container.spec.containers.port of type int32',
  ],
  [
    spec('{"containers":[{"port":99999999999}]}'),
    'json: cannot unmarshal number 99999999999 into Go struct field Container.spec.containers.port of type int32',
  ],
  [
    spec('{"grace":9223372036854775808}'),
    'json: cannot unmarshal number 9223372036854775808 into Go struct field PodSpec.spec.grace of type int64',
  ],
  [
    spec('{"restartPolicy":1}'),
    'json: cannot unmarshal number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy',
  ],
  [
    spec('{"overhead":"x"}'),
    'json: cannot unmarshal string into Go struct field PodSpec.spec.overhead of type v1.ResourceList',
  ],
  [
    '{"metadata":{"labels":{"a":1}}}',
    'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
  ],
  [
    spec('{"volumes":[{"secret":{"data":"x"}}]}'),
    'json: cannot unmarshal string into Go struct field SecretVolumeSource.spec.volumes.VolumeSource.secret.data of type map[string][]uint8',
  ],
  [
    spec('{"volumes":[{"secret":true}]}'),
    'json: cannot unmarshal bool into Go struct field Volume.spec.volumes.VolumeSource.secret of type v1.SecretVolumeSource',
  ],
  [
    spec('{"containers":[{"target":1.5}]}'),
    'json: cannot unmarshal number 1.5 into Go struct field Container.spec.containers.target of type int32',
  ],
  [
    '{"metadata":{"creationTimestamp":5}}',
    'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string',
  ],
  [
    '{"metadata":{"creationTimestamp":"yesterday"}}',
    'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
  ],
  [
    '{"metadata":{"creationTimestamp":"2024-13-01T00:00:00Z"}}',
    'parsing time "2024-13-01T00:00:00Z": month out of range',
  ],
  [
    spec('{"volumes":[{"secret":{"renewTime":"2024-01-01T00:00:00Z"}}]}'),
    'parsing time "2024-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"',
  ],
  [
    spec('{"overhead":{"cpu":"1x"}}'),
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  ],
  [spec('{"volumes":[{"secret":{"data":{"k":"a*=="}}}]}'), 'illegal base64 data at input byte 1'],
  [
    '[]',
    String.raw`couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }`,
  ],
  [
    '{"kind":5}',
    "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string",
  ],
]

for (const [text, message] of wrongTypes)
  test(`refused: ${text}`, () => {
    assert.throws(() => decodeObject(pod, text), new DecodeError(message))
  })

test('of several findings the first is reported, unless a type that decodes itself ends the decoding', () => {
  const first = 'cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool'
  const cases: readonly [string, string][] = [
    ['{"hostNetwork":"x","grace":"y"}', `json: ${first}`],
    ['{"hostNetwork":"x","volumes":[{"secret":{"data":{"a":"?"}}}]}', `json: ${first}`],
    ['{"volumes":[{"secret":{"data":{"a":"?"}}}],"hostNetwork":"x"}', 'illegal base64 data at input byte 0'],
    [
      '{"hostNetwork":"x","overhead":{"a":"b"}}',
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
  ]
  for (const [text, message] of cases) assert.throws(() => decodeObject(pod, spec(text)), new DecodeError(message))
})

test('what is no base64 is told at once by the converter of strategic merge patches', () => {
  const value = { spec: { volumes: [{ secret: { data: { a: '?' } } }] } }
  const message = 'error decoding from json: illegal base64 data at input byte 0'
  assert.throws(() => decodeValue(pod, value, true), new DecodeError(message))
})

test('canonical forms', () => {
  const { object, strictErrors } = decodeObject(
    pod,
    `{"metadata":{"creationTimestamp":"2024-01-01T02:00:00.5+02:00"},"spec":{
      "overhead":{"cpu":0.5,"memory":"1024Mi","pods":3},"limit":1.5,"grace":9007199254740993,
      "volumes":[{"name":"s","secret":{"data":{"k":"YW\\nI="},"renewTime":"2024-01-01T00:00:00.123456+00:00"}}],
      "containers":[{"name":"c","target":"http","raw":{"x":1.0,"n":9007199254740993}}]}}`,
  )
  assert.deepEqual(strictErrors, [])
  assert.deepEqual(object, {
    metadata: { creationTimestamp: '2024-01-01T00:00:00Z' },
    spec: {
      overhead: { cpu: '500m', memory: '1Gi', pods: '3' },
      limit: 1.5,
      grace: 9007199254740993n,
      volumes: [{ name: 's', secret: { data: { k: 'YWI=' }, renewTime: '2024-01-01T00:00:00.123456Z' } }],
      containers: [{ name: 'c', target: 'http', raw: { x: 1, n: 9007199254740993n } }],
    },
  })
})

test('nulls and omitted zero values are dropped, pointers and required fields are kept', () => {
  const { object } = decodeObject(
    pod,
    `{"metadata":{"name":"","creationTimestamp":null,"labels":{"a":null}},
      "spec":{"grace":0,"hostNetwork":false,"volumes":[],"containers":[{"name":"","port":0,"optional":false,"args":[null]},null]}}`,
  )
  assert.deepEqual(structuredClone(object), {
    metadata: { labels: { a: '' } },
    spec: { grace: 0, containers: [{ name: '', optional: false, args: [''] }, {}] },
  })
})

test('lists and maps that came empty are not there, and remembered by those who ask', () => {
  for (const text of ['{"spec":{"volumes":[]}}', '{"spec":{"volumes":[]},"foo":1}']) {
    const { spec } = decodeObject(pod, text).object as { spec: { volumes?: unknown[]; containers?: unknown[] } }
    assert.deepEqual(Object.keys(spec), [], text)
    assert.ok(isGivenEmpty(spec, 'volumes'), text)
    assert.deepEqual(givenField(spec, 'volumes'), [], text)
    assert.equal(givenField(spec, 'containers'), undefined, text)
    assert.ok(isGivenEmpty({ ...spec }, 'volumes'), 'copies keep it')
    assert.equal(JSON.stringify(spec), '{}', text)
  }
})

test('the zero time is no time', () => {
  assert.deepEqual(decodeObject(pod, '{"metadata":{"creationTimestamp":"0001-01-01T00:00:00Z"}}').object, base)
})

test('metadata and spec are always there', () => {
  assert.deepEqual(decodeObject(pod, 'null').object, base)
  assert.deepEqual(decodeObject(pod, '{"kind":"Pod"}').object, { kind: 'Pod', ...base })
})

test('unknown and duplicate fields are reported with their paths, in order', () => {
  const text = `{"foo":1,"metadata":{"labels":{"a":"1","a":"2"},"Name":"case"},"spec":{"grace":1,"grace":2,
    "containers":[{"name":"c"},{"name":"d","image":{"x":1,"x":2},"volumes":[]}],"grace":3},"foo":2}`
  const decoded = decodeObject(pod, text)
  assert.deepEqual(decoded.strictErrors, [
    'unknown field "foo"',
    'duplicate field "metadata.labels.a"',
    'unknown field "metadata.Name"',
    'duplicate field "spec.grace"',
    'unknown field "spec.containers[1].image"',
    'unknown field "spec.containers[1].volumes"',
  ])
  assert.deepEqual(decoded.unknownFields, [
    'foo',
    'metadata.Name',
    'spec.containers[1].image',
    'spec.containers[1].volumes',
  ])
  assert.deepEqual(decoded.duplicateFields, ['metadata.labels.a', 'spec.grace'])
  assert.deepEqual(decoded.object, {
    metadata: { labels: { a: '2' } },
    spec: { grace: 3, containers: [{ name: 'c' }, { name: 'd' }] },
  })
})

test('a duplicate is found where the name comes for the second time', () => {
  const after = '{"spec":{"nope":"foo","grace":2,"grace":3}}'
  assert.deepEqual(decodeObject(pod, after).strictErrors, ['unknown field "spec.nope"', 'duplicate field "spec.grace"'])
  const between = '{"spec":{"grace":2,"nope":"foo","grace":3,"more":1}}'
  assert.deepEqual(decodeObject(pod, between).strictErrors, [
    'unknown field "spec.nope"',
    'duplicate field "spec.grace"',
    'unknown field "spec.more"',
  ])
})

test('a duplicate inside an unknown field or raw JSON is not reported', () => {
  const decoded = decodeObject(pod, spec('{"containers":[{"raw":{"a":1,"a":2}}],"x":{"b":1,"b":2}}'))
  assert.deepEqual(decoded.strictErrors, ['unknown field "spec.x"'])
  assert.deepEqual(decoded.object.spec, { containers: [{ raw: { a: 2 } }] })
})

test('a field named __proto__ is unknown, in maps it is a key', () => {
  const decoded = decodeObject(pod, '{"__proto__":{"kind":"x"},"metadata":{"labels":{"__proto__":null}}}')
  assert.deepEqual(decoded.unknownFields, ['__proto__'])
  assert.equal(JSON.stringify(decoded.object), '{"metadata":{"labels":{"__proto__":""}},"spec":{}}')
  assert.equal(({} as Record<string, unknown>).kind, undefined)
})

test('values parsed elsewhere are decoded alike', () => {
  const decoded = decodeValue(pod, { spec: { grace: 30, x: null, containers: [{ port: 80 }] } })
  assert.deepEqual(decoded, {
    object: { metadata: {}, spec: { grace: 30, containers: [{ port: 80 }] } },
    strictErrors: ['unknown field "spec.x"'],
    unknownFields: ['spec.x'],
    duplicateFields: [],
  })
  assert.throws(() => decodeValue(pod, { spec: { grace: 1.5 } }), /cannot unmarshal number 1.5 into .* of type int64/)
})

test('the schema can be chosen by what the object says it is', () => {
  const seen: string[] = []
  decodeObject((apiVersion, kind) => {
    seen.push(apiVersion, kind)
    return pod
  }, '{"kind":"Pod","apiVersion":"v1"}')
  assert.deepEqual(seen, ['v1', 'Pod'])
})

test('the texts of failures', () => {
  const body = new TextEncoder().encode('{"kind":"Pod","spec":[],"more":1}')
  assert.equal(
    decodeFailure(new DecodeError('oops'), { version: 'v1', kind: 'Pod' }, 'Pod', body),
    'Pod in version "v1" cannot be handled as a Pod: oops',
  )
  assert.equal(
    decodeFailure(new JsonSyntaxError('unexpected end of JSON input'), undefined, 'Pod', body),
    `the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: unexpected end of JSON input ({"kind":"Pod","spec":[],"more" ...)`,
  )
  assert.equal(
    decodeFailure(new DecodeError('x'), undefined, 'Pod', new Uint8Array([0x6b, 0x38])),
    'the object provided is unrecognized (must be of type Pod): x (6b38)',
  )
  assert.equal(strictDecodingMessage(['unknown field "a"', 'b']), 'strict decoding error: unknown field "a", b')
})

const unconvertible: readonly [unknown, string][] = [
  [{ spec: [] }, 'cannot restore struct from: slice'],
  [{ spec: 'x' }, 'cannot restore struct from: string'],
  [{ metadata: { labels: 'x' } }, 'cannot restore map from string'],
  [{ metadata: { labels: { a: 1 } } }, 'cannot convert int64 to string'],
  [{ metadata: { labels: { a: true } } }, 'unrecognized type: string'],
  [{ spec: { containers: {} } }, 'cannot restore slice from map'],
  [{ spec: { containers: [{ port: '80' }] } }, 'unrecognized type: int32'],
  [{ spec: { containers: [{ port: 1.5 }] } }, 'cannot convert float64 to int32'],
  [{ spec: { hostNetwork: 1 } }, 'unrecognized type: bool'],
  [{ spec: { restartPolicy: 1 } }, 'cannot convert int64 to v1.RestartPolicy'],
  [{ metadata: { creationTimestamp: 5 } }, 'json: cannot unmarshal number into Go value of type string'],
]

for (const [value, message] of unconvertible)
  test(`converted, ${JSON.stringify(value)}: ${message}`, () => {
    assert.throws(() => decodeValue(pod, value, true), new DecodeError(message))
  })
