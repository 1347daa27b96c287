import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { Events, Pods } from '@canopus/api'
import type { Pod, ResourceRequirements } from '@canopus/api/core/v1'
import { BUSYBOX_IMAGE, type TestContainerd } from '@canopus/cri/testing'
import { busybox, type Harness, onContainerd, whyNoContainers } from './testing/harness.ts'
import { FOREVER, main, running } from './testing/pod-questions.ts'

const condition = (pod: Pod | undefined, type: string) => pod?.status?.conditions?.find(each => each.type === type)
const unified = existsSync('/sys/fs/cgroup/cgroup.controllers')

describe('pods are resized in place', { skip: whyNoContainers }, () => {
  let containerd: TestContainerd
  let harness: Harness
  onContainerd((...started) => {
    ;[harness, containerd] = started
  })

  const resize = (name: string, resources: ResourceRequirements): Pod =>
    harness.server.change<Pod>(Pods, name, 'default', each => {
      each.spec.containers[0]!.resources = resources
      each.metadata.generation = (each.metadata.generation ?? 1) + 1
    })
  const eventsOf = (name: string): string[] =>
    harness.server
      .list(Events)
      .filter(event => event.involvedObject.name === name)
      .map(event => event.reason ?? '')

  /** What the kernel lets the container use, and its pod. */
  function limits(name: string): { cpu: string; memory: string; podCpu: string } {
    const pod = harness.pod(name)!
    const id = main(pod)!.containerID!.replace('containerd://', '')
    const quality = pod.status!.qosClass === 'Guaranteed' ? '' : `${pod.status!.qosClass!.toLowerCase()}/`
    const below = `canopus-test-${process.pid}/kubepods/${quality}pod${pod.metadata.uid}`
    const read = (controller: string, path: string, v1: string, v2: string): string =>
      readFileSync(
        unified ? `/sys/fs/cgroup/${path}/${v2}` : `/sys/fs/cgroup/${controller}/${path}/${v1}`,
        'utf8',
      ).split(/\s/)[0]!
    return {
      cpu: read('cpu', `${below}/${id}`, 'cpu.cfs_quota_us', 'cpu.max'),
      memory: read('memory', `${below}/${id}`, 'memory.limit_in_bytes', 'memory.max'),
      podCpu: read('cpu', below, 'cpu.cfs_quota_us', 'cpu.max'),
    }
  }

  test('CPU and memory change under a running container', async () => {
    const small = { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '200m', memory: '32Mi' } }
    harness.run('grows', { containers: [busybox(BUSYBOX_IMAGE, FOREVER, { resources: small })] })
    const before = await harness.until('grows', running)
    assert.deepEqual(main(before)?.resources, small)
    assert.deepEqual(limits('grows'), { cpu: '20000', memory: String(32 * 2 ** 20), podCpu: '20000' })
    const big = { requests: { cpu: '150m', memory: '64Mi' }, limits: { cpu: '400m', memory: '64Mi' } }
    const { generation } = resize('grows', big).metadata
    const after = await harness.until('grows', pod => main(pod)?.resources?.limits?.cpu === '400m')
    assert.deepEqual(main(after)?.resources, big)
    assert.deepEqual(main(after)?.allocatedResources, big.requests)
    assert.deepEqual(limits('grows'), { cpu: '40000', memory: String(64 * 2 ** 20), podCpu: '40000' })
    assert.equal(main(after)?.containerID, main(before)?.containerID)
    assert.equal(main(after)?.restartCount, 0)
    await harness.until('grows', pod => condition(pod, 'PodResizeInProgress') === undefined)
    assert.equal(harness.pod('grows')?.status?.observedGeneration, generation)
    await harness.until('grows', () => eventsOf('grows').includes('ResizeCompleted'))
    assert.ok(eventsOf('grows').includes('ResizeStarted'))
    // and back, the pod after its container
    resize('grows', small)
    await harness.until('grows', pod => main(pod)?.resources?.limits?.cpu === '200m')
    assert.deepEqual(limits('grows'), { cpu: '20000', memory: String(32 * 2 ** 20), podCpu: '20000' })
  })

  test('a container whose policy says so is restarted for it', async () => {
    const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }]
    const resources = { limits: { memory: '32Mi' } }
    harness.run('restarts', { containers: [busybox(BUSYBOX_IMAGE, FOREVER, { resources, resizePolicy })] })
    const before = await harness.until('restarts', running)
    resize('restarts', { limits: { memory: '48Mi' } })
    const after = await harness.until('restarts', pod => main(pod)?.restartCount === 1 && running(pod))
    assert.notEqual(main(after)?.containerID, main(before)?.containerID)
    assert.equal(after.status?.podIP, before.status?.podIP)
    await harness.until('restarts', pod => main(pod)?.resources?.limits?.memory === '48Mi')
    assert.equal(limits('restarts').memory, String(48 * 2 ** 20))
    const killing = harness.server
      .list(Events)
      .find(event => event.involvedObject.name === 'restarts' && event.reason === 'Killing')
    assert.equal(killing?.message, 'Container main resize requires restart')
    // and for a request alone, which the runtime knows nothing of
    resize('restarts', { requests: { memory: '40Mi' }, limits: { memory: '48Mi' } })
    const again = await harness.until('restarts', pod => main(pod)?.restartCount === 2 && running(pod))
    assert.deepEqual(main(again)?.resources?.requests, { memory: '40Mi' })
  })

  test('what the node does not have is not granted, and said so, also by the next kubelet', async () => {
    const resources = { requests: { cpu: '100m' } }
    harness.run('greedy', { containers: [busybox(BUSYBOX_IMAGE, FOREVER, { resources })] })
    await harness.until('greedy', running)
    resize('greedy', { requests: { cpu: '1000' } })
    const pod = await harness.until('greedy', each => condition(each, 'PodResizePending') !== undefined)
    const { reason, message } = condition(pod, 'PodResizePending')!
    assert.equal(reason, 'Infeasible')
    assert.match(message!, /^Node didn't have enough capacity: cpu, requested: 1000000, capacity: \d+$/)
    assert.deepEqual(main(pod)?.allocatedResources, { cpu: '100m' })
    await harness.stopKubelet()
    harness.startKubelet()
    await harness.until('greedy', running)
    assert.deepEqual(main(harness.pod('greedy'))?.allocatedResources, { cpu: '100m' })
    resize('greedy', { requests: { cpu: '200m' } })
    await harness.until('greedy', each => condition(each, 'PodResizePending') === undefined)
    await harness.until('greedy', each => main(each)?.resources?.requests?.cpu === '200m')
  })

  test('a limit below what is in use is not set', async () => {
    const resources = { limits: { memory: '64Mi' } }
    const script = `dd if=/dev/zero of=/dev/shm/x bs=1M count=24; ${FOREVER}`
    harness.run('full', { containers: [busybox(BUSYBOX_IMAGE, script, { resources })] })
    await harness.until('full', running)
    const containerId = main(harness.pod('full'))!.containerID!.replace('containerd://', '')
    const cmd = ['sh', '-c', 'until [ "$(stat -c %s /dev/shm/x)" = 25165824 ]; do :; done']
    await containerd.cri.execSync({ containerId, cmd, timeout: 20 })
    resize('full', { limits: { memory: '16Mi' } })
    const pod = await harness.until('full', each => condition(each, 'PodResizeInProgress')?.reason === 'Error')
    assert.match(condition(pod, 'PodResizeInProgress')?.message ?? '', /memory limit \(16777216\) below current usage/)
    assert.equal(main(pod)?.resources?.limits?.memory, '64Mi')
    assert.equal(main(pod)?.restartCount, 0)
  })
})
