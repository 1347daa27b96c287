import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Events, Pods } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import { BUSYBOX_IMAGE, type TestContainerd } from '@canopus/cri/testing'
import { busybox, type Harness, onContainerd, whyNoContainers } from './testing/harness.ts'
import { running } from './testing/pod-questions.ts'

describe('kubelet on a real containerd', { skip: whyNoContainers }, () => {
  let containerd: TestContainerd
  let harness: Harness
  onContainerd((...started) => {
    ;[harness, containerd] = started
  })

  test('a pod runs, tells of itself and goes when it is deleted', async context => {
    const startedAt = performance.now()
    harness.run('web', { containers: [busybox(BUSYBOX_IMAGE, 'trap "exit 0" TERM; while :; do sleep 0.05; done')] })
    const pod = await harness.until('web', running)
    context.diagnostic(`running after ${Math.round(performance.now() - startedAt)} ms`)
    assert.match(pod.status?.podIP ?? '', /^10\./)
    const [status] = pod.status?.containerStatuses ?? []
    assert.equal(status?.ready, true)
    assert.match(status?.containerID ?? '', /^containerd:\/\/[0-9a-f]{64}$/)
    const ready = pod.status?.conditions?.find(condition => condition.type === 'Ready')
    assert.equal(ready?.status, 'True')
    harness.server.change<Pod>(Pods, 'web', 'default', each => {
      each.metadata.deletionTimestamp = new Date().toISOString()
      each.metadata.deletionGracePeriodSeconds = 5
    })
    await harness.until('web', each => each === undefined)
    const { items } = await containerd.cri.listPodSandbox()
    assert.deepEqual(items, [])
    const reasons = harness.server
      .list(Events)
      .filter(event => event.involvedObject.name === 'web')
      .map(event => event.reason)
    assert.deepEqual(new Set(reasons), new Set(['Pulled', 'Created', 'Started', 'Killing']))
  })
})
