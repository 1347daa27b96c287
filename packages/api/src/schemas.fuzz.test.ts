/** Whatever bytes arrive, decoders answer with an object or with their own errors. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  DecodeError,
  decodeObject,
  decodeProtobuf,
  encodeProtobuf,
  JsonSyntaxError,
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

test('JSON of any shape', () => {
  fc.assert(
    fc.property(fc.json(), text => only(() => decodeObject(pod, `{"metadata":${text},"spec":${text}}`), DecodeError)),
    { ...RUNS, numRuns: 500 },
  )
})
