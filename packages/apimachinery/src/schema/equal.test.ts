import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metaFacts } from '../generated/facts.ts'
import { equalBySchema } from './equal.ts'
import { SchemaSet } from './schema-set.ts'

const facts = `t.A
 1 count int32 o
 2 name string
 3 maybe int32 po
 4 inner t.B po
 5 own t.B
 6 list [t.B o
 7 labels {:string o
 8 amount am.api.resource.Quantity o
t.B
 1 x string o
`
const schema = new SchemaSet(metaFacts, facts).schemaOf('t.A')

const rows: readonly (readonly [string, object, object, boolean])[] = [
  ['nothing and nothing', {}, {}, true],
  ['zero values of what is no pointer', {}, { count: 0, name: '', own: {} }, true],
  ['null', { list: null }, { labels: null }, true],
  ['empty lists and maps', { list: [], labels: {} }, {}, true],
  ['a pointer to nought', {}, { maybe: 0 }, false],
  ['a pointer to an empty structure', {}, { inner: {} }, false],
  ['an empty structure and one with a zero value', { inner: {} }, { inner: { x: '' } }, true],
  ['items', { list: [{ x: 'a' }] }, { list: [{ x: 'b' }] }, false],
  ['more items', { list: [{}] }, { list: [{}, {}] }, false],
  ['keys', { labels: { a: '' } }, { labels: { b: '' } }, false],
  ['amounts', { amount: '1' }, { amount: '1000m' }, true],
  ['no amount', {}, { amount: '0' }, true],
]

for (const [name, a, b, same] of rows) {
  test(`equal by schema: ${name}`, () => {
    assert.equal(equalBySchema(schema, a, b), same)
    assert.equal(equalBySchema(schema, b, a), same)
  })
}
