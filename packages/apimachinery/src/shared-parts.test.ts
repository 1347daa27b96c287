import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { clone, deepFreeze, withPartsOf } from './index.ts'

const condition = (type: string, at: string) => ({ type, status: 'True', at })

describe('withPartsOf', () => {
  const table: [string, unknown, unknown][] = [
    ['the same', { a: { b: [1, 'x', null] } }, { a: { b: [1, 'x', null] } }],
    ['another scalar', { a: 1, b: { c: [{}] } }, { a: 2, b: { c: [{}] } }],
    ['another scalar at the end', { b: { c: [{}] }, a: 1 }, { b: { c: [{}] }, a: 2 }],
    ['a member more', { b: {} }, { b: {}, c: {} }],
    ['a member less', { b: {}, c: {} }, { b: {} }],
    ['a member that is not there, and one that is nothing', { b: {} }, { b: {}, c: undefined }],
    ['members of other names', { a: undefined, b: {} }, { b: {}, c: undefined }],
    ['another order of keys', { a: {}, b: {} }, { b: {}, a: {} }],
    ['an item more', { a: [{}, {}] }, { a: [{}, {}, {}] }],
    ['an item less', { a: [{}, {}] }, { a: [{}] }],
    ['no items', { a: [{}] }, { a: [] }],
    [
      'an item changed',
      [condition('Ready', 't1'), condition('Done', 't1')],
      [condition('Ready', 't2'), condition('Done', 't1')],
    ],
    ['a list for a map', { a: {} }, { a: [] }],
    ['nothing for a map', { a: {} }, { a: null }],
    ['a map for nothing', { a: null }, { a: {} }],
    ['names of the prototype', {}, { constructor: 'c', toString: {}, hasOwnProperty: [] }],
    ['a key that looks like the prototype', { x: {} }, JSON.parse('{"x":{},"__proto__":{},"y":{}}')],
    ['nothing known', undefined, { a: {} }],
    ['big integers', { a: 2n ** 60n, b: {} }, { a: 2n ** 60n, b: { c: 1 } }],
  ]
  for (const [name, known, value] of table) {
    test(name, () => {
      const expected = clone(value)
      const shared = withPartsOf(deepFreeze(known), deepFreeze(value))
      assert.deepStrictEqual(shared, expected)
      assert.deepStrictEqual(Object.keys(shared as object).sort(), Object.keys(value as object).sort())
    })
  }

  test('what is the same is held once', () => {
    const known = {
      metadata: { name: 'a', labels: { app: 'x' } },
      spec: { containers: [{ name: 'c' }], node: '1' },
      conditions: [condition('Ready', 't1'), condition('Done', 't1')],
    }
    assert.equal(withPartsOf(known, clone(known)), known)
    const next = { ...clone(known), metadata: { name: 'b', labels: { app: 'x' } } }
    next.spec.node = '2'
    next.conditions[0]!.at = 't2'
    const shared = withPartsOf(known, next)
    assert.equal(shared.metadata.labels, known.metadata.labels)
    assert.equal(shared.spec.containers, known.spec.containers)
    assert.notEqual(shared.conditions[0], known.conditions[0])
    assert.equal(shared.conditions[1], known.conditions[1])
    assert.equal(withPartsOf(known, { ...clone(known), more: 1 }).spec, known.spec)
  })

  test('values with an inside of their own are not compared by what can be seen', () => {
    class Hidden {
      readonly #value: number
      constructor(value: number) {
        this.#value = value
      }
      get value(): number {
        return this.#value
      }
    }
    assert.equal(withPartsOf({ a: new Hidden(1) }, { a: new Hidden(2) }).a.value, 2)
  })
})
