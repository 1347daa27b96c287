import assert from 'node:assert/strict'
import { it } from 'node:test'
import { silentLogger } from '@canopus/base'
import { createClient } from '@canopus/client'
import { systemClock } from '@canopus/platform'
import { createMemoryStore } from '@canopus/store'
import { startMemoryServer } from '../testing/memory-server.ts'
import { AUTO_MANAGED, AutoRegister } from './auto-register.ts'

const BROKEN = '/registry/apiextensions.k8s.io/customresourcedefinitions/broken'
const SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices'

const leftOver = {
  apiVersion: 'apiregistration.k8s.io/v1',
  kind: 'APIService',
  metadata: { name: 'v1.example.com', uid: 'u', labels: { [AUTO_MANAGED]: 'true' } },
  spec: { group: 'example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 10 },
}

it('an APIService is left over only if every definition can be read', async () => {
  const store = createMemoryStore({ clock: systemClock })
  const { revision } = await store.create(BROKEN, () => Buffer.from('no definition'))
  await store.create('/registry/apiregistration.k8s.io/apiservices/v1.example.com', () =>
    Buffer.from(JSON.stringify(leftOver)),
  )
  const memory = await startMemoryServer({ store })
  const ending = new AbortController()
  const client = createClient(memory.server.transport({ name: 'admin', groups: ['system:masters'] }))
  const options = { objects: memory.server.objects, client, clock: systemClock, logger: silentLogger, builtIn: [] }
  const registration = new AutoRegister(options)
  try {
    await registration.start()
    assert.equal((await memory.send('GET', `${SERVICES}/v1.example.com`)).status, 200)
    const watch = await memory.watch(`${SERVICES}?watch=true&resourceVersion=${await store.revision()}`)
    await store.delete(BROKEN, revision)
    const running = registration.run(ending.signal)
    const { type, object } = await watch.next()
    assert.deepEqual([type, object.metadata.name], ['DELETED', 'v1.example.com'])
    watch.end()
    ending.abort()
    await running
  } finally {
    ending.abort()
    await memory.stop()
    await store.close()
  }
})
