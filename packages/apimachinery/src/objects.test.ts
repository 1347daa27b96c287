import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { clone, deepFreeze } from './clone.ts'
import { type ConditionLike, findCondition, isConditionTrue, removeCondition, setCondition } from './conditions.ts'
import { deepEqual, semanticEqual } from './equality.ts'
import { hasFinalizer, withFinalizer, withoutFinalizer } from './finalizers.ts'
import { fnv1a32, fnv1x64, safeEncode, stableJson } from './hash.ts'
import { controllerOf, controllerReference, isControlledBy, ownerReference, sameOwner } from './owner.ts'

const meta = (name: string, uid: string) => ({ metadata: { name, uid, resourceVersion: '', creationTimestamp: '' } })
const replicaSet = { group: 'apps', version: 'v1', kind: 'ReplicaSet' }

test('clones are equal, separate and deep', () => {
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      const original = deepFreeze(value)
      const copy = clone(original)
      assert.deepEqual(JSON.parse(JSON.stringify(copy)), JSON.parse(JSON.stringify(original)))
      assert.equal(deepEqual(copy, original), true)
      if (typeof original === 'object' && original !== null) assert.notEqual(copy, original)
    }),
  )
  const tricky = JSON.parse('{"__proto__": {"polluted": true}}') as object
  assert.equal(JSON.stringify(clone(tricky)), '{"__proto__":{"polluted":true}}')
  assert.equal('polluted' in {}, false)
})

test('semantic equality takes missing and empty for the same', () => {
  const equal: [unknown, unknown][] = [
    [{ a: [] }, {}],
    [{ a: {} }, { a: undefined }],
    [{ a: null }, { a: [] }],
    [
      { a: 1, b: [2] },
      { b: [2], a: 1 },
    ],
    [undefined, {}],
    [{ a: { b: [] } }, {}],
  ]
  const different: [unknown, unknown][] = [
    [{ a: '' }, {}],
    [{ a: 0 }, {}],
    [{ a: [1, 2] }, { a: [2, 1] }],
    [{ a: [] }, { a: 'x' }],
    [{ a: { b: 1 } }, { a: { b: 1, c: 2 } }],
    [['x'], { 0: 'x' }],
  ]
  for (const [a, b] of equal) assert.equal(semanticEqual(a, b) && semanticEqual(b, a), true, JSON.stringify([a, b]))
  for (const [a, b] of different)
    assert.equal(semanticEqual(a, b) || semanticEqual(b, a), false, JSON.stringify([a, b]))
  assert.equal(deepEqual({ a: [] }, {}), false)
  assert.equal(deepEqual([1, { b: 2 }], [1, { b: 2 }]), true)
})

test('conditions keep the time of their last transition', () => {
  const ready: ConditionLike = { type: 'Ready', status: 'True', lastTransitionTime: 't0' }
  const list: readonly ConditionLike[] = setCondition<ConditionLike>(
    [ready],
    { type: 'Ready', status: 'True', reason: 'Fine' },
    't1',
  )
  assert.deepEqual(list, [{ type: 'Ready', status: 'True', reason: 'Fine', lastTransitionTime: 't0' }])
  assert.deepEqual(
    setCondition<ConditionLike>(list, { type: 'Ready', status: 'False' }, 't2')[0]?.lastTransitionTime,
    't2',
  )
  assert.equal(setCondition<ConditionLike>(list, { type: 'Ready', status: 'True', reason: 'Fine' }, 't3'), list)
  const both = setCondition<ConditionLike>(list, { type: 'Other', status: 'False' }, 't4')
  assert.deepEqual(findCondition(both, 'Other'), { type: 'Other', status: 'False', lastTransitionTime: 't4' })
  assert.deepEqual([isConditionTrue(both, 'Ready'), isConditionTrue(both, 'Other')], [true, false])
  assert.deepEqual(removeCondition(both, 'Other'), list)
  assert.equal(removeCondition(list, 'Other'), list)
})

test('owners', () => {
  const owner = meta('rs', 'u1')
  const reference = controllerReference(owner, replicaSet)
  assert.deepEqual(reference, {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: 'rs',
    uid: 'u1',
    controller: true,
    blockOwnerDeletion: true,
  })
  const pod = { metadata: { ...meta('p', 'u2').metadata, ownerReferences: [reference] } }
  assert.equal(controllerOf(pod), reference)
  assert.equal(isControlledBy(pod, owner), true)
  assert.equal(isControlledBy(pod, meta('rs', 'u3')), false)
  assert.equal(controllerOf(owner), undefined)
  const plain = ownerReference(owner, { ...replicaSet, version: 'v1beta1' })
  assert.equal(sameOwner(plain, reference), true)
})

test('finalizers', () => {
  assert.deepEqual(withFinalizer(undefined, 'a'), ['a'])
  assert.deepEqual(withFinalizer(['a'], 'a'), ['a'])
  assert.deepEqual(withoutFinalizer(['a', 'b'], 'a'), ['b'])
  assert.equal(hasFinalizer({ metadata: { finalizers: ['a'] } }, 'a'), true)
})

test('hashes', () => {
  // Published vectors of FNV-1a.
  assert.equal(fnv1x64('foobar'), 0x340d8765a4dda9c2n)
  assert.equal(fnv1a32(''), 0x811c9dc5)
  assert.equal(fnv1a32('a'), 0xe40c292c)
  assert.equal(fnv1a32('foobar'), 0xbf9cf968)
  assert.equal(safeEncode('01'), '45')
  assert.equal(stableJson({ big: 2n ** 60n }), '{"big":1152921504606846976}')
  assert.equal(stableJson({ b: [1, 'x'], a: null, c: { z: 1, y: 2 } }), '{"b":[1,"x"],"c":{"y":2,"z":1}}')
})
