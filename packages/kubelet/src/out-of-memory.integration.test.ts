import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Pod } from '@canopus/api/core/v1'
import {
  BUSYBOX_IMAGE,
  busyboxImage,
  startContainerd,
  type TestContainerd,
  whyNoBusybox,
  whyNoContainerd,
} from '@canopus/cri/testing'
import { busybox, createHarness, type Harness } from './testing/harness.ts'

const skip = whyNoContainerd() ?? whyNoBusybox() ?? false
const ended = (pod: Pod | undefined): boolean => ['Succeeded', 'Failed'].includes(pod?.status?.phase ?? '')
/** More at once than the kernel names in its log: it tells of ten victims in five seconds. */
const MANY = 24

describe('containers that die for memory at once', { skip }, () => {
  let containerd: TestContainerd
  let harness: Harness
  before(async () => {
    containerd = await startContainerd()
    await containerd.import(await busyboxImage())
    harness = createHarness(containerd.cri)
  })
  after(async () => {
    await harness.close()
    await containerd.stop()
  })

  test('every one of them is OOMKilled, and nobody else', async () => {
    const names = Array.from({ length: MANY }, (_, index) => `oom-${index}`)
    const greedy = ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=80M', 'count=1']
    const limits = { memory: '12Mi' }
    harness.run('killed', {
      restartPolicy: 'Never',
      containers: [busybox(BUSYBOX_IMAGE, 'exit 137', { resources: { limits } })],
    })
    for (const name of names)
      harness.run(name, {
        restartPolicy: 'Never',
        containers: [busybox(BUSYBOX_IMAGE, '', { command: greedy, resources: { limits } })],
      })
    const reasons = await Promise.all(
      names.map(async name => {
        const pod = await harness.until(name, ended, 60_000)
        const { reason, exitCode } = pod.status?.containerStatuses?.[0]?.state?.terminated ?? {}
        return `${reason} ${exitCode}`
      }),
    )
    const killed = await harness.until('killed', ended, 60_000)
    assert.equal(killed.status?.containerStatuses?.[0]?.state?.terminated?.reason, 'Error')
    assert.deepEqual(new Set(reasons), new Set(['OOMKilled 137']), reasons.join())
  })
})
