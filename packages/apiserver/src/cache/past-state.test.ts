import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { KindCache } from './kind-cache.ts'
import { pastState } from './past-state.ts'

const failed = (error: unknown): never => assert.fail(String(error))
const PREFIX = '/registry/pods/'

/** Names whose keys order otherwise than their namespaces do are among them. */
const key = fc
  .tuple(fc.constantFrom('a', 'a-b', 'b'), fc.constantFrom('1', '2', '3', '30'))
  .map(([namespace, name]) => `${PREFIX}${namespace}/${name}`)

describe('the past of a kind', () => {
  it('is what was there then, whatever has been written and removed since', () => {
    const steps = fc.array(fc.record({ key, remove: fc.boolean() }), { maxLength: 40 })
    fc.assert(
      fc.property(steps, fc.nat(40), key, fc.constantFrom(undefined, 'a', 'b'), (writes, at, from, namespace) => {
        const cache = new KindCache(PREFIX, true, failed)
        cache.reset([], 0)
        const model = new Map<string, number>()
        let past = new Map<string, number>()
        writes.forEach((write, index) => {
          const revision = index + 1
          const value = Buffer.from(`{"metadata":{"resourceVersion":"${model.get(write.key) ?? revision}"}}`)
          const type = write.remove ? 'delete' : 'put'
          cache.apply({ type, key: write.key, value, revision } as never, value)
          if (write.remove) model.delete(write.key)
          else model.set(write.key, revision)
          if (revision <= at) past = new Map(model)
        })
        const expected = [...past]
          .filter(([each]) => each >= from && (namespace === undefined || each.startsWith(`${PREFIX}${namespace}/`)))
          .sort(([a], [b]) => (a < b ? -1 : 1))
        const state = pastState(cache, namespace, from, at)!
        assert.deepEqual(
          [...state.versions()].map(version => [version.key, version.revision]),
          expected,
        )
        assert.equal(state.countFrom(from), expected.length)
        assert.equal(state.countFrom(`${from}\0`), expected.filter(([each]) => each > from).length)
      }),
      { numRuns: 500 },
    )
  })

  it('is forgotten some day', () => {
    const cache = new KindCache(PREFIX, true, failed)
    cache.reset([], 10)
    assert.equal(pastState(cache, undefined, PREFIX, 9), undefined)
    assert.notEqual(pastState(cache, undefined, PREFIX, 10), undefined)
  })
})
