import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { clone } from '../clone.ts'
import { metaFacts } from '../generated/facts.ts'
import type { ManagedFieldsEntry } from '../generated/meta.ts'
import { SchemaSet } from '../schema/schema-set.ts'
import { customResourceSchema } from '../schema/structural.ts'
import { knownText } from './owned-before.ts'
import { ownersOfNew, ownersOfUpdate, type WriteScope } from './ownership.ts'
import type { Plain } from './shape.ts'

const text = { type: 'string' }
const list = (key: string): object => ({
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': [key],
  items: {
    type: 'object',
    properties: { [key]: text, state: text, more: { type: 'object', properties: { a: text } } },
  },
})
const status = {
  type: 'object',
  properties: {
    phase: text,
    addresses: list('ip'),
    conditions: list('type'),
    tags: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
    whole: { type: 'object', 'x-kubernetes-map-type': 'atomic', properties: { a: text } },
  },
}
const objectMeta = new SchemaSet(metaFacts).schemaOf('am.apis.meta.v1.ObjectMeta')
const custom = customResourceSchema({ type: 'object', properties: { status } }, objectMeta, 'com.example.v1.Foo')
/** As a built-in kind has it: another schema knows nothing of what was seen with the last. */
const newSchema = (): typeof custom => ({ ...custom, goType: 'Foo' })
const scope = (schema: typeof custom, now: string): WriteScope => ({
  schema,
  apiVersion: 'example.com/v1',
  subresource: '',
  now: `2026-01-01T00:00:${now}Z`,
})
const foo = (state: object): Plain => ({ metadata: { name: 'x' }, status: state })

interface Step {
  readonly live: object
  readonly next: object
}

/** The owners of one object after it was made and changed. */
function ownersAfter(schema: typeof custom, { live, next }: Step, writer = 'b'): ManagedFieldsEntry[] | undefined {
  const first = ownersOfNew(scope(schema, '00'), foo(live), 'a')
  return ownersOfUpdate(scope(schema, '01'), foo(live), foo(next), first, undefined, writer)
}

const shown = (owners: ManagedFieldsEntry[] | undefined): string => JSON.stringify(owners)

describe('a change like one before', () => {
  const pod = (ip: string): Step => ({
    live: { phase: 'Pending', conditions: [{ type: 'Scheduled', state: 'True' }] },
    next: {
      phase: 'Running',
      addresses: [{ ip }],
      conditions: [
        { type: 'Ready', state: 'True' },
        { type: 'Scheduled', state: 'True' },
      ],
    },
  })
  const leaf = (a: string, b: string): Step => ({ live: { phase: a }, next: { phase: b } })
  const cases: [name: string, steps: Step[]][] = [
    ['with other addresses', [pod('10.0.0.1'), pod('10.0.0.2'), pod('10.0.0.3'), pod('a"b\\c')]],
    ['is one no more where nothing changes', [leaf('a', 'b'), leaf('a', 'c'), leaf('b', 'b'), leaf('c', 'b')]],
    [
      'is one no more with two addresses',
      [pod('1'), pod('2'), { ...pod('3'), next: { addresses: [{ ip: '4' }, { ip: '3' }] } }],
    ],
    [
      'is one no more where the address was there',
      [pod('1'), pod('2'), { live: { addresses: [{ ip: '3' }] }, next: { addresses: [{ ip: '3', state: 'x' }] } }],
    ],
    [
      'is one no more where entries swap',
      [
        { live: { conditions: [{ type: 'A' }, { type: 'B' }] }, next: { conditions: [{ type: 'B' }] } },
        { live: { conditions: [{ type: 'A' }, { type: 'B' }] }, next: { conditions: [{ type: 'B' }] } },
        { live: { conditions: [{ type: 'B' }, { type: 'A' }] }, next: { conditions: [{ type: 'B' }] } },
        { live: { conditions: [{ type: 'A' }, { type: 'B' }] }, next: { conditions: [{ type: 'A' }] } },
      ],
    ],
  ]
  for (const [name, steps] of cases) {
    test(name, () => {
      const schema = newSchema()
      for (const step of steps) assert.equal(shown(ownersAfter(schema, step)), shown(ownersAfter(newSchema(), step)))
    })
  }

  test('is remembered with its text, from the second on', () => {
    const schema = newSchema()
    const texts = ['1', '2', '3', '4'].map(ip => {
      const { fieldsV1 } = ownersAfter(schema, pod(ip))!.find(each => each.manager === 'b')!
      assert.ok(knownText(fieldsV1!) === undefined || knownText(fieldsV1!) === JSON.stringify(fieldsV1))
      return knownText(fieldsV1!) !== undefined
    })
    assert.deepEqual(texts, [false, true, true, true])
  })

  test('keeps the times of those who do not write, and gives its own to who does', () => {
    const schema = newSchema()
    for (let i = 0; i < 4; i++) {
      const owners = ownersAfter(schema, leaf('a', String(i)))!
      assert.deepEqual(
        owners.map(({ manager, time }) => [manager, time]),
        [['b', '2026-01-01T00:00:01Z']],
      )
      const both = ownersAfter(schema, pod(String(i)))!
      assert.deepEqual(
        both.map(({ manager, time }) => [manager, time?.slice(-3)]),
        [
          ['a', '00Z'],
          ['b', '01Z'],
        ],
      )
      // A second in which both write tells nothing of who does.
      const first = ownersOfNew(scope(schema, '00'), foo({ phase: 'a', tags: ['t'] }), 'a')
      const now = i < 2 ? '00' : '05'
      const same = ownersOfUpdate(
        scope(schema, now),
        foo({ phase: 'a', tags: ['t'] }),
        foo({ phase: 'b', tags: ['t'] }),
        first,
        undefined,
        'a',
      )!
      assert.deepEqual(
        same.map(({ time }) => time?.slice(-3)),
        [`${now}Z`],
      )
    }
  })
})

const word = fc.constantFrom('', 'a', 'b')
const more = fc.record({ a: word }, { requiredKeys: [] })
const entries = (key: string): fc.Arbitrary<object[]> =>
  fc.uniqueArray(
    fc.record({ [key]: word, state: word, more } as Record<string, fc.Arbitrary<unknown>>, { requiredKeys: [key] }),
    {
      selector: each => (each as Record<string, unknown>)[key],
      maxLength: 2,
    },
  ) as fc.Arbitrary<object[]>
const anyState = fc.record(
  {
    phase: word,
    addresses: entries('ip'),
    conditions: entries('type'),
    tags: fc.uniqueArray(word, { maxLength: 2 }),
    whole: more,
  },
  { requiredKeys: [] },
)

test('property: owners are the same whether or not changes like it were seen', () => {
  const schema = newSchema()
  fc.assert(
    fc.property(anyState, anyState, fc.constantFrom('a', 'b'), (live, next, writer) => {
      const expected = shown(ownersAfter(newSchema(), { live, next }, writer))
      // Seen three times, it is remembered; then those that were remembered meet all others.
      for (let i = 0; i < 3; i++) assert.equal(shown(ownersAfter(schema, clone({ live, next }), writer)), expected)
    }),
    { numRuns: 400 },
  )
})
