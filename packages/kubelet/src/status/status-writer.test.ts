import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pods } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import { conflictError } from '@canopus/apimachinery'
import { silentLogger } from '@canopus/base'
import { createClient } from '@canopus/client'
import { createFakeServer } from '@canopus/client/testing'
import { systemClock } from '@canopus/platform'
import { StatusWriter } from './status-writer.ts'

function setUp() {
  const server = createFakeServer({ clock: systemClock })
  const pod = server.add(Pods, { metadata: { name: 'web', namespace: 'default' }, spec: { containers: [] } })
  const writer = new StatusWriter(createClient(server), systemClock, silentLogger)
  const { signal } = new AbortController()
  const { uid } = pod.metadata
  const writes = () => server.requests.filter(request => request.method === 'PUT').length
  const stored = () => server.get<Pod>(Pods, 'web', 'default')?.status
  return { server, pod, writer, signal, uid, writes, stored }
}

test('the newest status wins, and ones in between are left out', async () => {
  const { pod, writer, signal, uid, writes, stored } = setUp()
  for (const phase of ['Pending', 'Running', 'Failed']) writer.write(pod, { phase }, signal)
  assert.equal(writer.wanted(uid)?.phase, 'Failed')
  await writer.settled(uid)
  assert.equal(stored()?.phase, 'Failed')
  assert.equal(writes(), 2)
  writer.write(pod, { phase: 'Failed' }, signal)
  await writer.settled(uid)
  assert.equal(writes(), 2)
})

test('a conflict is settled with the newest object', async () => {
  const { server, pod, writer, signal, uid, stored } = setUp()
  server.change<Pod>(Pods, 'web', 'default', each => {
    each.metadata.labels = { a: 'b' }
  })
  server.failNext({ method: 'PUT' }, conflictError({ group: '', resource: 'pods', name: 'web' }, 'modified'))
  writer.write(pod, { phase: 'Running' }, signal)
  await writer.settled(uid)
  assert.equal(stored()?.phase, 'Running')
  assert.deepEqual(server.get<Pod>(Pods, 'web', 'default')?.metadata.labels, { a: 'b' })
})

test('a pod that is gone, or is another one by now, is left alone', async () => {
  const { server, pod, writer, signal, uid, writes } = setUp()
  server.remove(Pods, 'web', 'default')
  writer.write(pod, { phase: 'Running' }, signal)
  await writer.settled(uid)
  assert.equal(writes(), 1)
})

test('somebody else’s change of the status is undone', async () => {
  const { server, pod, writer, signal, uid, stored } = setUp()
  writer.write(pod, { phase: 'Running' }, signal)
  await writer.settled(uid)
  const changed = server.change<Pod>(Pods, 'web', 'default', each => {
    each.status = { phase: 'Pending' }
  })
  writer.write(changed, { phase: 'Running' }, signal)
  await writer.settled(uid)
  assert.equal(stored()?.phase, 'Running')
})
