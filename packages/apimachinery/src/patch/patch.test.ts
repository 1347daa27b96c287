import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { deepFreeze } from '../clone.ts'
import type { JsonObject } from '../json/json-object.ts'
import { encodeJson } from '../json/stringify.ts'
import { applyJsonPatch } from './json-patch.ts'
import { applyMergePatch, createMergePatch } from './merge-patch.ts'
import type { MergeField, MergeSchema } from './merge-schema.ts'
import { applyStrategicMergePatch } from './strategic-merge.ts'

type Case = [original: JsonObject, patch: unknown, expected: JsonObject]

test('merge patches: the examples of RFC 7386 and more', () => {
  const cases: Case[] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{ a: [1] }, { a: [{ b: null, c: [{ d: null }, null] }] }, { a: [{ c: [{}, null] }] }],
  ]
  for (const [original, patch, expected] of cases) {
    assert.deepEqual(applyMergePatch(deepFreeze(original), deepFreeze(patch)), expected)
  }
  assert.throws(() => applyMergePatch({}, ['c']), { name: 'PatchError', kind: 'malformed' })
})

/** RFC 7386 section 2, written as plainly as its pseudo-code; objects in lists lose their nulls too. */
function oracle(target: unknown, patch: unknown): unknown {
  if (Array.isArray(patch)) return patch.map(each => oracle(undefined, each))
  if (typeof patch !== 'object' || patch === null) return patch
  const result = new Map(
    typeof target === 'object' && target !== null && !Array.isArray(target) ? Object.entries(target) : [],
  )
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key)
    else result.set(key, oracle(result.get(key), value))
  }
  return Object.fromEntries(result)
}

const key = fc.constantFrom('a', 'b', 'c', '__proto__', 'x/y', 'm~n')
const json = fc.letrec<{ value: unknown; object: JsonObject }>(tie => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, 1, 'text', 0),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc
    .array(fc.tuple(key, tie('value')), { maxLength: 4 })
    .map(entries => Object.fromEntries(entries) as JsonObject),
}))

test('merge patches do what the RFC says, but for nulls in lists, whatever the objects', () => {
  fc.assert(
    fc.property(json.object, json.object, (target, patch) => {
      assert.deepEqual(applyMergePatch(deepFreeze(target), deepFreeze(patch)), oracle(target, patch))
    }),
  )
})

test('a made merge patch leads from one object to the other', () => {
  const stripped = (value: JsonObject): JsonObject => applyMergePatch({}, value)
  fc.assert(
    fc.property(json.object, json.object, (a, b) => {
      const [original, modified] = [stripped(a), stripped(b)]
      const patch = createMergePatch(deepFreeze(original), deepFreeze(modified))
      assert.deepEqual(applyMergePatch(original, patch), modified)
      assert.deepEqual(createMergePatch(original, original), {})
    }),
  )
})

test('JSON patches: all operations', () => {
  const cases: Case[] = [
    [{ foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { foo: 'bar', baz: 'qux' }],
    [{ foo: ['bar', 'baz'] }, [{ op: 'add', path: '/foo/1', value: 'qux' }], { foo: ['bar', 'qux', 'baz'] }],
    [{ foo: ['bar'] }, [{ op: 'add', path: '/foo/-', value: ['x'] }], { foo: ['bar', ['x']] }],
    [{ foo: ['a', 'b'] }, [{ op: 'remove', path: '/foo/0' }], { foo: ['b'] }],
    [{ foo: ['a', 'b'] }, [{ op: 'remove', path: '/foo/-1' }], { foo: ['a'] }],
    [{ a: 1, b: 2 }, [{ op: 'remove', path: '/a' }], { b: 2 }],
    [{ a: 1 }, [{ op: 'replace', path: '/a', value: null }], { a: null }],
    [{ a: { b: 1 }, c: {} }, [{ op: 'move', from: '/a/b', path: '/c/d' }], { a: {}, c: { d: 1 } }],
    [{ a: ['x', 'y', 'z'] }, [{ op: 'move', from: '/a/0', path: '/a/2' }], { a: ['y', 'z', 'x'] }],
    [{ a: { b: 1 } }, [{ op: 'copy', from: '/a', path: '/c' }], { a: { b: 1 }, c: { b: 1 } }],
    [
      { 'x/y': 1, 'm~n': 2 },
      [
        { op: 'remove', path: '/x~1y' },
        { op: 'remove', path: '/m~0n' },
      ],
      {},
    ],
    [{ a: { b: [1] } }, [{ op: 'test', path: '/a/b', value: [1] }], { a: { b: [1] } }],
    [{ a: 1 }, [{ op: 'test', path: '/gone', value: null }], { a: 1 }],
    [{ a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }], { b: 2 }],
    [{ a: 1 }, [{ op: 'replace', path: '/new', value: 2 }], { a: 1, new: 2 }],
    [{ a: 1 }, [{ op: 'copy', from: '/gone', path: '/b' }], { a: 1, b: null }],
    [
      { a: { b: 1 } },
      [
        { op: 'copy', from: '/a', path: '/c' },
        { op: 'replace', path: '/c/b', value: 2 },
      ],
      { a: { b: 1 }, c: { b: 2 } },
    ],
    [{}, [], {}],
    [{ n: 2n ** 60n }, [{ op: 'copy', from: '/n', path: '/m' }], { n: 2n ** 60n, m: 2n ** 60n }],
  ]
  for (const [original, patch, expected] of cases) {
    assert.deepEqual(applyJsonPatch(deepFreeze(original), deepFreeze(patch)), expected, encodeJson(patch))
  }
})

test('JSON patches that do not fit are refused', () => {
  const document = deepFreeze({ a: { b: [1, 2] }, s: 'text' })
  const cases: [patch: unknown, kind: string, message: string][] = [
    [{}, 'malformed', 'json: cannot unmarshal object into Go value of type jsonpatch.Patch'],
    [[1], 'malformed', 'json: cannot unmarshal number into Go value of type jsonpatch.Operation'],
    [[null], 'unprocessable', 'Unexpected kind: unknown'],
    [[{ op: 1, path: '/a' }], 'unprocessable', 'Unexpected kind: unknown'],
    [[{ op: 'jump', path: '/a' }], 'unprocessable', 'Unexpected kind: jump'],
    [[{ op: 'add' }], 'unprocessable', 'add operation failed to decode path: missing value'],
    [
      [{ op: 'add', path: '/x/y', value: 1 }],
      'unprocessable',
      'add operation does not apply: doc is missing path: "/x/y": missing value',
    ],
    [
      [{ op: 'remove', path: '/x' }],
      'unprocessable',
      "error in remove for path: '/x': Unable to remove nonexistent key: x: missing value",
    ],
    [
      [{ op: 'replace', path: '/a/b/9', value: 1 }],
      'unprocessable',
      'replace operation does not apply: doc is missing key: /a/b/9: missing value',
    ],
    [
      [{ op: 'add', path: '/a/b/x', value: 1 }],
      'unprocessable',
      `error in add for path: '/a/b/x': value was not a proper array index: 'x': strconv.Atoi: parsing "x": invalid syntax`,
    ],
    [
      [{ op: 'move', from: '/a/x', path: '/z' }],
      'unprocessable',
      "error in move for path: 'x': Unable to remove nonexistent key: x: missing value",
    ],
    [
      [{ op: 'test', value: 1 }],
      'unprocessable',
      'test operation failed to decode path: operation missing path field: missing value',
    ],
    [[{ op: 'test', path: '/s', value: 'x' }], 'unprocessable', 'testing value /s failed: test failed'],
    [
      [{ op: 'add', path: '/a/b/9', value: 1 }],
      'unprocessable',
      "error in add for path: '/a/b/9': Unable to access invalid index: 9: invalid index referenced",
    ],
    [
      [{ op: 'move', from: '/a', path: '/a/b' }],
      'unprocessable',
      'move operation does not apply: doc is missing destination path: /a/b: missing value',
    ],
    [
      [{ op: 'copy', from: '/x/y', path: '/z' }],
      'unprocessable',
      'copy operation does not apply: doc is missing from path: /x/y: missing value',
    ],
    [
      Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/s', value: 'text' })),
      'tooLarge',
      'The allowed maximum operations in a JSON patch is 10000, got 10001',
    ],
  ]
  for (const [patch, kind, message] of cases) {
    assert.throws(() => applyJsonPatch(document, patch), { name: 'PatchError', kind, message })
  }
  const doubling = Array.from({ length: 60 }, (_, i) => ({ op: 'copy', from: '/a', path: `/a/k${i}` }))
  assert.throws(() => applyJsonPatch({ a: { x: 'y' } }, doubling), { kind: 'tooLarge' })
})

const scalars: MergeField = { strategies: ['merge'] }
const byName = (element?: MergeSchema): MergeField => ({
  strategies: ['merge'],
  mergeKey: 'name',
  ...(element ? { element } : {}),
})
const schemaOf = (fields: Record<string, MergeField>): MergeSchema => ({ field: name => fields[name] })
const container = schemaOf({
  env: byName(),
  ports: { strategies: ['merge'], mergeKey: 'containerPort' },
})
const schema = schemaOf({
  containers: byName(container),
  volumes: { strategies: ['merge', 'retainKeys'], mergeKey: 'name' },
  finalizers: scalars,
  strategy: { strategies: ['retainKeys'] },
  wholesale: { strategies: ['replace'] },
  spec: { strategies: [], element: schemaOf({ containers: byName(container) }) },
})

test('strategic merge patches', () => {
  const a = { name: 'a', image: '1' }
  const b = { name: 'b', image: '2' }
  const cases: [what: string, ...Case][] = [
    ['scalars', { x: 1, y: 2 }, { x: 3, y: null }, { x: 3 }],
    ['new objects lose nulls', {}, { m: { a: null, b: 1 } }, { m: { b: 1 } }],
    ['maps merge', { labels: { a: '1' } }, { labels: { b: '2' } }, { labels: { a: '1', b: '2' } }],
    [
      'list items merge by key',
      { containers: [a, b] },
      { containers: [{ name: 'b', image: '9' }] },
      {
        containers: [a, { name: 'b', image: '9' }],
      },
    ],
    ['new items come first without an order', { containers: [a] }, { containers: [b] }, { containers: [b, a] }],
    ['delete an item', { containers: [a, b] }, { containers: [{ name: 'a', $patch: 'delete' }] }, { containers: [b] }],
    ['replace the list', { containers: [a] }, { containers: [b, { $patch: 'replace' }] }, { containers: [b] }],
    ['replace a map', { m: { a: 1 } }, { m: { b: 2, $patch: 'replace' } }, { m: { b: 2 } }],
    ['delete a map', { m: { a: 1 } }, { m: { $patch: 'delete' } }, { m: {} }],
    ['lists without a strategy are replaced', { args: ['a'] }, { args: ['b'] }, { args: ['b'] }],
    ['a strategy of replace', { wholesale: { a: 1 } }, { wholesale: { b: 1 } }, { wholesale: { b: 1 } }],
    ['scalars merge', { finalizers: ['a', 'b'] }, { finalizers: ['c', 'b'] }, { finalizers: ['c', 'a', 'b'] }],
    [
      'scalars go',
      { finalizers: ['a', 'b', 'c'] },
      { '$deleteFromPrimitiveList/finalizers': ['b'] },
      {
        finalizers: ['a', 'c'],
      },
    ],
    [
      'retain keys',
      { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } },
      { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
      { strategy: { type: 'Recreate' } },
    ],
    [
      'retain keys in list items',
      { volumes: [{ name: 'v', emptyDir: {} }] },
      { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/' } }] },
      { volumes: [{ name: 'v', hostPath: { path: '/' } }] },
    ],
    [
      'order without changes',
      { containers: [a, b] },
      { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] },
      { containers: [b, a] },
    ],
    [
      'order, with items of others kept in their places',
      { containers: [{ name: 'x' }, a, { name: 'y' }, b] },
      { '$setElementOrder/containers': [{ name: 'b' }, { name: 'c' }, { name: 'a' }], containers: [{ name: 'c' }] },
      { containers: [{ name: 'x' }, { name: 'y' }, b, { name: 'c' }, a] },
    ],
    [
      'order, where new items take the places of deleted ones',
      { containers: [{ name: 'x' }, a, { name: 'y' }] },
      {
        '$setElementOrder/containers': [{ name: 'a' }, { name: 'c' }],
        containers: [{ name: 'c' }, { name: 'x', $patch: 'delete' }],
      },
      { containers: [a, { name: 'y' }, { name: 'c' }] },
    ],
    [
      'order of scalars',
      { finalizers: ['a', 'b', 'c'] },
      {
        '$setElementOrder/finalizers': ['c', 'd', 'a'],
        finalizers: ['d'],
        '$deleteFromPrimitiveList/finalizers': ['b'],
      },
      { finalizers: ['c', 'd', 'a'] },
    ],
    [
      'numbers as merge keys, nested',
      { spec: { containers: [{ name: 'a', ports: [{ containerPort: 80 }, { containerPort: 81 }] }] } },
      { spec: { containers: [{ name: 'a', ports: [{ containerPort: 80, name: 'http' }] }] } },
      {
        spec: { containers: [{ name: 'a', ports: [{ containerPort: 80, name: 'http' }, { containerPort: 81 }] }] },
      },
    ],
    ['directives in new parts vanish', {}, { containers: [a, { name: 'z', $patch: 'delete' }] }, { containers: [a] }],
    [
      'a list in place of nothing',
      {},
      { '$setElementOrder/containers': [{ name: 'a' }], containers: [a] },
      {
        containers: [a],
      },
    ],
  ]
  for (const [what, original, patch, expected] of cases) {
    assert.deepEqual(applyStrategicMergePatch(deepFreeze(original), deepFreeze(patch), schema), expected, what)
  }
})

test('what is new in a list comes in as it is, nulls and directives too', () => {
  const live = { containers: [{ name: 'a' }] }
  for (const item of [{ name: null }, { name: 'b', image: null, $retainKeys: ['name'] }]) {
    const patched = applyStrategicMergePatch(live, { containers: [item] }, schema)
    assert.deepEqual(patched.containers, [item, { name: 'a' }])
  }
})

test('strategic merge patches that do not fit are refused', () => {
  const cases: [original: JsonObject, patch: unknown, message: string][] = [
    [
      { containers: [{ name: 'a' }] },
      { containers: [{ image: 'x' }] },
      'map: map[image:x] does not contain declared merge key: name',
    ],
    [
      { containers: [{ name: 'a' }] },
      { containers: [{ name: 'a', $patch: null }] },
      'unknown patch type: %!s(<nil>) in map: map[$patch:<nil> name:a]',
    ],
    [{ containers: [{ name: 'a' }] }, { '$setElementOrder/containers': [null] }, 'value for key 0 is not a map'],
    [{ m: {} }, { m: { $patch: 'merge' } }, 'unknown patch type: merge in map: map[$patch:merge]'],
    [
      { containers: [{ name: 'a' }] },
      { containers: [{ name: 'a', $patch: 'merge' }] },
      'merging lists cannot yet be specified in the patch',
    ],
    [{ strategy: {} }, { strategy: { $retainKeys: ['a'], b: 1 } }, 'invalid patch format of retainKeys'],
    [{ finalizers: ['a'] }, { finalizers: [{ a: 1 }] }, 'list element types are not identical: [[a] [map[a:1]]]'],
    [
      { containers: [] },
      { containers: [{ name: 'b' }], '$setElementOrder/containers': [{ name: 'a' }] },
      "The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
    ],
  ]
  for (const [original, patch, message] of cases) {
    assert.throws(() => applyStrategicMergePatch(original, patch, schema), { name: 'PatchError', message })
  }
  assert.throws(() => applyStrategicMergePatch({}, 'x', schema), { kind: 'malformed' })
  const unnamed = { containers: [{ image: 'x' }] }
  assert.throws(() => applyStrategicMergePatch({ containers: [] }, unnamed, schema), { kind: 'unclassified' })
})

test('without a schema a strategic merge patch is a merge patch', () => {
  fc.assert(
    fc.property(json.object, json.object, (target, patch) => {
      // Nulls inside lists are the one difference.
      const plain = applyMergePatch({}, patch)
      fc.pre(!JSON.stringify(plain).includes('null'))
      assert.deepEqual(applyStrategicMergePatch(deepFreeze(target), plain, undefined), applyMergePatch(target, plain))
    }),
  )
})
