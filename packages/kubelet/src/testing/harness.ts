import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { Pods } from '@canopus/api'
import type { Pod, PodSpec } from '@canopus/api/core/v1'
import { type Logger, sleep } from '@canopus/base'
import { createClient, createInformerFactory, type Transport } from '@canopus/client'
import { createFakeServer, type FakeServer } from '@canopus/client/testing'
import type { Cri } from '@canopus/cri'
import { busyboxImage, startContainerd, type TestContainerd, whyNoBusybox, whyNoContainerd } from '@canopus/cri/testing'
import { createEventRecorder } from '@canopus/operator'
import { createLogger, systemClock, systemRandom } from '@canopus/platform'
import { createKubelet } from '../kubelet.ts'
import { readMachineFacts } from '../node/machine.ts'
import type { KubeletOptions } from '../options.ts'
import { createCgroups } from '../runtime/cgroups.ts'
import { unmountBelow } from '../volumes/empty-dir.ts'

export const NODE = 'node-1'

/** A kubelet on a real container runtime and an API server in memory. */
export interface Harness {
  readonly server: FakeServer
  readonly directory: string
  /** Creates a pod that is bound to the node already. */
  run(name: string, spec: Partial<PodSpec> & Pick<PodSpec, 'containers'>): Pod
  pod(name: string): Pod | undefined
  /** Resolves once `condition` holds for the pod; rejects with its status after `limit` milliseconds. */
  until(name: string, condition: (pod: Pod | undefined) => boolean, limit?: number): Promise<Pod>
  /** Ends the kubelet; containers stay. */
  stopKubelet(): Promise<void>
  startKubelet(): void
  /** Ends everything and cleans up. */
  close(): Promise<void>
}

/** Why containers cannot be run here; false where they can. */
export const whyNoContainers: string | false = whyNoContainerd() ?? whyNoBusybox() ?? false

/** Hooks of the suite around the call: before its tests a containerd that has busybox, and a kubelet on it; after them both end. */
export function onContainerd(
  use: (harness: Harness, containerd: TestContainerd) => void,
  change: Partial<KubeletOptions> = {},
): void {
  let containerd: TestContainerd
  let harness: Harness
  before(async () => {
    containerd = await startContainerd()
    await containerd.import(await busyboxImage())
    harness = createHarness(containerd.cri, change)
    use(harness, containerd)
  })
  after(async () => {
    try {
      await harness.close()
    } finally {
      await containerd.stop()
    }
  })
}

export function createHarness(
  cri: Cri,
  change: Partial<KubeletOptions> = {},
  around: (server: Transport) => Transport = server => server,
): Harness {
  const clock = systemClock
  const directory = mkdtempSync(join(tmpdir(), 'kubelet-'))
  const logger: Logger = createLogger({ to: join(directory, 'kubelet.log'), level: 'debug' })
  const server = createFakeServer({ clock })
  const client = createClient(around(server))
  const cgroups = { driver: 'cgroupfs' as const, prefix: `/canopus-test-${process.pid}` }
  let running: { controller: AbortController; ended: Promise<void> } | undefined

  const startKubelet = (): void => {
    const controller = new AbortController()
    const informers = createInformerFactory({ client, clock, random: systemRandom, logger })
    const kubelet = createKubelet({
      client,
      informers,
      events: createEventRecorder({ client, clock, logger, component: 'kubelet', host: NODE }),
      cri,
      clock,
      random: systemRandom,
      logger,
      nodeName: NODE,
      nodeIps: ['127.0.0.1'],
      dirs: { root: join(directory, 'kubelet'), logs: join(directory, 'logs') },
      dns: { clusterIp: '10.96.0.10', domain: 'cluster.local' },
      machine: readMachineFacts(),
      cgroups,
      ...change,
    })
    running = { controller, ended: kubelet.run(controller.signal) }
  }
  const stopKubelet = async (): Promise<void> => {
    running?.controller.abort()
    await running?.ended
    running = undefined
  }
  const pod = (name: string): Pod | undefined => server.get(Pods, name, 'default')
  startKubelet()
  return {
    server,
    directory,
    pod,
    startKubelet,
    stopKubelet,
    run: (name, spec) =>
      server.add(Pods, {
        metadata: { name, namespace: 'default' },
        spec: { nodeName: NODE, restartPolicy: 'Always', terminationGracePeriodSeconds: 5, ...spec },
        status: { phase: 'Pending' },
      }),
    async until(name, condition, limit = 60_000) {
      const deadline = clock.monotonic() + limit
      for (;;) {
        const current = pod(name)
        if (condition(current)) return current!
        if (clock.monotonic() > deadline) throw new Error(`${name}: ${JSON.stringify(current?.status, null, 1)}`)
        await sleep(clock, 5)
      }
    },
    async close() {
      await stopKubelet()
      const { items } = await cri.listPodSandbox()
      for (const { id } of items) {
        await cri.stopPodSandbox({ podSandboxId: id })
        await cri.removePodSandbox({ podSandboxId: id })
      }
      createCgroups({ ...cgroups, logger }).removeAll()
      await unmountBelow(directory)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** A container of the local busybox image that runs a script. */
export function busybox(image: string, script: string, more: Partial<PodSpec['containers'][number]> = {}) {
  return { name: 'main', image, imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', script], ...more }
}
