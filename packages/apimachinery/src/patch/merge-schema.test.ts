import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SchemaSet } from '../schema/schema-set.ts'
import { mergeSchemaOf } from './merge-schema.ts'
import { applyStrategicMergePatch } from './strategic-merge.ts'

const schemas = new SchemaSet(`Kind kind
 1 items [Entry - s=merge,retainKeys;m=name
 2 tags [string - s=merge
 3 plain [Entry
 4 groups {:Entry
Entry
 1 name string
 2 ports [Port - s=merge;m=port
Port
 1 port int32
 2 label string`)

const schema = mergeSchemaOf(schemas.schemaOf('Kind'))

test('merge rules come from the facts of the schema', () => {
  assert.deepEqual(schema?.field('items')?.strategies, ['merge', 'retainKeys'])
  assert.equal(schema?.field('items')?.mergeKey, 'name')
  assert.equal(schema?.field('items')?.element?.field('ports')?.mergeKey, 'port')
  assert.equal(schema?.field('groups')?.element?.field('any')?.element?.field('ports')?.mergeKey, 'port')
  assert.equal(schema?.field('nothing'), undefined)
  assert.equal(schema?.field('items'), schema?.field('items'), 'made once')
})

test('a patch is merged by them, at every depth', () => {
  const original = {
    items: [{ name: 'a', ports: [{ port: 1, label: 'x' }] }],
    plain: [{ name: 'p' }],
    groups: { g: { name: 'g', ports: [{ port: 1 }] } },
    tags: ['t'],
  }
  const patch = {
    items: [{ name: 'a', ports: [{ port: 2 }] }],
    plain: [{ name: 'q' }],
    groups: { g: { ports: [{ port: 1, label: 'y' }] } },
    tags: ['u'],
  }
  assert.deepEqual(applyStrategicMergePatch(original, patch, schema), {
    items: [{ name: 'a', ports: [{ port: 2 }, { port: 1, label: 'x' }] }],
    plain: [{ name: 'q' }],
    groups: { g: { name: 'g', ports: [{ port: 1, label: 'y' }] } },
    tags: ['u', 't'],
  })
})
