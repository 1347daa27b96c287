import type { TestCluster } from '../../e2e/support/cluster.ts'
import { Pods } from '../../packages/api/src/index.ts'
import type { Client } from '../../packages/client/src/index.ts'
import { busyboxImage, startContainerd, type TestContainerd } from '../../packages/cri/src/testing/index.ts'
import { COMMAND, IMAGE, withClient, withCluster } from '../support/container-cluster.ts'
import { atMost, type Benchmark, type Figure, figureOf, median, repeat, rounded, time } from '../support/figure.ts'

const MANY = 30
const ROUNDS_ONE = 9
const ROUNDS_MANY = 3

interface Times {
  one: number[]
  many: number[]
}

/** Pods of an image that is present until they run, and the same by calls to the runtime alone. */
export const pods: Benchmark = {
  name: 'pods',
  containers: true,
  async run(): Promise<Figure[]> {
    const runtime = await withRuntime(async containerd => ({
      one: await repeat(ROUNDS_ONE, round => time(() => runInRuntime(containerd, `one-${round}`))),
      many: await repeat(ROUNDS_MANY, round =>
        time(() => Promise.all(Array.from({ length: MANY }, (_, n) => runInRuntime(containerd, `many-${round}-${n}`)))),
      ),
    }))
    const canopus = await withCluster(async cluster => {
      await cluster.up()
      return withClient(cluster, client => timesOf(cluster, client))
    })
    const peer = (values: number[]): { peer: { name: string; value: number } } => ({
      peer: { name: 'the runtime alone, through CRI', value: rounded(median(values)) },
    })
    return [
      figureOf('kubectl run of a present image to Running', 'ms', canopus.one, {
        target: atMost(1000),
        ...peer(runtime.one),
      }),
      figureOf('30 pods at once to Running', 'ms', canopus.many, { target: atMost(5000), ...peer(runtime.many) }),
    ]
  },
}

async function timesOf(cluster: TestCluster, client: Client): Promise<Times> {
  const kubectlRun = (name: string): Promise<unknown> =>
    cluster.kubectl.run(['run', name, `--image=${IMAGE}`, '--image-pull-policy=IfNotPresent', '--', ...COMMAND])
  await untilRunning(client, ['pulls-the-image'], () => kubectlRun('pulls-the-image'))
  const one = await repeat(ROUNDS_ONE, async round => {
    const took = await time(() => untilRunning(client, [`one-${round}`], () => kubectlRun(`one-${round}`)))
    await remove(client, [`one-${round}`])
    return took
  })
  const many = await repeat(ROUNDS_MANY, async round => {
    const names = Array.from({ length: MANY }, (_, n) => `many-${round}-${n}`)
    const createAll = (): Promise<unknown> => Promise.all(names.map(name => client.resource(Pods).create(pod(name))))
    const took = await time(() => untilRunning(client, names, createAll))
    await remove(client, names)
    return took
  })
  return { one, many }
}

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

async function runInRuntime({ cri, directory }: TestContainerd, name: string): Promise<void> {
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
}
