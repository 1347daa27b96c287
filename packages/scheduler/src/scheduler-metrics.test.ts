import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { Nodes, Pods } from '@canopus/api'
import type { KubeObject } from '@canopus/apimachinery'
import type { ClusterChange } from './framework.ts'
import { podInfo } from './pod-info.ts'
import { eventLabel } from './queue-events.ts'
import { aNode, aPod } from './testing/builders.ts'
import { type FakeCluster, startFakeCluster } from './testing/fake-cluster.ts'

let cluster: FakeCluster | undefined
afterEach(() => cluster?.stop())

test('what the scheduler counts', async () => {
  cluster = await startFakeCluster(server => {
    server.add(Nodes, aNode('n'))
    server.add(Pods, aPod('victim', { requests: { cpu: '4' }, spec: { nodeName: 'n' } }))
    server.add(Pods, aPod('vip', { requests: { cpu: '2' }, spec: { priority: 10 } }))
    server.add(Pods, aPod('large', { requests: { cpu: '8' } }))
    server.add(Pods, aPod('gated', { spec: { schedulingGates: [{ name: 'g' }] } }))
  })
  await cluster.settle(500)
  const figures = (): string[] =>
    cluster!
      .metrics()
      .split('\n')
      .filter(each => /^scheduler_(pending|preemption|schedule_|pod_|queue_)/.test(each) && !each.includes('_bucket'))
  assert.deepEqual(figures(), [
    'scheduler_pending_pods{queue="active"} 0',
    'scheduler_pending_pods{queue="backoff"} 0',
    'scheduler_pending_pods{queue="gated"} 1',
    'scheduler_pending_pods{queue="unschedulable"} 2',
    'scheduler_pod_scheduling_attempts_sum 0',
    'scheduler_pod_scheduling_attempts_count 0',
    'scheduler_preemption_attempts_total 2',
    'scheduler_preemption_victims_sum 1',
    'scheduler_preemption_victims_count 1',
    'scheduler_queue_incoming_pods_total{event="UnschedulablePodAdd",queue="unschedulable"} 1',
    'scheduler_queue_incoming_pods_total{event="UnschedulablePodAdd",queue="active"} 2',
    'scheduler_queue_incoming_pods_total{event="ScheduleAttemptFailure",queue="unschedulable"} 2',
    'scheduler_schedule_attempts_total{profile="default-scheduler",result="unschedulable"} 2',
  ])
  cluster.server.remove(Pods, 'victim', 'default')
  await cluster.settle(1500)
  const after = figures()
  for (const line of [
    'scheduler_pod_scheduling_attempts_sum 2',
    'scheduler_pod_scheduling_sli_duration_seconds_count{attempts="2"} 1',
    'scheduler_queue_incoming_pods_total{event="AssignedPodDelete",queue="backoff"} 2',
    'scheduler_queue_incoming_pods_total{event="PopFromBackoffQ",queue="active"} 2',
    'scheduler_schedule_attempts_total{profile="default-scheduler",result="scheduled"} 1',
  ]) {
    assert.ok(after.includes(line), `${line}\n${after.join('\n')}`)
  }
})

test('changes have the names that upstream gives them', () => {
  const pod = (name: string, cpu: string, app: string) => podInfo(aPod(name, { requests: { cpu }, labels: { app } }))
  const object = { metadata: { name: 'x' } } as KubeObject
  const rows: [ClusterChange, string][] = [
    [{ event: 'NodeAdd' }, 'NodeAdd'],
    [{ event: 'NodeAllocatable' }, 'NodeUpdateNodeAllocatable'],
    [{ event: 'AssignedPodDelete' }, 'AssignedPodDelete'],
    [{ event: 'AssignedPodUpdate', oldPod: pod('a', '1', 'x'), pod: pod('a', '2', 'x') }, 'AssignedPodUpdate'],
    [
      { event: 'AssignedPodUpdate', oldPod: pod('a', '2', 'x'), pod: pod('a', '1', 'x') },
      'AssignedPodUpdatePodScaleDown',
    ],
    [{ event: 'AssignedPodUpdate', oldPod: pod('a', '1', 'x'), pod: pod('a', '1', 'y') }, 'AssignedPodUpdatePodLabel'],
    [{ event: 'CSINode', object }, 'storage.k8s.io/CSINodeAdd'],
    [{ event: 'ResourceClaim', object, oldObject: object }, 'resource.k8s.io/ResourceClaimUpdate'],
    [{ event: 'PersistentVolume', oldObject: object }, 'PersistentVolumeDelete'],
  ]
  for (const [change, label] of rows) assert.equal(eventLabel(change), label)
})
