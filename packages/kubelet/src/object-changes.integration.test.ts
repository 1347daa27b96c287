import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigMaps, Secrets } from '@canopus/api'
import type { ConfigMap, Pod, Secret } from '@canopus/api/core/v1'
import { BUSYBOX_IMAGE, type TestContainerd } from '@canopus/cri/testing'
import { busybox, type Harness, onContainerd, whyNoContainers } from './testing/harness.ts'
import { FOREVER, running } from './testing/pod-questions.ts'

const bytes = (text: string): string => Buffer.from(text).toString('base64')
/** Far less than the time after which a pod is looked at without cause. */
const PROMPTLY = 9_000

describe('config maps and secrets of running pods', { skip: whyNoContainers }, () => {
  let containerd: TestContainerd
  let harness: Harness
  onContainerd((...started) => {
    ;[harness, containerd] = started
  })

  /** Runs in the container, again and again until it says `wanted`. Returns the milliseconds that it took. */
  async function untilSays(name: string, script: string, wanted: string): Promise<number> {
    const startedAt = performance.now()
    const containerId = harness.pod(name)!.status!.containerStatuses![0]!.containerID!.replace('containerd://', '')
    for (;;) {
      const { stdout } = await containerd.cri.execSync({ containerId, cmd: ['sh', '-c', script], timeout: 10 })
      const took = performance.now() - startedAt
      if (Buffer.from(stdout).toString() === wanted) return took
      assert.ok(took < PROMPTLY, `${Buffer.from(stdout)} after ${Math.round(took)} ms`)
    }
  }

  test('changes are there at once, also beside a container that keeps crashing', async context => {
    harness.server.add<ConfigMap>(ConfigMaps, { metadata: { name: 'm', namespace: 'default' }, data: { v: '1' } })
    harness.server.add<Secret>(Secrets, { metadata: { name: 's', namespace: 'default' }, data: { v: bytes('1') } })
    const volumeMounts = ['m', 's'].map(name => ({ name, mountPath: `/${name}` }))
    harness.run('watching', {
      containers: [
        busybox(BUSYBOX_IMAGE, FOREVER, { volumeMounts }),
        busybox(BUSYBOX_IMAGE, 'exit 1', { name: 'crashing' }),
      ],
      volumes: [
        { name: 'm', configMap: { name: 'm' } },
        { name: 's', secret: { secretName: 's' } },
      ],
    })
    await harness.until('watching', running)
    const crashing = (pod: Pod | undefined) => pod?.status?.containerStatuses?.find(each => each.name === 'crashing')
    await harness.until('watching', pod => crashing(pod)?.state?.waiting?.reason === 'CrashLoopBackOff')
    await untilSays('watching', 'cat /m/v /s/v', '11')
    harness.server.change<ConfigMap>(ConfigMaps, 'm', 'default', each => {
      each.data = { v: '2' }
    })
    harness.server.change<Secret>(Secrets, 's', 'default', each => {
      each.data = { v: bytes('2') }
    })
    const took = await untilSays('watching', 'cat /m/v /s/v', '22')
    context.diagnostic(`changed after ${Math.round(took)} ms`)
  })

  test('a pod that waits for a config map starts when it comes', async context => {
    harness.run('patient', {
      containers: [busybox(BUSYBOX_IMAGE, FOREVER)],
      volumes: [{ name: 'v', configMap: { name: 'late' } }],
    })
    await harness.until('patient', pod => pod?.status?.containerStatuses?.[0]?.state?.waiting !== undefined)
    const startedAt = performance.now()
    harness.server.add<ConfigMap>(ConfigMaps, { metadata: { name: 'late', namespace: 'default' }, data: {} })
    await harness.until('patient', running, PROMPTLY)
    context.diagnostic(`running after ${Math.round(performance.now() - startedAt)} ms`)
  })
})
