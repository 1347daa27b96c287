import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type Clock, silentLogger, sleep } from '@canopus/base'
import { packImage } from '@canopus/cri'
import { BUSYBOX_IMAGE, type TestContainerd } from '@canopus/cri/testing'
import { systemClock } from '@canopus/platform'
import { ImageGarbageCollector } from './images/garbage.ts'
import { RuntimeView } from './runtime/view.ts'
import { busybox, type Harness, onContainerd, whyNoContainers } from './testing/harness.ts'

const UNUSED_IMAGE = 'docker.io/library/unused:1'

/** Ten seconds of this clock are one: what a kubelet does every minute comes while a test waits. */
function fastClock(): Clock {
  const start = systemClock.now()
  return {
    now: () => start + (systemClock.now() - start) * 10,
    monotonic: () => systemClock.monotonic() * 10,
    setTimer: (delay, callback) => systemClock.setTimer(delay / 10, callback),
  }
}

async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = systemClock.monotonic() + 60_000; systemClock.monotonic() < end; await sleep(systemClock, 50))
    if (await holds()) return
  throw new Error(`never: ${what}`)
}

describe('what a kubelet clears away', { skip: whyNoContainers }, () => {
  let containerd: TestContainerd
  let harness: Harness
  onContainerd(
    (...started) => {
      ;[harness, containerd] = started
    },
    { clock: fastClock() },
  )
  const logsOf = (pod: string): string => {
    const { uid } = harness.pod(pod)!.metadata
    return join(harness.directory, 'logs', `default_${pod}_${uid}`, 'main')
  }

  test('a log over 10 MiB is put aside while its container goes on writing', async () => {
    const much = 'dd if=/dev/zero bs=1M count=11 2>/dev/null | tr "\\0" y'
    const lines = 'i=0; while :; do i=$((i+1)); echo "line $i"; sleep 0.05; done'
    harness.run('talker', { containers: [busybox(BUSYBOX_IMAGE, `${much}; echo; ${lines}`)] })
    const aside = (): string[] => (existsSync(logsOf('talker')) ? readdirSync(logsOf('talker')) : []).sort()
    await eventually('a rotated log', () => aside().length > 1)
    assert.match(aside().join(' '), /^0\.log 0\.log\.\d{8}-\d{6}$/)
    const text = (): string => readFileSync(join(logsOf('talker'), '0.log'), 'utf8')
    await eventually('lines in the new log', () => /stdout F line \d+\n.*stdout F line \d+\n/.test(text()))
    assert.ok(text().length < 5_000_000)
  })

  test('of a container that fails again and again the last two stay, with their logs', async () => {
    harness.run('loser', { containers: [busybox(BUSYBOX_IMAGE, 'echo again; exit 1')] })
    const uid = harness.pod('loser')!.metadata.uid
    await harness.until('loser', pod => (pod?.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 3, 90_000)
    const filter = { labelSelector: { 'io.kubernetes.pod.uid': uid } }
    const attempts = async (): Promise<number[]> => {
      const { containers } = await containerd.cri.listContainers({ filter })
      return containers.map(each => each.metadata!.attempt)
    }
    await eventually('the first attempts are gone', async () => (await attempts()).every(attempt => attempt > 1))
    await eventually('their logs are gone', () => readdirSync(logsOf('loser')).every(name => !/^[01]\.log/.test(name)))
    assert.ok((await attempts()).length >= 2)
  })

  test('images that nobody uses go where the disk is full, those of containers stay', async () => {
    const { cri } = containerd
    const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
    const files = [{ path: 'file', content: Buffer.from('unused') }]
    await containerd.import(await packImage({ name: UNUSED_IMAGE, architecture, files, config: {} }))
    const names = async (): Promise<string[]> => (await cri.listImages()).images.flatMap(image => image.repoTags)
    assert.ok((await names()).includes(UNUSED_IMAGE))
    const view = new RuntimeView(cri, join(harness.directory, 'logs'), silentLogger)
    await view.relist()
    let ahead = 0
    const clock = { ...systemClock, now: () => systemClock.now() + ahead }
    const collector = new ImageGarbageCollector(cri, clock, silentLogger, 'none')
    const disk = { capacityBytes: 100e9, availableBytes: 10e9, inodes: 1, freeInodes: 1 }
    await collector.collect(view.all(), disk)
    assert.ok((await names()).includes(UNUSED_IMAGE), 'an image that has just come stays')
    ahead = 600_000
    await collector.collect(view.all(), { ...disk, availableBytes: 50e9 })
    assert.ok((await names()).includes(UNUSED_IMAGE), 'with room on the disk it stays')
    await collector.collect(view.all(), disk)
    await eventually('the unused image is gone', async () => !(await names()).includes(UNUSED_IMAGE))
    assert.ok((await names()).includes(BUSYBOX_IMAGE))
  })
})
