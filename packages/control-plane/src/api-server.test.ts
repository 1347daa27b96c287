import assert from 'node:assert/strict'
import { test } from 'node:test'
import { builtInKinds } from '@canopus/api'
import { apiVersionOf } from '@canopus/apimachinery'
import { keptFor } from './api-server.ts'

test('--event-ttl: events of both APIs live as long as it says, and nothing else changes', () => {
  const changed = keptFor(90_500, builtInKinds).filter((kind, index) => kind !== builtInKinds[index])
  const lives = changed.map(({ type, ttlSeconds }) => `${apiVersionOf(type)} ${type.kind} ${ttlSeconds}`)
  assert.deepEqual(lives.sort(), ['events.k8s.io/v1 Event 91', 'v1 Event 91'])
  assert.equal(keptFor(undefined, builtInKinds), builtInKinds)
})
