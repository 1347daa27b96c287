import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BUSYBOX_IMAGE } from '@canopus/cri/testing'
import { busybox, type Harness, onContainerd, whyNoContainers } from './testing/harness.ts'
import { ended } from './testing/pod-questions.ts'

/** More at once than the kernel names in its log: it tells of ten victims in five seconds. */
const MANY = 24

describe('containers that die for memory at once', { skip: whyNoContainers }, () => {
  let harness: Harness
  onContainerd(started => {
    harness = started
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
