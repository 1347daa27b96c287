import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { Deployments, Pods, ReplicaSets } from '@canopus/api'
import type { DeploymentSpec, ReplicaSet } from '@canopus/api/apps/v1'
import { forbiddenError } from '@canopus/apimachinery'
import { createReplicaSetController } from '../replica-set.ts'
import { createWorld, type World } from '../testing/world.ts'
import { createDeploymentController } from './controller.ts'

let world: World
beforeEach(async () => {
  world = createWorld()
  await world.start(createDeploymentController(world.context), createReplicaSetController(world.context))
})
afterEach(() => world.stop())

const templateOf = (image: string) => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image }] },
})
function addDeployment(spec: Partial<DeploymentSpec> = {}) {
  world.server.add(Deployments, {
    metadata: { name: 'web', namespace: 'default', annotations: { note: 'x' } },
    spec: {
      replicas: 4,
      selector: { matchLabels: { app: 'web' } },
      template: templateOf('v1'),
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      ...spec,
    },
  })
}
const deployment = () => world.server.get(Deployments, 'web', 'default')!
const setImage = (image: string) =>
  world.context.client
    .resource(Deployments)
    .patch('web', 'merge', { spec: { template: templateOf(image) } }, { namespace: 'default' })
const condition = (type: string) => deployment().status?.conditions?.find(each => each.type === type)
const sets = (): ReplicaSet[] => world.server.list(ReplicaSets)
const setOf = (image: string) => sets().find(each => each.spec.template?.spec.containers[0]?.image === image)!
const ready = { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }

/** A kubelet in a few lines: pending pods run, pods marked for deletion go. */
function tend(): void {
  for (const pod of world.server.list(Pods)) {
    const { name, deletionTimestamp } = pod.metadata
    if (deletionTimestamp) world.server.remove(Pods, name, 'default')
    else if (pod.status?.phase !== 'Running') {
      world.server.change(Pods, name, 'default', each => {
        each.spec!.nodeName = 'n'
        each.status = { phase: 'Running', conditions: [ready] }
      })
    }
  }
}
async function rollOut(steps = 30): Promise<number> {
  let fewest = Number.POSITIVE_INFINITY
  for (let step = 0; step < steps; step++) {
    await world.settle(100)
    tend()
    fewest = Math.min(fewest, world.server.list(Pods).filter(pod => pod.status?.phase === 'Running').length)
  }
  await world.settle()
  return fewest
}

test('makes a replica set and reports how it goes', async () => {
  addDeployment()
  await world.settle()
  const [set] = sets()
  assert.match(set!.metadata.name, /^web-[bcdfghjklmnpqrstvwxz2456789]+$/)
  const hash = set!.metadata.labels?.['pod-template-hash']
  assert.equal(set!.metadata.name, `web-${hash}`)
  assert.equal(set!.spec.selector.matchLabels?.['pod-template-hash'], hash)
  assert.deepEqual(set!.metadata.annotations, {
    note: 'x',
    'deployment.kubernetes.io/revision': '1',
    'deployment.kubernetes.io/desired-replicas': '4',
    'deployment.kubernetes.io/max-replicas': '5',
  })
  assert.equal(deployment().metadata.annotations?.['deployment.kubernetes.io/revision'], '1')
  assert.equal(condition('Available')?.reason, 'MinimumReplicasUnavailable')
  assert.equal(condition('Progressing')?.reason, 'ReplicaSetUpdated')
  await rollOut()
  assert.equal(condition('Available')?.reason, 'MinimumReplicasAvailable')
  assert.equal(condition('Progressing')?.reason, 'NewReplicaSetAvailable')
  assert.equal(condition('Progressing')?.message, `ReplicaSet "${set!.metadata.name}" has successfully progressed.`)
  const { replicas, updatedReplicas, readyReplicas, availableReplicas, unavailableReplicas } = deployment().status!
  assert.deepEqual(
    { replicas, updatedReplicas, readyReplicas, availableReplicas, unavailableReplicas },
    { replicas: 4, updatedReplicas: 4, readyReplicas: 4, availableReplicas: 4, unavailableReplicas: 0 },
  )
  assert.deepEqual(
    world.events.filter(event => event.startsWith('Scaling')),
    [`ScalingReplicaSet Scaled up replica set ${set!.metadata.name} from 0 to 4`],
  )
})

test('a new template rolls out within its limits; going back reuses the old replica set', async () => {
  addDeployment()
  await rollOut()
  await setImage('v2')
  let most = 0
  for (let step = 0; step < 40; step++) {
    await world.settle(100)
    const pods = world.server.list(Pods).filter(pod => !pod.metadata.deletionTimestamp)
    most = Math.max(most, pods.length)
    assert.ok(pods.filter(pod => pod.status?.phase === 'Running').length >= 3)
    tend()
  }
  assert.equal(most, 5)
  assert.equal(setOf('v1').spec.replicas, 0)
  assert.equal(setOf('v2').spec.replicas, 4)
  assert.equal(deployment().metadata.annotations?.['deployment.kubernetes.io/revision'], '2')
  await setImage('v1')
  await rollOut()
  assert.equal(sets().length, 2)
  assert.equal(setOf('v1').spec.replicas, 4)
  assert.equal(setOf('v1').metadata.annotations?.['deployment.kubernetes.io/revision'], '3')
  assert.equal(setOf('v1').metadata.annotations?.['deployment.kubernetes.io/revision-history'], '1')
  assert.equal(condition('Progressing')?.reason, 'NewReplicaSetAvailable')
})

test('Recreate starts nothing new before the last old pod is gone', async () => {
  addDeployment({ strategy: { type: 'Recreate' } })
  await rollOut()
  await setImage('v2')
  await world.settle()
  assert.equal(setOf('v1').spec.replicas, 0)
  assert.equal(setOf('v2'), undefined)
  tend()
  await world.settle()
  assert.equal(setOf('v2').spec.replicas, 4)
  await rollOut()
  assert.equal(condition('Progressing')?.reason, 'NewReplicaSetAvailable')
})

test('scaling in the middle of a rollout is shared out', async () => {
  addDeployment({ replicas: 10, strategy: { rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } })
  await rollOut()
  await setImage('bad')
  await world.settle()
  assert.deepEqual([setOf('v1').spec.replicas, setOf('bad').spec.replicas], [8, 5])
  await world.context.client
    .resource(Deployments)
    .patch('web', 'merge', { spec: { replicas: 15 } }, { namespace: 'default' })
  await world.settle()
  assert.deepEqual([setOf('v1').spec.replicas, setOf('bad').spec.replicas], [11, 7])
})

test('goes back to the revision that the annotation of former versions names', async () => {
  addDeployment()
  await rollOut(5)
  await setImage('v2')
  await rollOut()
  world.server.change(Deployments, 'web', 'default', each => {
    each.metadata.annotations = { ...each.metadata.annotations, 'deprecated.deployment.rollback.to': '0' }
  })
  await rollOut()
  assert.equal(deployment().spec.template.spec.containers[0]?.image, 'v1')
  assert.equal(deployment().metadata.annotations?.['deprecated.deployment.rollback.to'], undefined)
  assert.equal(setOf('v1').spec.replicas, 4)
  assert.equal(setOf('v1').metadata.annotations?.['deployment.kubernetes.io/revision'], '3')
  assert.ok(world.events.includes('DeploymentRollback Rolled back deployment "web" to revision 1'))
})

test('old replica sets beyond the history limit go', async () => {
  addDeployment({ replicas: 1, revisionHistoryLimit: 1 })
  await rollOut(5)
  for (const image of ['v2', 'v3', 'v4']) {
    await setImage(image)
    await rollOut(10)
  }
  assert.deepEqual(
    sets()
      .map(each => each.spec.template?.spec.containers[0]?.image)
      .sort(),
    ['v3', 'v4'],
  )
})

test('a paused deployment scales and does not roll', async () => {
  addDeployment({ replicas: 2 })
  await rollOut()
  const patch = { spec: { paused: true, replicas: 3, template: templateOf('v2') } }
  await world.context.client.resource(Deployments).patch('web', 'merge', patch, { namespace: 'default' })
  await rollOut(5)
  assert.equal(condition('Progressing')?.reason, 'DeploymentPaused')
  assert.deepEqual(
    sets().map(each => each.spec.replicas),
    [3],
  )
  await world.context.client
    .resource(Deployments)
    .patch('web', 'merge', { spec: { paused: false } }, { namespace: 'default' })
  await rollOut()
  assert.equal(setOf('v2').spec.replicas, 3)
  assert.equal(condition('Progressing')?.reason, 'NewReplicaSetAvailable')
})

test('a rollout that stands still is reported after its deadline', async () => {
  addDeployment({ progressDeadlineSeconds: 60 })
  await world.settle(55_000)
  assert.equal(condition('Progressing')?.status, 'True')
  await world.settle(10_000)
  assert.equal(condition('Progressing')?.status, 'False')
  assert.equal(condition('Progressing')?.reason, 'ProgressDeadlineExceeded')
  await rollOut()
  assert.equal(condition('Progressing')?.reason, 'NewReplicaSetAvailable')
})

test('failures of the replica set show on the deployment', async () => {
  const refusal = forbiddenError({ group: '', resource: 'pods' }, 'exceeded quota: q')
  world.server.failNext({ method: 'POST', path: /pods/ }, refusal, 3)
  addDeployment({ replicas: 1 })
  await world.settle(4)
  assert.equal(condition('ReplicaFailure')?.reason, 'FailedCreate')
  await rollOut()
  assert.equal(condition('ReplicaFailure'), undefined)
})

test('once complete it is quiet', async () => {
  addDeployment()
  await rollOut()
  const before = world.server.requests.length
  await world.settle(3_600_000)
  assert.deepEqual(
    world.server.requests.slice(before).filter(request => request.method !== 'GET'),
    [],
  )
})
