import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '@canopus/apimachinery'
import { ObjectStore } from './object-store.ts'

const labelled = (name: string, ...labels: string[]): KubeObject =>
  ({ metadata: { name, namespace: 'n', labels: Object.fromEntries(labels.map(label => [label, ''])) } }) as never

test('an object that changes is under what it says now, in the place that it had', () => {
  const store = new ObjectStore<KubeObject>()
  store.addIndex('label', ({ metadata }) => Object.keys(metadata.labels ?? {}))
  const under = (label: string): string[] => store.byIndex('label', label).map(({ metadata }) => metadata.name)
  for (const name of ['a', 'b']) assert.equal(store.set(labelled(name, 'x', 'y')), undefined)
  const changed = labelled('a', 'y', 'z')
  assert.equal(store.set(changed)?.metadata.name, 'a')
  assert.deepEqual([under('x'), under('y'), under('z')], [['b'], ['a', 'b'], ['a']])
  for (const list of [store.list(), store.list('n'), store.byIndex('label', 'y')]) assert.equal(list[0], changed)
  store.delete('n/a')
  assert.deepEqual([under('y'), under('z'), store.list('n').length], [['b'], [], 1])
})
