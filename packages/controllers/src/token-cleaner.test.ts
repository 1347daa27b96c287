import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { Secrets } from '@canopus/api'
import { createWorld, type World } from './testing/world.ts'
import { createTokenCleaner } from './token-cleaner.ts'

let world: World
beforeEach(async () => {
  world = createWorld()
  await world.start(createTokenCleaner(world.context))
})
afterEach(() => world.stop())
const names = () => world.server.list(Secrets).map(secret => secret.metadata.name)

test('bootstrap tokens go when they expire', async () => {
  const add = (name: string, expiration: string | undefined, namespace = 'kube-system') =>
    world.server.add(Secrets, {
      metadata: { name, namespace },
      type: 'bootstrap.kubernetes.io/token',
      data: expiration === undefined ? {} : { expiration: btoa(expiration) },
    })
  add('expired', '2025-12-31T00:00:00Z')
  add('soon', '2026-01-01T00:01:00Z')
  add('endless', undefined)
  add('elsewhere', '2025-12-31T00:00:00Z', 'default')
  await world.settle()
  assert.deepEqual(names().sort(), ['elsewhere', 'endless', 'soon'])
  await world.settle(60_000)
  assert.deepEqual(names().sort(), ['elsewhere', 'endless'])
})
