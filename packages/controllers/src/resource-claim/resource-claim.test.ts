import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pods, ResourceClaims, ResourceClaimTemplates } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import type { ResourceClaim } from '@canopus/api/resource/v1'
import { controllerReference, type Draft } from '@canopus/apimachinery'
import { createWorld, type World } from '../testing/world.ts'
import { createResourceClaimController } from './controller.ts'
import { CLAIM_FINALIZER, claimNameBase, planClaim } from './plan.ts'

const spec = { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'c' } }] } }
const pod = (name: string, claim: object, more: Partial<Draft<Pod>> = {}): Draft<Pod> => ({
  metadata: { name, namespace: 'x' },
  spec: { containers: [], resourceClaims: [{ name: 'gpu', ...claim }] },
  ...more,
})

async function scene(): Promise<World> {
  const world = createWorld()
  await world.start(createResourceClaimController(world.context))
  return world
}

const TEMPLATE = { resourceClaimTemplateName: 'template' }
const addTemplate = (world: World): unknown =>
  world.server.add(ResourceClaimTemplates, {
    metadata: { name: 'template', namespace: 'x' },
    spec: { metadata: { labels: { a: 'b' }, annotations: { c: 'd' } }, spec },
  })

test('a claim is made of a template, once, and noted in the status of the pod', async () => {
  const world = await scene()
  addTemplate(world)
  world.server.add(Pods, pod('p', TEMPLATE))
  await world.settle()
  const [claim, ...others] = world.server.list(ResourceClaims, 'x')
  assert.deepEqual(others, [])
  assert.match(claim!.metadata.name, /^p-gpu-/)
  assert.deepEqual(claim!.metadata.annotations, { c: 'd', 'resource.kubernetes.io/pod-claim-name': 'gpu' })
  assert.deepEqual(claim!.metadata.labels, { a: 'b' })
  assert.equal(claim!.metadata.ownerReferences?.[0]?.blockOwnerDeletion, true)
  assert.deepEqual(world.server.get(Pods, 'p', 'x')?.status?.resourceClaimStatuses, [
    { name: 'gpu', resourceClaimName: claim!.metadata.name },
  ])
  assert.deepEqual(world.figures(/^resourceclaim_controller_/), [
    'resourceclaim_controller_creates_total{admin_access="false",status="success"} 1',
    'resourceclaim_controller_resource_claims{admin_access="false",allocated="false",source="resource_claim_template"} 1',
  ])
  world.server.remove(ResourceClaims, claim!.metadata.name, 'x')
  world.stop()
})

test('a missing template is told, and waited for', async () => {
  const world = await scene()
  world.server.add(Pods, pod('p', TEMPLATE))
  await world.settle(1)
  assert.equal(
    world.events[0],
    'FailedResourceClaimCreation PodResourceClaim gpu: resource claim template "template": resourceclaimtemplate.resource.k8s.io "template" not found',
  )
  addTemplate(world)
  await world.settle()
  assert.equal(world.server.list(ResourceClaims, 'x').length, 1)
  world.stop()
})

test('a claim that was made before its name could be noted is found again', async () => {
  const world = await scene()
  const owner = world.server.add(Pods, pod('p', {}))
  world.server.add(ResourceClaims, {
    metadata: {
      name: 'made',
      namespace: 'x',
      annotations: { 'resource.kubernetes.io/pod-claim-name': 'gpu' },
      ownerReferences: [controllerReference(owner, Pods)],
    },
    spec,
  })
  world.server.change(Pods, 'p', 'x', each => {
    each.spec.resourceClaims = [{ name: 'gpu', ...TEMPLATE }]
  })
  await world.settle()
  assert.equal(world.server.list(ResourceClaims, 'x').length, 1)
  assert.deepEqual(world.server.get(Pods, 'p', 'x')?.status?.resourceClaimStatuses, [
    { name: 'gpu', resourceClaimName: 'made' },
  ])
  world.stop()
})

const allocation = { devices: {} }
const reservation = (owner: Pod) => ({ resource: 'pods', name: owner.metadata.name, uid: owner.metadata.uid })

test('a pod bound past the scheduler is noted as a user', async () => {
  const world = await scene()
  world.server.add(ResourceClaims, { metadata: { name: 'shared', namespace: 'x' }, spec, status: { allocation } })
  const user = world.server.add(
    Pods,
    pod(
      'p',
      {},
      { spec: { containers: [], nodeName: 'n', resourceClaims: [{ name: 'gpu', resourceClaimName: 'shared' }] } },
    ),
  )
  await world.settle()
  assert.deepEqual(world.server.get(ResourceClaims, 'shared', 'x')?.status?.reservedFor, [reservation(user)])
  world.stop()
})

const ends: [string, (world: World) => void][] = [
  ['gone', world => world.server.remove(Pods, 'p', 'x')],
  [
    'finished',
    world =>
      world.server.change(Pods, 'p', 'x', each => {
        each.status = { phase: 'Succeeded' }
      }),
  ],
]
for (const [name, end] of ends) {
  test(`devices come back when their last user is ${name}`, async () => {
    const world = await scene()
    const user = world.server.add(Pods, pod('p', { resourceClaimName: 'shared' }, {}))
    world.server.add(ResourceClaims, {
      metadata: { name: 'shared', namespace: 'x', finalizers: [CLAIM_FINALIZER] },
      spec,
      status: { allocation, reservedFor: [reservation(user)] },
    })
    await world.settle()
    assert.ok(world.server.get(ResourceClaims, 'shared', 'x')?.status?.allocation)
    end(world)
    await world.settle()
    const claim = world.server.get(ResourceClaims, 'shared', 'x')
    assert.deepEqual(claim?.status ?? {}, {})
    assert.deepEqual(claim?.metadata.finalizers ?? [], [])
    world.stop()
  })
}

test('a claim made for a pod goes when the pod has finished', async () => {
  const world = await scene()
  addTemplate(world)
  world.server.add(Pods, pod('p', TEMPLATE))
  await world.settle()
  assert.equal(world.server.list(ResourceClaims, 'x').length, 1)
  world.server.change(Pods, 'p', 'x', each => {
    each.status = { ...each.status, phase: 'Failed' }
  })
  await world.settle()
  assert.equal(world.server.list(ResourceClaims, 'x').length, 0)
  world.stop()
})

const claim = (change: Partial<ResourceClaim['metadata']>, status: ResourceClaim['status']): ResourceClaim =>
  ({ metadata: { name: 'c', namespace: 'x', ...change }, spec, status }) as unknown as ResourceClaim
const user = { resource: 'pods', name: 'p', uid: 'u' }
const finalizers = [CLAIM_FINALIZER]
const plans: [string, ResourceClaim, (typeof user)[], object][] = [
  ['unused and never used', claim({ finalizers }, { allocation }), [], { release: false, unused: true }],
  ['still used', claim({ finalizers }, { allocation, reservedFor: [user] }), [user], { release: false, unused: false }],
  [
    'given back with the last user',
    claim({ finalizers }, { allocation, reservedFor: [user] }),
    [],
    { status: {}, release: true, unused: true },
  ],
  [
    'one of two users left',
    claim({ finalizers }, { allocation, reservedFor: [user, { ...user, uid: 'v' }] }),
    [user],
    { status: { allocation, reservedFor: [user] }, release: false, unused: false },
  ],
  [
    'deleted while allocated and unused',
    claim({ finalizers, deletionTimestamp: '2026-01-01T00:00:00Z' }, { allocation }),
    [],
    { status: {}, release: true, unused: true },
  ],
]
for (const [name, given, valid, expected] of plans) {
  test(`plan of a claim: ${name}`, () => {
    assert.deepEqual(planClaim(given, valid), { status: undefined, ...expected })
  })
}

test('names of made claims leave room for what is appended', () => {
  assert.equal(claimNameBase('p', 'gpu'), 'p-gpu-')
  const long = claimNameBase('p'.repeat(60), 'c'.repeat(30))
  assert.ok(long.length <= 57 && /^p{20,}-c{10,}$/.test(long), long)
})
