import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Container, Node, Pod, ResourceRequirements } from '@canopus/api/core/v1'
import { MEMORY_REQUEST } from '../runtime/labels.ts'
import { actualResources } from '../status/container-status.ts'
import { buildContainer, buildPod } from '../testing/builders.ts'
import { PodAllocation } from './pod-allocation.ts'
import { allocationOf, judgeContainerResize, judgeResize, resizeMessage, withAllocation } from './resize.ts'

const directory = mkdtempSync(join(tmpdir(), 'allocation-'))
after(() => rmSync(directory, { recursive: true }))

const asking = (resources: ResourceRequirements, generation = 1): Pod =>
  buildPod({ containers: [{ name: 'main', image: 'x', resources }] }, { generation })
const node = { status: { allocatable: { cpu: '2', memory: '1Gi' } } } as unknown as Node
const has = { cpuQuota: 50_000, cpuShares: 102, memoryLimitInBytes: 64 * 2 ** 20 }
const granted = { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '500m', memory: '64Mi' } }
const annotations = { [MEMORY_REQUEST]: String(32 * 2 ** 20) }

test('what was granted stands in for what is asked for, of containers and sidecars', () => {
  const side: Container = { name: 'side', restartPolicy: 'Always', resources: { requests: { cpu: '1' } } }
  const first: Container = { name: 'first', resources: { requests: { cpu: '3' } } }
  const old = buildPod({ initContainers: [first, side], containers: [{ name: 'main' }] })
  assert.deepEqual(allocationOf(old), { side: { requests: { cpu: '1' } }, main: {} })
  assert.equal(withAllocation(old, allocationOf(old)), old)
  const wanted = buildPod({ initContainers: [first, { ...side, resources: { requests: { cpu: '2' } } }] })
  const pod = withAllocation(wanted, allocationOf(old))
  assert.deepEqual(pod.spec.initContainers, [first, side])
  assert.deepEqual(wanted.spec.initContainers?.[1]?.resources, { requests: { cpu: '2' } })
})

const verdicts: [string, ResourceRequirements | undefined, Container['resizePolicy'], string][] = [
  ['as it is', granted, undefined, 'keep'],
  [
    'spelled otherwise',
    { requests: { cpu: '0.1', memory: '32Mi' }, limits: { cpu: '0.5', memory: '67108864' } },
    undefined,
    'keep',
  ],
  ['more CPU', { ...granted, requests: { ...granted.requests, cpu: '200m' } }, undefined, 'update'],
  ['more memory', { ...granted, limits: { ...granted.limits, memory: '65Mi' } }, undefined, 'update'],
  [
    'more memory, by a restart',
    { ...granted, limits: { ...granted.limits, memory: '65Mi' } },
    [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
    'restart',
  ],
  ['another request for memory', { ...granted, requests: { cpu: '100m', memory: '33Mi' } }, undefined, 'keep'],
  [
    'another request for memory, by a restart',
    { ...granted, requests: { cpu: '100m', memory: '33Mi' } },
    [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
    'restart',
  ],
  [
    'the same request for memory, spelled otherwise',
    { ...granted, requests: { cpu: '100m', memory: '33554432' } },
    [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
    'keep',
  ],
  [
    'more CPU, where only memory needs a restart',
    { ...granted, limits: { ...granted.limits, cpu: '1' } },
    [
      { resourceName: 'memory', restartPolicy: 'RestartContainer' },
      { resourceName: 'cpu', restartPolicy: 'NotRequired' },
    ],
    'update',
  ],
]
for (const [name, resources, resizePolicy, expected] of verdicts)
  test(`a running container is granted ${name}: ${expected}`, () => {
    const container: Container = {
      name: 'main',
      ...(resources && { resources }),
      ...(resizePolicy && { resizePolicy }),
    }
    assert.equal(judgeContainerResize(container, buildContainer({ resources: has, annotations })), expected)
    assert.equal(judgeContainerResize(container, buildContainer()), 'keep', 'the runtime says nothing')
  })

test('a resize that the node will never have is infeasible, one that it does not have now is put off', () => {
  assert.deepEqual(
    judgeResize(asking({ requests: { cpu: '3' } }), node, () => undefined),
    {
      reason: 'Infeasible',
      message: "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000",
    },
  )
  assert.equal(
    judgeResize(asking({ requests: { cpu: '3', memory: '2Gi' } }), node, () => undefined)?.message,
    "Node didn't have enough capacity: memory, requested: 2147483648, capacity: 1073741824",
  )
  const full = { reason: 'OutOfcpu', message: "Node didn't have enough resource: cpu" }
  assert.deepEqual(
    judgeResize(asking({ requests: { cpu: '1' } }), node, () => full),
    {
      reason: 'Deferred',
      message: "Node didn't have enough resource: cpu",
    },
  )
  assert.equal(
    judgeResize(asking({ requests: { cpu: '2' } }), node, () => undefined),
    undefined,
  )
})

test('events say what was asked for', () => {
  const pod = asking({ requests: { memory: '1Mi', cpu: '1' }, limits: { memory: '2Mi', cpu: '2' } }, 2)
  assert.equal(
    resizeMessage('started', pod),
    'Pod resize started: {"containers":[{"name":"main","resources":{"limits":{"cpu":"2","memory":"2Mi"},"requests":{"cpu":"1","memory":"1Mi"}}}],"generation":2}',
  )
  assert.match(resizeMessage('Deferred', pod, 'no'), /^Pod resize Deferred: .*,"generation":2,"error":"no"}$/)
})

test('a status shows what the runtime has, in the words of the spec where it is the same', () => {
  assert.deepEqual(actualResources(granted, undefined), granted)
  assert.deepEqual(actualResources(granted, buildContainer({ resources: has })), granted)
  const old = { cpuQuota: 20_000, cpuShares: 51, memoryLimitInBytes: 32 * 2 ** 20 }
  assert.deepEqual(actualResources(granted, buildContainer({ resources: old })), {
    requests: { cpu: '50m', memory: '32Mi' },
    limits: { cpu: '200m', memory: '32Mi' },
  })
  assert.deepEqual(actualResources(undefined, buildContainer({ resources: old })), {})
})

test('a grant outlives the kubelet; conditions tell how far a resize is', () => {
  const file = join(directory, 'pod', 'resources.json')
  const small = asking({ requests: { cpu: '1' } })
  const first = new PodAllocation(file)
  assert.equal(first.differs(small), false)
  first.admit(small)
  const big = asking({ requests: { cpu: '9' } }, 2)
  assert.equal(first.of(big).spec.containers[0]?.resources?.requests?.cpu, '1')

  const second = new PodAllocation(file)
  second.admit(big) // it ran before this kubelet did
  assert.equal(second.differs(big), true)
  assert.equal(second.postpone(big, { reason: 'Infeasible', message: 'too much' }), true)
  assert.equal(second.postpone(big, { reason: 'Infeasible', message: 'too much' }), false)
  const pending = { type: 'PodResizePending', status: 'True', reason: 'Infeasible', message: 'too much' }
  assert.deepEqual(second.conditions(), [{ ...pending, observedGeneration: 2 }])

  const medium = asking({ requests: { cpu: '2' } }, 3)
  second.grant(medium)
  assert.deepEqual(second.conditions(), [{ type: 'PodResizeInProgress', status: 'True', observedGeneration: 3 }])
  assert.equal(second.inProgress(medium), false)
  assert.equal(second.inProgress(medium, 'busy'), true)
  assert.deepEqual(second.conditions()[0]?.reason, 'Error')
  assert.equal(second.complete(), true)
  assert.equal(second.complete(), false)
  assert.deepEqual(second.conditions(), [])
  assert.equal(new PodAllocation(file).differs(medium), false)
})
