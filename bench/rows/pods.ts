import type { TestCluster } from '../../e2e/support/cluster.ts'
import { Pods } from '../../packages/api/src/index.ts'
import type { Client } from '../../packages/client/src/index.ts'
import { busyboxImage, startContainerd, type TestContainerd } from '../../packages/cri/src/testing/index.ts'
import { COMMAND, IMAGE, ownProcesses, withClient, withCluster } from '../support/container-cluster.ts'
import { atMost, type Benchmark, type Figure, figureOf, median, repeat, rounded, time } from '../support/figure.ts'
import { cpuOf } from '../support/machine.ts'

const MANY = 30
const ROUNDS_ONE = 9
const ROUNDS_MANY = 5

/** One round: milliseconds with Canopus, with the runtime alone, and of the CPU that Canopus' own processes took. */
interface Round {
  canopus: number
  runtime: number
  cpu: number
}

/** Pods of an image that is present until they run, and in turns the same by calls to the runtime alone. */
export const pods: Benchmark = {
  name: 'pods',
  containers: true,
  run: () =>
    withRuntime(runtime =>
      withCluster(async cluster => {
        await cluster.up()
        return withClient(cluster, async client => [
          figure('kubectl run of a present image to Running', 1000, await one(runtime, cluster, client)),
          figure('30 pods at once to Running', 5000, await many(runtime, cluster, client)),
        ])
      }),
    ),
}

function figure(name: string, target: number, rounds: readonly Round[]): Figure {
  return figureOf(
    name,
    'ms',
    rounds.map(({ canopus }) => canopus),
    {
      target: atMost(target),
      peer: { name: 'the runtime alone, through CRI', value: rounded(median(rounds.map(each => each.runtime))) },
      detail: `${rounded(median(rounds.map(({ cpu }) => cpu)))} ms CPU of control plane and agent`,
    },
  )
}

async function one(runtime: TestContainerd, cluster: TestCluster, client: Client): Promise<Round[]> {
  const kubectlRun = (name: string): Promise<unknown> =>
    cluster.kubectl.run(['run', name, `--image=${IMAGE}`, '--image-pull-policy=IfNotPresent', '--', ...COMMAND])
  await untilRunning(client, ['pulls-the-image'], () => kubectlRun('pulls-the-image'))
  return repeat(ROUNDS_ONE, async round => {
    const name = `one-${round}`
    const alone = await timeInRuntime(runtime, [name])
    const before = cpuOfCluster(cluster)
    const canopus = await time(() => untilRunning(client, [name], () => kubectlRun(name)))
    const cpu = cpuOfCluster(cluster) - before
    await remove(client, [name])
    return { canopus, runtime: alone, cpu }
  })
}

async function many(runtime: TestContainerd, cluster: TestCluster, client: Client): Promise<Round[]> {
  return repeat(ROUNDS_MANY, async round => {
    const names = Array.from({ length: MANY }, (_, n) => `many-${round}-${n}`)
    const alone = await timeInRuntime(runtime, names)
    const createAll = (): Promise<unknown> => Promise.all(names.map(name => client.resource(Pods).create(pod(name))))
    const before = cpuOfCluster(cluster)
    const canopus = await time(() => untilRunning(client, names, createAll))
    const cpu = cpuOfCluster(cluster) - before
    await remove(client, names)
    return { canopus, runtime: alone, cpu }
  })
}

const cpuOfCluster = (cluster: TestCluster): number =>
  ownProcesses(cluster).reduce((sum, { pid }) => sum + cpuOf(pid), 0)

const pod = (name: string): never =>
  ({
    metadata: { name, namespace: 'default' },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: IMAGE, imagePullPolicy: 'IfNotPresent', command: COMMAND }],
    },
  }) as never

/** Does `create` and waits, by a watch, until all pods of these names run. */
async function untilRunning(client: Client, names: string[], create: () => Promise<unknown>): Promise<void> {
  const missing = new Set(names)
  const started = await client.resource(Pods).list({ namespace: 'default' })
  const since = started.metadata.resourceVersion ?? ''
  const stop = new AbortController()
  const seen = (async () => {
    const options = { namespace: 'default', resourceVersion: since, signal: stop.signal }
    for await (const event of client.resource(Pods).watch(options)) {
      if (event.type !== 'MODIFIED' || event.object.status?.phase !== 'Running') continue
      missing.delete(event.object.metadata.name)
      if (missing.size === 0) return
    }
    throw new Error(`the watch ended while ${[...missing].join(', ')} did not run`)
  })()
  try {
    await Promise.all([seen, create()])
  } finally {
    stop.abort()
  }
}

/** Deletes pods and waits until they are gone, so that no round works beside the leftovers of the one before. */
async function remove(client: Client, names: string[]): Promise<void> {
  const pods = client.resource(Pods)
  const since = (await pods.list({ namespace: 'default' })).metadata.resourceVersion ?? ''
  const missing = new Set(names)
  await Promise.all(names.map(name => pods.delete(name, { namespace: 'default', body: { gracePeriodSeconds: 0 } })))
  const signal = AbortSignal.timeout(60_000)
  for await (const event of pods.watch({ namespace: 'default', resourceVersion: since, signal })) {
    if (event.type === 'DELETED') missing.delete(event.object.metadata.name)
    if (missing.size === 0) return
  }
}

async function withRuntime<T>(work: (containerd: TestContainerd) => Promise<T>): Promise<T> {
  const containerd = await startContainerd()
  try {
    await containerd.import(await busyboxImage('docker.io/library/busybox:latest'))
    return await work(containerd)
  } finally {
    await containerd.stop()
  }
}

/** Milliseconds until all run; then removes them again. */
async function timeInRuntime(runtime: TestContainerd, names: string[]): Promise<number> {
  const sandboxes: string[] = []
  const took = await time(() =>
    Promise.all(names.map(async name => void sandboxes.push(await runInRuntime(runtime, name)))),
  )
  for (const podSandboxId of sandboxes) {
    await runtime.cri.stopPodSandbox({ podSandboxId })
    await runtime.cri.removePodSandbox({ podSandboxId })
  }
  return took
}

/** Returns the sandbox of the pod. */
async function runInRuntime({ cri, directory }: TestContainerd, name: string): Promise<string> {
  const config = {
    metadata: { name, uid: name, namespace: 'default' },
    hostname: name,
    logDirectory: `${directory}/logs/${name}`,
  }
  const { podSandboxId } = await cri.runPodSandbox({ config })
  const { containerId } = await cri.createContainer({
    podSandboxId,
    sandboxConfig: config,
    config: {
      metadata: { name: 'main' },
      image: { image: 'docker.io/library/busybox:latest' },
      command: COMMAND,
      logPath: 'main/0.log',
    },
  })
  await cri.startContainer({ containerId })
  return podSandboxId
}
