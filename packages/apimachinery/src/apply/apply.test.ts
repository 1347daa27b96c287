import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { deepFreeze } from '../clone.ts'
import { metaFacts } from '../generated/facts.ts'
import type { ManagedFieldsEntry } from '../generated/meta.ts'
import { SchemaSet } from '../schema/schema-set.ts'
import { customResourceSchema } from '../schema/structural.ts'
import { StatusError } from '../status-error.ts'
import { applyConfig } from './apply.ts'
import { addedToNothing, mentioned } from './collect.ts'
import { compare } from './compare.ts'
import {
  canonical,
  difference,
  equalSets,
  type FieldSet,
  intersection,
  isEmptySet,
  leaves,
  pathsOf,
  pathText,
  recursiveDifference,
  union,
} from './field-set.ts'
import { mergeConfig } from './merge.ts'
import { ownersOfNew, ownersOfUpdate, rootOf, type WriteScope } from './ownership.ts'

const objectMeta = new SchemaSet(metaFacts).schemaOf('am.apis.meta.v1.ObjectMeta')
const schema = customResourceSchema(
  {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          size: { type: 'integer' },
          labels: { type: 'object', additionalProperties: { type: 'string' } },
          tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
          args: { type: 'array', items: { type: 'string' } },
          ports: {
            type: 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['port', 'protocol'],
            items: {
              type: 'object',
              properties: {
                port: { type: 'integer' },
                protocol: { type: 'string', default: 'TCP' },
                name: { type: 'string' },
              },
            },
          },
          whole: { type: 'object', 'x-kubernetes-map-type': 'atomic', properties: { a: { type: 'string' } } },
          free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          open: { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: true },
        },
      },
      status: { type: 'object', properties: { ready: { type: 'boolean' } } },
    },
  },
  objectMeta,
  'com.example.v1.Foo',
)

type Obj = Record<string, unknown> & { metadata: Record<string, unknown> }
const scope = (now = '2026-01-01T00:00:00Z'): WriteScope => ({
  schema,
  apiVersion: 'example.com/v1',
  subresource: '',
  now,
})
const foo = (spec: object, metadata: object = {}): Obj => ({
  apiVersion: 'example.com/v1',
  kind: 'Foo',
  metadata: { name: 'a', ...metadata },
  spec,
})

interface State {
  object: Record<string, unknown>
  owners: ManagedFieldsEntry[] | undefined
}
const nothing: State = { object: {}, owners: undefined }

function applied(state: State, spec: object, manager = 'alice', force = false, now?: string): State {
  const { object, managedFields } = applyConfig(scope(now), {
    live: deepFreeze(state.object),
    stored: state.owners,
    config: deepFreeze(foo(spec)),
    manager,
    force,
    objectText: 'default/a; example.com/v1, Kind=Foo',
  })
  return { object: object as Record<string, unknown>, owners: managedFields }
}
function updated(state: State, spec: object, manager = 'bob'): State {
  const next = foo(spec)
  const owners = ownersOfUpdate(scope(), state.object, next, state.owners, undefined, manager)
  return { object: next, owners }
}
const specOf = (state: State): unknown => state.object.spec
const fieldsOf = (state: State, manager: string): string[] =>
  (state.owners ?? [])
    .filter(each => each.manager === manager)
    .flatMap(each => [...pathsOf(each.fieldsV1 as FieldSet)].map(pathText))
function failure(run: () => unknown): StatusError {
  try {
    run()
  } catch (error) {
    if (error instanceof StatusError) return error
    throw error
  }
  assert.fail('nothing was thrown')
}

test('the owner of a new object owns what it says, in the order of upstream', () => {
  const object = foo(
    {
      tags: ['b', 'a'],
      ports: [{ port: 443 }, { port: 80, name: 'http' }],
      labels: { z: '1' },
      whole: { a: 'x' },
      args: ['1'],
      free: { x: { y: [1] } },
      open: { a: 'b', z: {} },
    },
    { uid: 'u', labels: { app: 'x' } },
  )
  const owners = ownersOfNew(scope(), object, 'kubectl-create')!
  assert.equal(
    JSON.stringify(owners[0]!.fieldsV1),
    '{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{".":{},"f:args":{},"f:free":{".":{},"f:x":{".":{},"f:y":{}}},' +
      '"f:labels":{".":{},"f:z":{}},"f:open":{".":{},"f:a":{},"f:z":{}},"f:ports":{".":{},"k:{\\"port\\":80,\\"protocol\\":\\"TCP\\"}":{".":{},"f:name":{},"f:port":{}},' +
      '"k:{\\"port\\":443,\\"protocol\\":\\"TCP\\"}":{".":{},"f:port":{}}},"f:tags":{".":{},"v:\\"a\\"":{},"v:\\"b\\"":{}},"f:whole":{}}}',
  )
  const { fieldsV1: _, ...entry } = owners[0]!
  assert.deepEqual(entry, {
    manager: 'kubectl-create',
    operation: 'Update',
    apiVersion: 'example.com/v1',
    time: '2026-01-01T00:00:00Z',
    fieldsType: 'FieldsV1',
  })
})

test('an applier owns leaves and entries; what it leaves out goes, unless others own it', () => {
  let state = applied(nothing, { size: 1, labels: { a: '1', b: '2' }, ports: [{ port: 80 }] })
  assert.deepEqual(fieldsOf(state, 'alice'), [
    '.spec.size',
    '.spec.labels.a',
    '.spec.labels.b',
    '.spec.ports[port=80,protocol="TCP"]',
    '.spec.ports[port=80,protocol="TCP"].port',
  ])
  state = applied(state, { labels: { b: '2' }, ports: [{ port: 81 }] }, 'carol')
  state = applied(state, { labels: { a: '1' } })
  assert.deepEqual(specOf(state), { labels: { a: '1', b: '2' }, ports: [{ port: 81 }] })
  state = applied(state, {}, 'carol')
  assert.deepEqual(specOf(state), { labels: { a: '1' } })
})

test('conflicts name fields and owners; force takes them', () => {
  let state = updated(applied(nothing, { size: 1, args: ['a'] }), { size: 2, args: ['b'] })
  state = { ...state, owners: state.owners! }
  const error = failure(() => applied(state, { size: 3, args: ['c'] }))
  assert.equal(error.code, 409)
  assert.equal(
    error.message,
    'Apply failed with 2 conflicts: conflicts with "bob" using example.com/v1:\n- .spec.args\n- .spec.size',
  )
  assert.deepEqual(error.status.details, {
    causes: [
      { reason: 'FieldManagerConflict', message: 'conflict with "bob" using example.com/v1', field: '.spec.args' },
      { reason: 'FieldManagerConflict', message: 'conflict with "bob" using example.com/v1', field: '.spec.size' },
    ],
  })
  const one = failure(() => applied(state, { size: 3, args: ['b'] }, 'dave'))
  assert.equal(one.message, 'Apply failed with 1 conflict: conflict with "bob" using example.com/v1: .spec.size')
  const forced = applied(state, { size: 3, args: ['c'] }, 'alice', true)
  assert.deepEqual(specOf(forced), { size: 3, args: ['c'] })
  assert.deepEqual(fieldsOf(forced, 'bob'), [])
})

test('equal values are shared; an update takes what it changes', () => {
  let state = applied(applied(nothing, { size: 1, tags: ['a'] }), { size: 1, tags: ['b'] }, 'carol')
  assert.deepEqual(specOf(state), { size: 1, tags: ['a', 'b'] })
  assert.deepEqual(fieldsOf(state, 'carol'), ['.spec.size', '.spec.tags[="b"]'])
  state = updated(state, { size: 1, tags: ['b'] })
  assert.deepEqual(fieldsOf(state, 'alice'), ['.spec.size'])
  assert.deepEqual(fieldsOf(state, 'bob'), [])
  state = updated(state, { size: 5, tags: ['b'] })
  assert.deepEqual(
    [fieldsOf(state, 'alice'), fieldsOf(state, 'carol'), fieldsOf(state, 'bob')],
    [[], ['.spec.tags[="b"]'], ['.spec.size']],
  )
})

test('applying the same again changes neither times nor objects', () => {
  const first = applied(nothing, { size: 1, labels: { a: '1' } })
  const again = applied(first, { size: 1, labels: { a: '1' } }, 'alice', false, '2027-01-01T00:00:00Z')
  assert.deepEqual(again, first)
  const other = applied(first, { size: 2, labels: { a: '1' } }, 'alice', false, '2027-01-01T00:00:00Z')
  assert.equal(other.owners![0]!.time, '2027-01-01T00:00:00Z')
})

test('an object that nobody tracked belongs to before-first-apply', () => {
  const state: State = { object: foo({ size: 1 }), owners: undefined }
  assert.equal(updated(state, { size: 2 }).owners, undefined)
  const error = failure(() => applied(state, { size: 2 }))
  assert.match(error.message, /conflict with "before-first-apply" using example.com\/v1: \.spec\.size$/)
  assert.deepEqual(fieldsOf(applied(state, { size: 2 }, 'alice', true), 'before-first-apply'), ['.spec'])
})

test('kubectl takes over what client-side apply left', () => {
  const annotation = 'kubectl.kubernetes.io/last-applied-configuration'
  const last = JSON.stringify(foo({ size: 1 }))
  const object = foo({ size: 1, args: ['x'] }, { annotations: { [annotation]: last } })
  const owners = ownersOfNew(scope(), object, 'kubectl-client-side-apply')
  const state: State = { object, owners }
  const error = failure(() => applied(state, { size: 2, args: ['y'] }, 'kubectl'))
  assert.equal(
    error.message,
    'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using example.com/v1: .spec.args',
  )
  const taken = applied(state, { size: 2 }, 'kubectl')
  assert.deepEqual(specOf(taken), { size: 2, args: ['x'] })
  const meta = taken.object.metadata as { annotations: Record<string, string> }
  assert.deepEqual(JSON.parse(meta.annotations[annotation]!), foo({ size: 2 }))
})

test('configurations that do not fit are refused', () => {
  const text = (spec: object): string => failure(() => applied(nothing, spec)).message
  const prefix = 'failed to create typed patch object (default/a; example.com/v1, Kind=Foo): '
  const cases: [object, string][] = [
    [{ nope: 1 }, '.spec.nope: field not declared in schema'],
    [{ size: 'x' }, '.spec.size: expected numeric (int or float), got string'],
    [{ tags: ['a', 'a'] }, '.spec.tags: duplicate entries for key [="a"]'],
    [
      { ports: [{ port: 1 }, { port: 1, protocol: 'TCP' }] },
      '.spec.ports: duplicate entries for key [port=1,protocol="TCP"]',
    ],
    [{ labels: { a: 1 } }, '.spec.labels.a: expected string, got &value.valueUnstructured{Value:1}'],
    [
      { labels: { a: { b: ['c', null] } } },
      '.spec.labels.a: expected string, got &value.valueUnstructured{Value:map[string]interface {}{"b":[]interface {}{"c", interface {}(nil)}}}',
    ],
    [{ labels: ['a', 1] }, '.spec.labels: expected map, got &{[a 1]}'],
    [{ tags: { a: 'b' } }, '.spec.tags: expected list, got &{map[a:b]}'],
  ]
  for (const [spec, expected] of cases) assert.equal(text(spec), prefix + expected)
  const config = foo({}, { managedFields: [] })
  const request = { live: {}, stored: undefined, config, manager: 'a', force: false, objectText: '' }
  assert.equal(failure(() => applyConfig(scope(), request)).message, 'metadata.managedFields must be nil')
})

test('an empty list of owners resets, owners that a client sends count', () => {
  const { object, owners } = applied(nothing, { size: 1 })
  const update = (sent: ManagedFieldsEntry[]): ManagedFieldsEntry[] | undefined =>
    ownersOfUpdate(scope(), object, object, owners, sent, 'bob')
  assert.equal(update([]), undefined)
  assert.equal(update([{}]), undefined)
  const renamed = [{ ...owners![0]!, manager: 'zoe' }]
  assert.deepEqual(update(renamed), renamed)
})

test('more than ten managers of updates are put together', () => {
  let state: State = { object: foo({ labels: {} }), owners: undefined }
  state = { ...state, owners: ownersOfNew(scope(), state.object, 'm0') }
  const labels: Record<string, string> = {}
  for (let i = 1; i <= 14; i++) {
    labels[`l${i}`] = 'x'
    const next = foo({ labels: { ...labels } })
    const now = `2026-01-01T00:00:${String(i).padStart(2, '0')}Z`
    state = { object: next, owners: ownersOfUpdate(scope(now), state.object, next, state.owners, undefined, `m${i}`) }
  }
  assert.equal(state.owners!.length, 10)
  assert.equal(state.owners![0]!.manager, 'ancient-changes')
  assert.equal(fieldsOf(state, 'ancient-changes').includes('.spec.labels.l3'), true)
})

// Properties.

const name = fc.constantFrom('a', 'b', 'c')
const spec = fc.record(
  {
    size: fc.integer({ min: 0, max: 2 }),
    labels: fc.dictionary(name, name, { maxKeys: 3 }),
    tags: fc.uniqueArray(name),
    args: fc.array(name, { maxLength: 2 }),
    ports: fc.uniqueArray(fc.record({ port: fc.integer({ min: 1, max: 3 }), name }, { requiredKeys: ['port'] }), {
      selector: each => each.port,
    }),
    whole: fc.record({ a: name }),
    free: fc.dictionary(name, fc.oneof(name, fc.dictionary(name, name)), { maxKeys: 2 }),
  },
  { requiredKeys: [] },
)

test('property: applying twice is applying once, and nothing applied is lost', () => {
  fc.assert(
    fc.property(spec, spec, spec, (live, first, second) => {
      const base = updated({ object: foo({}), owners: ownersOfNew(scope(), foo({ size: 9 }), 'x') }, live)
      const once = applied(applied(base, first, 'alice', true), second, 'carol', true)
      assert.deepEqual(applied(once, second, 'carol'), once)
      const { modified } = compare(rootOf(schema), foo(second), once.object)
      for (const path of pathsOf(modified)) assert.fail(`${pathText(path)} was lost`)
    }),
    { numRuns: 300 },
  )
})

test('property: what alone an applier brought goes when it applies nothing', () => {
  fc.assert(
    fc.property(spec, config => {
      const { object } = applied(applied(nothing, config), {})
      const left = JSON.stringify(object.spec ?? {}, (_key, value: unknown) => value ?? undefined)
      assert.ok(
        left === '{}' || left === undefined || /^\{("(labels|tags|ports|free)":(\[\]|\{\}),?)*\}$/.test(left),
        left,
      )
    }),
    { numRuns: 300 },
  )
})

test('property: sets behave as sets', () => {
  const setOf = fc.tuple(spec, spec).map(([a, b]) => compare(rootOf(schema), foo(a), foo(b)).added)
  fc.assert(
    fc.property(setOf, setOf, (a, b) => {
      assert.ok(equalSets(union(a, b), union(b, a)))
      assert.ok(equalSets(union(difference(a, b), intersection(a, b)), a))
      assert.ok(isEmptySet(intersection(difference(a, b), b)))
      assert.ok(isEmptySet(recursiveDifference(a, a)))
      assert.ok(equalSets(canonical(union(a, b)), union(a, b)))
      assert.ok(isEmptySet(difference(leaves(a), a)))
      assert.ok(equalSets(JSON.parse(JSON.stringify(a)) as FieldSet, a))
    }),
    { numRuns: 300 },
  )
})

test('property: the quick way for new objects says what comparing says', () => {
  fc.assert(
    fc.property(spec, config => {
      const root = rootOf(schema)
      const object = foo(config, { labels: { b: '1', a: '2' }, finalizers: ['x/y'] })
      const { added, modified } = compare(root, {}, object)
      const quick = addedToNothing(root, object)
      assert.ok(equalSets(quick, union(added, modified)))
      assert.equal(JSON.stringify(quick), JSON.stringify(canonical(quick)))
    }),
    { numRuns: 300 },
  )
})

test('property: what was mentioned before is taken from there, and never changes what is mentioned now', () => {
  fc.assert(
    fc.property(spec, spec, (before, now) => {
      const root = rootOf(schema)
      const known = JSON.parse(JSON.stringify(mentioned(root, foo(before)))) as FieldSet
      const plain = mentioned(root, foo(now))
      const found = mentioned(root, foo(now), deepFreeze(known))
      assert.ok(equalSets(found, plain))
      assert.deepEqual(canonical(found), canonical(plain))
      if (equalSets(known, plain)) assert.equal(found, known)
    }),
    { numRuns: 300 },
  )
})

test('property: what a configuration leaves as it is comes back as the same value', () => {
  fc.assert(
    fc.property(spec, spec, (live, config) => {
      const root = rootOf(schema)
      const object = deepFreeze(foo(live))
      const once = mergeConfig(root, object, foo(config)) as typeof object
      assert.equal(mergeConfig(root, once, foo(config)), once)
      assert.equal(mergeConfig(root, object, foo(live)), object)
    }),
    { numRuns: 300 },
  )
})

test('a map that is emptied stays where it is', () => {
  const full = applied(nothing, { labels: { a: 'b' }, size: 1 })
  const emptied = applied(full, { labels: {} })
  assert.deepEqual(specOf(emptied), { labels: {} })
  assert.deepEqual(fieldsOf(emptied, 'alice'), ['.spec.labels'])
  assert.deepEqual(specOf(applied(full, {})), {})
})

test('owners may be null in a configuration', () => {
  const request = { live: {}, stored: undefined, config: foo({}, { managedFields: null }), manager: 'a', force: false }
  assert.equal(applyConfig(scope(), { ...request, objectText: '' }).managedFields?.length, 1)
})
