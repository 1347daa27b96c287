/**
 * API server and scheduler in one process, as `canopus up` runs them, but without controllers: nodes have no kubelets, so
 * that nothing but scheduling happens. The pods are created from inside the process too, as scheduler_perf does it.
 */
import {
  builtInKinds,
  CSINodes,
  Namespaces,
  Nodes,
  PersistentVolumeClaims,
  PersistentVolumes,
  Pods,
  PriorityClasses,
  ServiceAccounts,
  Services,
} from '../../packages/api/src/index.ts'
import { bootstrapCluster, createApiServer, createSecurity } from '../../packages/apiserver/src/index.ts'
import { type Client, createClient, createInformerFactory } from '../../packages/client/src/index.ts'
import { createSeriesRecorder } from '../../packages/operator/src/index.ts'
import { createClusterPki, createLogger, systemClock, systemRandom } from '../../packages/platform/src/index.ts'
import { createScheduler } from '../../packages/scheduler/src/index.ts'
import { createMemoryStore } from '../../packages/store/src/index.ts'
import { answerCalls } from '../support/child.ts'
import { createGauge } from '../support/gauge.ts'
import { type PodDraft, tooBig, type Workload, type WorkloadName, workloads } from '../support/scheduling-workloads.ts'

const ADMINISTRATOR = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] }
const SCHEDULER = { name: 'system:kube-scheduler', groups: ['system:authenticated'] }
/** How many creates are under way at once. */
const WIDTH = 64
const NAMESPACE = 'default'
/** Names of what comes beside the pods that count. */
const CHURN_PREFIX = 'churn-'
const clock = systemClock
const logger = createLogger({ level: 'error' })
const stopping = new AbortController()
let stop: (() => Promise<unknown>) | undefined

export interface Asked {
  workload: WorkloadName
  nodes: number
  /** Part of the workload's pods that is used: 1 for all. */
  scale: number
}

export interface Measured {
  pods: number
  milliseconds: number
  /** Milliseconds of this process' CPU. */
  cpu: number
}

answerCalls(
  {
    async run({ workload: name, nodes, scale }: Asked): Promise<Measured> {
      const workload: Workload = workloads[name]
      const { client, bound } = await startCluster()
      await prepare(client, workload, nodes)
      const before = Math.round(workload.before * scale)
      const measured = Math.round(workload.measured * scale)
      await createPods(client, workload, 'before', before, false)
      await bound.until(before)
      const churning = new AbortController()
      const churn = workload.churn === undefined ? undefined : startChurn(client, workload.churn, churning.signal)
      if (workload.volumes) await createVolumes(client, measured)
      const already = bound.count
      const gauge = createGauge()
      await gauge.begin()
      await createPods(client, workload, 'measured', measured, true)
      await bound.until(already + measured)
      const { wall, cpu } = await gauge.end()
      churning.abort()
      await churn
      return { pods: measured, milliseconds: wall, cpu }
    },
  },
  async () => {
    stopping.abort()
    await stop?.()
  },
)

interface Bound {
  readonly count: number
  until(count: number): Promise<void>
}

async function startCluster(): Promise<{ client: Client; bound: Bound }> {
  const store = createMemoryStore({ clock })
  const pki = await createClusterPki({ clusterName: 'bench', addresses: ['127.0.0.1'], clock })
  const server = createApiServer({
    store,
    clock,
    random: systemRandom,
    logger,
    kinds: builtInKinds,
    security: createSecurity({ serviceAccountKey: pki.serviceAccount.privateKey }),
  })
  await server.start()
  const client = createClient(server.transport(ADMINISTRATOR))
  await bootstrapCluster(client)
  await client
    .resource(Namespaces)
    .create({ metadata: { name: NAMESPACE }, spec: {} })
    .catch(() => {})
  await client.resource(ServiceAccounts).create({ metadata: { name: 'default', namespace: NAMESPACE } })
  await client.resource(PriorityClasses).create({ metadata: { name: 'high' }, value: 1000 })
  const own = createClient(server.transport(SCHEDULER), { userAgent: 'kube-scheduler', shared: true })
  const informers = createInformerFactory({ client: own, clock, random: systemRandom, logger })
  const events = createSeriesRecorder({ client: own, clock, logger, component: 'default-scheduler' })
  const bound = countBound(informers.informer(Pods))
  const scheduler = createScheduler({ client: own, informers, clock, random: systemRandom, logger, events })
  const running = scheduler.run(stopping.signal)
  informers.start(stopping.signal)
  await informers.waitForSync(stopping.signal)
  stop = async () => {
    await running
    await server.stop()
    await store.close()
  }
  return { client, bound }
}

/** Counts bindings as the scheduler's own informer sees them. */
function countBound(informer: ReturnType<ReturnType<typeof createInformerFactory>['informer']>): Bound {
  let count = 0
  let wanted = { count: Number.POSITIVE_INFINITY, resolve: (): void => {} }
  const nodeOf = (pod: unknown): string | undefined => (pod as { spec?: { nodeName?: string } }).spec?.nodeName
  const isChurn = (pod: unknown): boolean =>
    (pod as { metadata: { name: string } }).metadata.name.startsWith(CHURN_PREFIX)
  informer.addHandler({
    updated(old, pod) {
      if (nodeOf(old) || !nodeOf(pod) || isChurn(pod)) return
      if (++count >= wanted.count) wanted.resolve()
    },
  })
  return {
    get count() {
      return count
    },
    until: target =>
      count >= target
        ? Promise.resolve()
        : new Promise(resolve => {
            wanted = { count: target, resolve }
          }),
  }
}

/** Runs `work` for 0 to count - 1, some at once. */
async function many(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: WIDTH }, worker))
}

async function prepare(client: Client, workload: Workload, nodes: number): Promise<void> {
  await many(nodes, async index => {
    const name = `node-${index}`
    const { labels } = workload.node(index)
    const resources = { cpu: '4', memory: '32Gi', pods: '110' }
    await client.resource(Nodes).create({
      metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
      status: {
        capacity: resources,
        allocatable: resources,
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    } as never)
    // New nodes are tainted until somebody has seen them ready, and here nobody looks.
    await client.resource(Nodes).patch(name, 'merge', { spec: { taints: null } })
    if (!workload.volumes) return
    const drivers = [{ name: 'csi.example.com', nodeID: name, allocatable: { count: 39 } }]
    await client.resource(CSINodes).create({ metadata: { name }, spec: { drivers } } as never)
  })
  if (workload.service) {
    await client.resource(Services).create({
      metadata: { name: 'all', namespace: NAMESPACE },
      spec: { selector: { app: 'scheduler-perf' }, ports: [{ port: 80 }], clusterIP: 'None' },
    } as never)
  }
}

/** Pairs that are bound to each other already. */
async function createVolumes(client: Client, count: number): Promise<void> {
  const shape = { accessModes: ['ReadWriteOnce'], storageClassName: '', volumeMode: 'Filesystem' }
  await many(count, async index => {
    const claim = await client.resource(PersistentVolumeClaims).create({
      metadata: {
        name: `claim-${index}`,
        namespace: NAMESPACE,
        annotations: { 'pv.kubernetes.io/bind-completed': 'true' },
      },
      spec: { ...shape, volumeName: `volume-${index}`, resources: { requests: { storage: '1Gi' } } },
    } as never)
    const { name, namespace, uid } = claim.metadata
    await client.resource(PersistentVolumes).create({
      metadata: { name: `volume-${index}` },
      spec: {
        ...shape,
        capacity: { storage: '1Gi' },
        persistentVolumeReclaimPolicy: 'Retain',
        csi: { driver: 'csi.example.com', volumeHandle: `handle-${index}` },
        claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid },
      },
    } as never)
  })
}

async function createPods(
  client: Client,
  workload: Workload,
  prefix: string,
  count: number,
  measured: boolean,
): Promise<void> {
  await many(count, async index => {
    const volumes = workload.volumes && {
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: `claim-${index}` } }],
    }
    await createPod(client, `${prefix}-${index}`, workload.pod(index, measured), volumes)
  })
}

async function createPod(client: Client, name: string, draft: PodDraft, more?: Record<string, unknown>): Promise<void> {
  const { labels, requests, spec } = draft
  // Nobody looks at the answer.
  await client.resource(Pods).createUnread({
    metadata: { name, namespace: NAMESPACE, ...(labels ? { labels } : {}) },
    spec: {
      containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10.1', resources: { requests } }],
      ...spec,
      ...more,
    },
  } as never)
}

const startChurn = (client: Client, churn: NonNullable<Workload['churn']>, signal: AbortSignal): Promise<void> =>
  churn === 'recreate' ? recreateUntil(client, signal) : createUntil(client, churn, signal)

async function createUntil(client: Client, draft: PodDraft, signal: AbortSignal): Promise<void> {
  for (let round = 0; !signal.aborted; round++) {
    await createPod(client, `${CHURN_PREFIX}${round}`, draft)
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}

async function recreateUntil(client: Client, signal: AbortSignal): Promise<void> {
  for (let round = 0; !signal.aborted; round++) {
    const name = `${CHURN_PREFIX}${round}`
    const status = { capacity: { pods: '0' }, conditions: [{ type: 'Ready', status: 'True' }] }
    await client.resource(Nodes).create({ metadata: { name }, status } as never)
    await createPod(client, name, tooBig)
    const spec = { selector: { churn: name }, ports: [{ port: 80 }], clusterIP: 'None' }
    await client.resource(Services).create({ metadata: { name, namespace: NAMESPACE }, spec } as never)
    await new Promise(resolve => setTimeout(resolve, 1000))
    await client.resource(Nodes).delete(name)
    await client.resource(Pods).delete(name, { namespace: NAMESPACE, body: { gracePeriodSeconds: 0 } })
    await client.resource(Services).delete(name, { namespace: NAMESPACE })
  }
}
