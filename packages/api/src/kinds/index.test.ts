import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apiVersionOf, groupResourceOf } from '@canopus/apimachinery'
import { allResourceTypes } from '../resources.ts'
import { schemas } from '../schemas.ts'
import { builtInKinds, virtualKinds } from './index.ts'

const addressOf = (type: { group: string; version: string; plural: string }): string =>
  `${apiVersionOf(type)}/${type.plural}`

test('every address has exactly one kind', () => {
  const addresses = [...builtInKinds, ...virtualKinds].map(kind => addressOf(kind.type)).sort()
  assert.deepEqual(addresses, allResourceTypes.map(addressOf).sort())
})

test('stored kinds can be listed, virtual ones cannot be watched', () => {
  for (const kind of builtInKinds) assert.ok(kind.type.verbs.includes('list'), kind.message)
  for (const kind of virtualKinds) assert.ok(!kind.type.verbs.includes('watch'), kind.message)
})

test('messages are in the facts table', () => {
  for (const kind of [...builtInKinds, ...virtualKinds]) assert.ok(schemas.has(kind.message), kind.message)
})

test('prefixes are unique among stored versions', () => {
  const stored = builtInKinds.filter(kind => kind.storedAs === undefined)
  assert.equal(new Set(stored.map(kind => kind.storagePrefix)).size, stored.length)
  for (const kind of builtInKinds) {
    if (kind.storedAs === undefined) continue
    const target = stored.find(each => addressOf(each.type) === addressOf(kind.storedAs!.type))
    assert.equal(target?.storagePrefix, kind.storagePrefix, groupResourceOf(kind.type))
  }
})

test('every kind has a name column of the format that kubectl looks for', () => {
  for (const kind of builtInKinds) {
    assert.equal(kind.columns.find(column => column.format === 'name')?.name, 'Name', kind.message)
  }
})
