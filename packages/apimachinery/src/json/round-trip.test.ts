import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseJson } from './parse.ts'
import { afterRoundTrip, sharedAfterRoundTrip } from './round-trip.ts'
import { encodeJson } from './stringify.ts'

test('fields without a value are missing, everything else is a copy', () => {
  const given = { a: undefined, b: [1, { c: null, d: undefined }], __proto: 'x' }
  const got = afterRoundTrip(given)
  assert.deepEqual(got, { b: [1, { c: null }], __proto: 'x' })
  assert.notEqual(got!.b, given.b)
})

test('nothing is said of what would come back as something else', () => {
  for (const value of [1n, 1e17, Number.NaN, '\ud800', new Date(0), [undefined]]) {
    assert.equal(afterRoundTrip({ a: [value] }), undefined)
    assert.equal(sharedAfterRoundTrip({ a: [value] }), undefined)
  }
})

test('of what does not change only those parts are made anew in which something is missing', () => {
  const whole = { a: [{ b: 1 }], c: 'x' }
  assert.equal(sharedAfterRoundTrip(whole), whole)
  const given = { whole, list: [whole, { kept: whole, d: undefined, e: 1 }], none: undefined }
  const got = sharedAfterRoundTrip(given)!
  assert.deepEqual(got, { whole, list: [whole, { kept: whole, e: 1 }] })
  assert.equal(got.whole, whole)
  assert.equal(got.list[0], whole)
  assert.equal((got.list[1] as { kept: unknown }).kept, whole)
  assert.ok('none' in given && 'd' in given.list[1]!, 'what was given is as it was')
})

test('property: the copy is what the text gives', () => {
  fc.assert(
    fc.property(
      fc.object({
        values: [fc.jsonValue(), fc.constant(undefined), fc.double(), fc.string()],
        withNullPrototype: false,
      }),
      value => {
        for (const copy of [afterRoundTrip(value), sharedAfterRoundTrip(value)]) {
          if (copy !== undefined) assert.deepEqual(normal(copy), normal(parseJson(encodeJson(value))))
        }
      },
    ),
    { numRuns: 500 },
  )
})

/** There is no negative zero in JSON as JavaScript writes it. */
const normal = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
