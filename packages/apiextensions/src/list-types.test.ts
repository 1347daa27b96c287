import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import { fieldErrorText } from '@canopus/apimachinery'
import { checkListTypes } from './list-types.ts'
import { validateValue } from './values.ts'

const text: JSONSchemaProps = { type: 'string' }
const set: JSONSchemaProps = { type: 'array', 'x-kubernetes-list-type': 'set', items: text }
const entry: JSONSchemaProps = { type: 'object', properties: { key: text, n: { type: 'integer', maximum: 5 } } }
const map: JSONSchemaProps = {
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['key'],
  maxItems: 2,
  items: entry,
}
const schema: JSONSchemaProps = {
  type: 'object',
  properties: {
    apiVersion: { type: 'string', pattern: '^v1$' },
    set,
    map,
    more: { type: 'object', additionalProperties: set },
    plain: { type: 'array', maxItems: 1, items: text },
  },
}

/** The new value, the old one, and what is said. */
const twice: readonly [object, object | undefined, string[]][] = [
  [{ set: ['a', 'b', 'a', 'a'] }, undefined, ['set[2]: Duplicate value: "a"']],
  [{ map: [{ key: 'a' }, { key: 'b' }, { key: 'a', n: 1 }] }, undefined, ['map[2]: Duplicate value: {"key":"a"}']],
  [{ more: { x: ['a', 'a'] } }, undefined, ['more[x][1]: Duplicate value: "a"']],
  [{ plain: ['a', 'a'] }, undefined, []],
  [{ set: ['a', 'a'] }, { set: ['a'] }, ['set[1]: Duplicate value: "a"']],
  [{ set: ['a', 'a', 'b'] }, { set: ['a', 'a'] }, []],
  [{ set: ['a', 'a'] }, { map: [{ key: 'a' }, { key: 'a' }] }, []],
]

const three = [{ key: 'a', n: 9 }, { key: 'b' }, { key: 'c' }]
const kept: readonly [object, object, number][] = [
  [{ map: three, i: 1 }, { map: three }, 0],
  [{ map: [three[2], three[1], three[0]], i: 1 }, { map: three }, 0],
  [{ map: [three[2], three[1], { key: 'd' }], i: 1 }, { map: three }, 1],
  [{ map: [three[2], three[1], { key: 'a', n: 8 }], i: 1 }, { map: three }, 2],
  [{ plain: ['a', 'b'], i: 1 }, { plain: ['a', 'b'] }, 0],
  [{ plain: ['b', 'a'], i: 1 }, { plain: ['a', 'b'] }, 1],
  [{ apiVersion: 'v2', i: 1 }, { apiVersion: 'v2' }, 1],
]

describe('list types', () => {
  for (const [value, old, expected] of twice)
    it(`${JSON.stringify(value)} instead of ${JSON.stringify(old)}`, () =>
      assert.deepEqual(checkListTypes(schema, value, old).map(fieldErrorText), expected))

  for (const [value, old, count] of kept)
    it(`${JSON.stringify(value)} instead of ${JSON.stringify(old)} has ${count} findings`, () =>
      assert.equal(validateValue(schema, value, '', old).length, count))
})
