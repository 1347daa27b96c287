import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pods, ReplicaSets } from '@canopus/api'
import {
  controllerOf,
  controllerReference,
  isControlledBy,
  type KubeObject,
  type OwnerReference,
  serviceUnavailableError,
} from '@canopus/apimachinery'
import { SimulatedClock } from '@canopus/base'
import { createClient } from '@canopus/client'
import { createFakeServer } from '@canopus/client/testing'
import { claim } from './owners.ts'
import { slowStart } from './slow-start.ts'

function setUp(ownerMetadata: Partial<KubeObject['metadata']> = {}) {
  const server = createFakeServer({ clock: new SimulatedClock() })
  const owner = server.add(ReplicaSets, {
    metadata: { name: 'web', ...ownerMetadata },
    spec: { selector: {}, template: { spec: { containers: [] } } },
  })
  const pod = (name: string, labels: Record<string, string>, ownerReferences?: OwnerReference[]) =>
    server.add(Pods, {
      metadata: { name, labels, ...(ownerReferences ? { ownerReferences } : {}) },
      spec: { containers: [] },
    })
  const client = createClient(server)
  let asked = 0
  const run = async () =>
    claim({
      owner,
      ownerType: ReplicaSets,
      candidates: server.list(Pods),
      matches: object => object.metadata.labels?.app === 'web',
      client: client.resource(Pods),
      freshOwner: async () => {
        asked += 1
        return client.resource(ReplicaSets).get('web', { namespace: 'default' })
      },
    })
  return { server, owner, pod, run, asked: () => asked }
}

test('adopts orphans that match, releases what no longer does, leaves the rest alone', async () => {
  const { server, owner, pod, run, asked } = setUp()
  const mine = controllerReference(owner, ReplicaSets)
  pod('adopt-1', { app: 'web' })
  pod('adopt-2', { app: 'web' })
  pod('keep', { app: 'web' }, [mine])
  pod('release', { app: 'db' }, [mine])
  pod('others', { app: 'web' }, [{ ...mine, uid: 'other' }])
  pod('stranger', { app: 'db' })
  const claimed = await run()
  assert.deepEqual(
    claimed.map(each => each.metadata.name),
    ['adopt-1', 'adopt-2', 'keep'],
  )
  assert.ok(isControlledBy(server.get(Pods, 'adopt-1', 'default')!, owner))
  assert.equal(controllerOf(server.get(Pods, 'release', 'default')!), undefined)
  assert.equal(controllerOf(server.get(Pods, 'others', 'default')!)?.uid, 'other')
  assert.equal(asked(), 1)
  const patches = server.requests.filter(each => each.method === 'PATCH')
  const uids = patches.map(each => (each.body as { metadata: { uid: string } }).metadata.uid)
  const meant = ['adopt-1', 'adopt-2', 'release'].map(name => server.get(Pods, name, 'default')!.metadata.uid)
  assert.deepEqual(uids.sort(), meant.sort(), 'a patch says which object of the name is meant')
})

test('an owner that is being deleted neither adopts nor releases', async () => {
  const { server, owner, pod, run } = setUp({ deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x'] })
  pod('orphan', { app: 'web' })
  pod('release', { app: 'db' }, [controllerReference(owner, ReplicaSets)])
  assert.deepEqual(await run(), [])
  assert.equal(server.requests.length, 0)
})

test('nothing is adopted for an owner that was made anew', async () => {
  const { server, pod, run } = setUp()
  pod('orphan', { app: 'web' })
  server.remove(ReplicaSets, 'web', 'default')
  server.add(ReplicaSets, {
    metadata: { name: 'web' },
    spec: { selector: {}, template: { spec: { containers: [] } } },
  })
  await assert.rejects(run(), /original default\/web is gone/)
})

test('slow start doubles, and stops after a batch with a failure', async () => {
  const batches: number[] = []
  let open = 0
  const request = (fails: number) => async (index: number) => {
    open += 1
    await Promise.resolve()
    if (open > 0) batches.push(open)
    open = 0
    if (index === fails) throw serviceUnavailableError('no')
  }
  assert.deepEqual(await slowStart(10, request(-1)), { succeeded: 10, error: undefined })
  assert.deepEqual(batches.splice(0), [1, 2, 4, 3])
  const { succeeded, error } = await slowStart(10, request(2))
  assert.equal(succeeded, 2)
  assert.match(String(error), /no/)
  assert.deepEqual(batches, [1, 2])
})
