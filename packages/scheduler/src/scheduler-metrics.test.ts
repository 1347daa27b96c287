import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { Nodes, Pods } from '@canopus/api'
import type { KubeObject } from '@canopus/apimachinery'
import type { ClusterChange, Rejection, SchedulerPlugin } from './framework.ts'
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
  const figures = (): string[] => cluster!.figures(/^scheduler_(pending|preemption|schedule_|pod_|queue_)(?!.*_bucket)/)
  assert.deepEqual(figures(), [
    'scheduler_pending_pods{queue="active"} 0',
    'scheduler_pending_pods{queue="backoff"} 0',
    'scheduler_pending_pods{queue="gated"} 1',
    'scheduler_pending_pods{queue="unschedulable"} 2',
    'scheduler_pod_scheduled_after_flush_total 0',
    'scheduler_pod_scheduling_attempts_sum 0',
    'scheduler_pod_scheduling_attempts_count 0',
    'scheduler_preemption_attempts_total 2',
    'scheduler_preemption_goroutines_duration_seconds_sum{result="success"} 0',
    'scheduler_preemption_goroutines_duration_seconds_count{result="success"} 1',
    'scheduler_preemption_goroutines_execution_total{result="success"} 1',
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

test('what plugins take, how often they are asked, and whom they reject', async () => {
  let release: (rejection?: Rejection) => void = () => undefined
  const holding: SchedulerPlugin = {
    name: 'Holding',
    permit: ({ pod }) =>
      pod.metadata.name === 'held' ? new Promise(resolve => (release = resolve)) : Promise.resolve(undefined),
  }
  cluster = await startFakeCluster(
    server => {
      for (const name of ['n1', 'n2']) server.add(Nodes, aNode(name, { allocatable: { cpu: '4' } }))
      server.add(Pods, aPod('placed', { requests: { cpu: '1' } }))
      server.add(Pods, aPod('large', { requests: { cpu: '8' } }))
      server.add(Pods, aPod('gated', { spec: { schedulingGates: [{ name: 'g' }] } }))
      server.add(Pods, aPod('held', { requests: { cpu: '1' } }))
    },
    { plugins: [{ plugin: holding, weight: 0 }] },
  )
  await cluster.settle(500)
  const rejecting = (): string[] => cluster!.figures(/^scheduler_unschedulable_pods/).toSorted()
  assert.deepEqual(rejecting(), [
    'scheduler_unschedulable_pods{plugin="NodeResourcesFit",profile="default-scheduler"} 1',
    'scheduler_unschedulable_pods{plugin="SchedulingGates",profile="default-scheduler"} 1',
  ])
  const points = cluster
    .figures(/^scheduler_framework_extension_point_duration_seconds_count/)
    .map(each => each.replace(/^.*?\{extension_point="(.*?)",profile="default-scheduler",status="(.*?)"\}/, '$1 $2'))
  assert.deepEqual(points.toSorted(), [
    'Bind Success 1',
    'Filter Success 3',
    'Permit Success 1',
    'Permit Wait 1',
    'PostBind Success 1',
    'PostFilter Unschedulable 1',
    'PreBind Success 1',
    'PreBindPreFlight Skip 2',
    'PreEnqueue Success 5',
    'PreFilter Success 3',
    'PreScore Success 2',
    'Reserve Success 2',
    'Score Success 2',
  ])
  const evaluations = cluster.figures(/^scheduler_plugin_evaluation_total.*"NodeResourcesFit"/)
  assert.deepEqual(evaluations.map(each => each.replace(/^.*?extension_point="(.*?)".*\}/, '$1')).toSorted(), [
    'Filter 6',
    'PreFilter 3',
    'PreScore 2',
    'Score 4',
  ])
  await cluster.settle(2000)
  release({ plugin: 'Holding', reasons: ['no'] })
  await cluster.settle(0)
  assert.deepEqual(cluster.figures(/^scheduler_permit_wait_duration_seconds_(sum|count)/), [
    'scheduler_permit_wait_duration_seconds_sum{result="Unschedulable"} 2.5',
    'scheduler_permit_wait_duration_seconds_count{result="Unschedulable"} 1',
  ])
  cluster.server.remove(Pods, 'large', 'default')
  cluster.server.remove(Pods, 'gated', 'default')
  cluster.server.remove(Pods, 'held', 'default')
  await cluster.settle(0)
  assert.deepEqual(rejecting(), [
    'scheduler_unschedulable_pods{plugin="NodeResourcesFit",profile="default-scheduler"} 0',
    'scheduler_unschedulable_pods{plugin="SchedulingGates",profile="default-scheduler"} 0',
  ])
})

test('what is kept for the sake of pods that are being worked on', async () => {
  let release: (rejection?: Rejection) => void = () => undefined
  const holding: SchedulerPlugin = { name: 'Holding', permit: () => new Promise(resolve => (release = resolve)) }
  cluster = await startFakeCluster(server => server.add(Nodes, aNode('n1')), {
    plugins: [{ plugin: holding, weight: 0 }],
  })
  cluster.server.add(Pods, aPod('held'))
  await cluster.settle(0)
  const kept = (): string[] => cluster!.figures(/^scheduler_inflight_events/).toSorted()
  assert.deepEqual(kept(), ['scheduler_inflight_events{event="PodPopped"} 1'])
  cluster.server.add(Nodes, aNode('n2'))
  await cluster.settle(0)
  const both = ['scheduler_inflight_events{event="NodeAdd"}', 'scheduler_inflight_events{event="PodPopped"}']
  assert.deepEqual(
    kept(),
    both.map(each => `${each} 1`),
  )
  release()
  await cluster.settle(0)
  assert.deepEqual(
    kept(),
    both.map(each => `${each} 0`),
  )
})

test('each plugin is timed in one attempt of ten', async () => {
  const pods = 300
  cluster = await startFakeCluster(server => {
    for (const name of ['n1', 'n2']) server.add(Nodes, aNode(name, { allocatable: { cpu: '400', pods: '400' } }))
  })
  for (let i = 0; i < pods; i++) {
    cluster.server.add(Pods, aPod(`p${i}`, { requests: { cpu: '1' } }))
    await cluster.settle(1)
  }
  const executions = cluster.figures(/^scheduler_plugin_execution_duration_seconds_count/)
  for (const of of [
    'extension_point="Filter",plugin="NodeResourcesFit",status="Success"',
    'extension_point="Score",plugin="NodeResourcesFit",status="Success"',
    'extension_point="Bind",plugin="DefaultBinder",status="Success"',
  ]) {
    const count = Number(executions.find(each => each.includes(of))?.split(' ')[1])
    assert.ok(count > pods / 20 && count < pods / 5, `${of}: ${count} of ${executions.join('\n')}`)
  }
  // The others are placed by what is remembered, after the first two of their kind.
  const batched = cluster.figures(/^scheduler_batch_attempts_total/)
  const [remembered = 0, others = 0] = ['hint_used', 'no_hint'].map(result =>
    Number(batched.find(each => each.includes(`result="${result}"`))?.split(' ')[1]),
  )
  assert.equal(remembered + others, pods)
  assert.ok(remembered > pods * 0.8 && others > pods / 20, batched.join('\n'))
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

test('what the cache holds, changes that are noted, hints, and what only time brought back', async () => {
  const slow: SchedulerPlugin = {
    name: 'Slow',
    events: ['NodeLabel'],
    hint: () => false,
    filter: pod => refusing(pod.key),
  }
  let isRefused = true
  const refusing = (key: string): Rejection | undefined =>
    isRefused && key.endsWith('late') ? { plugin: 'Slow', reasons: ['not yet'] } : undefined
  cluster = await startFakeCluster(
    server => {
      server.add(Nodes, aNode('n'))
      server.add(Pods, aPod('late'))
      server.add(Pods, aPod('p', { spec: { nodeName: 'n' } }))
    },
    { plugins: [{ plugin: slow, weight: 0 }] },
  )
  cluster.server.change(Nodes, 'n', undefined, node => {
    node.metadata.labels = { ...node.metadata.labels, new: 'label' }
  })
  await cluster.settle(500)
  const figures = (like: RegExp): string[] => cluster!.figures(like).filter(line => !/_(bucket|sum)/.test(line))
  assert.deepEqual(figures(/^scheduler_(cache_size|goroutines|pod_scheduled_after)/), [
    'scheduler_cache_size{type="assumed_pods"} 0',
    'scheduler_cache_size{type="nodes"} 1',
    'scheduler_cache_size{type="pods"} 1',
    'scheduler_goroutines{operation="binding"} 0',
    'scheduler_pod_scheduled_after_flush_total 0',
  ])
  assert.deepEqual(figures(/^scheduler_event_handling.*(Node|AssignedPod)/), [
    'scheduler_event_handling_duration_seconds_count{event="NodeAdd"} 1',
    'scheduler_event_handling_duration_seconds_count{event="AssignedPodAdd"} 1',
    'scheduler_event_handling_duration_seconds_count{event="NodeUpdateNodeLabel"} 1',
  ])
  // One change in ten is timed: enough of them come.
  for (let n = 0; n < 10; n++) {
    cluster.server.change(Nodes, 'n', undefined, node => {
      node.metadata.labels = { ...node.metadata.labels, new: `label-${n}` }
    })
    await cluster.settle(10)
  }
  assert.deepEqual(figures(/^scheduler_queueing_hint/), [
    'scheduler_queueing_hint_execution_duration_seconds_count{event="NodeUpdateNodeLabel",hint="QueueSkip",plugin="Slow"} 1',
  ])
  isRefused = false
  await cluster.settle(6 * 60_000)
  assert.equal(cluster.nodeOf('late'), 'n')
  assert.deepEqual(figures(/^scheduler_pod_scheduled_after_flush/), ['scheduler_pod_scheduled_after_flush_total 1'])
})
