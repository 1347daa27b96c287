/** Whatever bytes arrive, decoders answer with an object or with their own errors. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  DecodeError,
  decodeObject,
  decodeProtobuf,
  decodeValue,
  encodeProtobuf,
  JsonSyntaxError,
  ownersOfNew,
  ProtobufError,
} from '@canopus/apimachinery'
import fc from 'fast-check'
import { schemas } from './schemas.ts'

const pod = schemas.schemaOf('core.v1.Pod')
const definition = schemas.schemaOf('apiextensions.v1.CustomResourceDefinition')

const example = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'a',
    creationTimestamp: '2024-01-01T00:00:00Z',
    labels: { x: 'y' },
    managedFields: [{ manager: 'm', fieldsV1: { 'f:spec': {} } }],
  },
  spec: {
    containers: [
      {
        name: 'c',
        image: 'é',
        resources: { limits: { cpu: '500m' } },
        ports: [{ containerPort: 80, protocol: 'TCP' }],
        livenessProbe: { httpGet: { port: 'http', path: '/' }, periodSeconds: 3 },
      },
    ],
    terminationGracePeriodSeconds: 30,
    volumes: [{ name: 'v', secret: { secretName: 's', optional: false } }],
  },
}
const crd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'foos.example.com' },
  spec: {
    group: 'example.com',
    names: { plural: 'foos', kind: 'Foo' },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { a: { type: 'array', items: { type: 'string', enum: ['x', null], default: 'x' } } },
            additionalProperties: false,
          },
        },
      },
    ],
  },
}

/** Positions to overwrite, and with what. */
const damage = fc.array(fc.tuple(fc.nat(10_000), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 })
const RUNS = { numRuns: 1500, seed: 7 }

function damaged(bytes: Uint8Array, changes: readonly (readonly [number, number])[]): Uint8Array {
  const copy = bytes.slice()
  for (const [at, byte] of changes) copy[at % copy.length] = byte
  return copy
}

function only(decode: () => unknown, ...errors: readonly (new (...args: never[]) => Error)[]): void {
  try {
    assert.equal(typeof decode(), 'object')
  } catch (error) {
    if (!errors.some(known => error instanceof known)) throw error
  }
}

for (const [schema, object] of [[pod, example] as const, [definition, crd] as const]) {
  test(`damaged JSON of ${object.kind}`, () => {
    const bytes = new TextEncoder().encode(JSON.stringify(object))
    fc.assert(
      fc.property(damage, changes =>
        only(() => decodeObject(schema, damaged(bytes, changes)), DecodeError, JsonSyntaxError),
      ),
      RUNS,
    )
  })

  test(`damaged protobuf of ${object.kind}`, () => {
    const bytes = encodeProtobuf(schema, object)
    fc.assert(
      fc.property(damage, changes => only(() => decodeProtobuf(schema, damaged(bytes, changes)), ProtobufError)),
      RUNS,
    )
  })
}

/** The object with the value somewhere in it replaced; `way` says where. */
function replaced(object: unknown, way: readonly number[], value: unknown): unknown {
  if (typeof object !== 'object' || object === null || way.length === 0) return value
  const keys = Object.keys(object)
  if (keys.length === 0) return value
  const key = keys[way[0]! % keys.length]!
  const copy = (Array.isArray(object) ? [...object] : { ...object }) as Record<string, unknown>
  copy[key] = replaced(copy[key], way.slice(1), value)
  return copy
}

const outcome = (decode: () => unknown): unknown => {
  try {
    return decode()
  } catch (error) {
    return (error as Error).message
  }
}

const UNUSUAL = [null, '', 0, false, {}, [], 7, 'x', '1.0', [null], { a: null }, '0001-01-01T00:00:00Z', '128M', true]
const unusual = fc.oneof(fc.constantFrom(...UNUSUAL), fc.jsonValue({ maxDepth: 2 }))

test('objects that decode without a fault and others are read alike', () => {
  for (const [schema, object] of [[pod, example] as const, [definition, crd] as const]) {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 7 }), unusual, (way, value) => {
        const text = JSON.stringify(replaced(object, way, value))
        // Decoding what was parsed elsewhere takes the walk that can tell of every fault.
        assert.deepEqual(
          outcome(() => decodeObject(schema, text)),
          outcome(() => decodeValue(schema, JSON.parse(text))),
        )
      }),
      RUNS,
    )
  }
})

test('who owns a new object does not depend on those before it', () => {
  const owners = (schema: typeof pod, object: object): unknown =>
    ownersOfNew({ schema, apiVersion: 'v1', subresource: '', now: '' }, { ...object }, 'm')
  for (const [schema, object] of [[pod, example] as const, [definition, crd] as const]) {
    let shared = 0
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 7 }), unusual, (way, value) => {
        let decoded: object
        try {
          decoded = decodeObject(schema, JSON.stringify(replaced(object, way, value))).object
        } catch {
          return
        }
        // A schema of its own has seen no objects yet.
        assert.equal(
          JSON.stringify(owners(schema, decoded)),
          JSON.stringify(owners({ ...schema, fields: schema.fields, members: schema.members }, decoded)),
        )
        const [first, second] = [owners(schema, decoded), owners(schema, decoded)] as { fieldsV1: object }[][]
        if (first?.[0] !== undefined && first[0].fieldsV1 === second?.[0]?.fieldsV1) shared++
      }),
      { ...RUNS, numRuns: 800 },
    )
    assert.ok(shared > 50, `${shared} sets were taken from objects before`)
  }
})

test('JSON of any shape', () => {
  fc.assert(
    fc.property(fc.json(), text => only(() => decodeObject(pod, `{"metadata":${text},"spec":${text}}`), DecodeError)),
    { ...RUNS, numRuns: 500 },
  )
})
