import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Node, Pod, PodSpec, PodStatus } from '@canopus/api/core/v1'
import { SimulatedClock, silentLogger } from '@canopus/base'
import { emptyRuntime } from '../runtime/pod-runtime.ts'
import type { Services } from '../services.ts'
import { buildPod } from '../testing/builders.ts'
import { PodManager } from './pod-manager.ts'

const nodeWith = (labels: Record<string, string>): Node => ({
  metadata: { name: 'n1', labels } as Node['metadata'],
  spec: {},
  status: { allocatable: { cpu: '2', pods: '10' } },
})

/** Pods on a node whose runtime starts nothing: what is decided about them, and told. */
function createPods(stale: Node, fresh = stale) {
  const root = mkdtempSync(join(tmpdir(), 'pods-'))
  const ending = new AbortController()
  const statuses = new Map<string, PodStatus>()
  const written: string[] = []
  const events: string[] = []
  const tell = (pod: Pod, reason: string, message: string): number =>
    events.push(`${pod.metadata.name} ${reason} ${message}`)
  const view = {
    get: () => undefined,
    refresh: async (uid: string, name: string, namespace: string) => emptyRuntime(uid, name, namespace),
    all: () => [],
  }
  const changed = new Set<() => void>()
  const services = {
    clock: new SimulatedClock(),
    logger: silentLogger,
    random: { next: () => 0 },
    nodeIps: ['10.0.0.1'],
    view,
    events: { warning: tell, normal: tell },
    objects: { register: () => {}, unregister: () => {} },
    volumes: { podDirectory: (uid: string) => join(root, uid), unmount: async () => {} },
    cgroups: { remove: () => true },
    probes: { sync: () => {}, ending: () => {}, forget: () => {}, readiness: () => true, startup: () => true },
    statuses: {
      wanted: (uid: string) => statuses.get(uid),
      settled: async () => {},
      write(pod: Pod, status: PodStatus) {
        statuses.set(pod.metadata.uid, status)
        const ready = status.conditions?.find(({ type }) => type === 'Ready')
        written.push(`${pod.metadata.name} ${status.phase} ${ready?.status}`)
        for (const look of changed) look()
      },
    },
    usedHostPorts: async () => [],
    runtimeHandler: () => Promise.reject(new Error('nothing starts here')),
  } as unknown as Services
  let node = stale
  const refresh = async (): Promise<void> => {
    node = fresh
  }
  const pods = new PodManager(services, { get: () => node, refresh }, ending.signal)
  return {
    events,
    /** Each status that was written: the pod, its phase and whether it is ready. */
    written,
    told: () => pods.told(),
    /** Returns the pod's status once it says something of the phase. */
    until(name: string, phase: string): Promise<PodStatus> {
      return new Promise(resolve => {
        const look = (): void => {
          const status = statuses.get(name)
          if (status?.phase !== phase) return
          changed.delete(look)
          resolve(status)
        }
        changed.add(look)
        look()
      })
    },
    add(name: string, spec: Partial<PodSpec>, status?: PodStatus): void {
      pods.apply({ ...buildPod(spec, { name, uid: name }), ...(status && { status }) })
    },
    async end(): Promise<void> {
      ending.abort()
      await pods.stop()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

const onPort: Partial<PodSpec> = { containers: [{ name: 'main', ports: [{ containerPort: 80, hostPort: 80 }] }] }
const asking = (cpu: string, priority: number): Partial<PodSpec> => ({
  containers: [{ name: 'main', resources: { requests: { cpu } } }],
  priority,
})

test('a pod whose port another has fails, and its event and status say why', async () => {
  const pods = createPods(nodeWith({}))
  try {
    pods.add('first', onPort)
    await pods.until('first', 'Pending')
    pods.add('second', onPort)
    const { reason, message, containerStatuses } = await pods.until('second', 'Failed')
    const why = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
    assert.deepEqual([reason, message, containerStatuses], ['NodePorts', `Pod was rejected: ${why}`, undefined])
    assert.deepEqual(pods.events, [`second NodePorts ${why}`])
  } finally {
    await pods.end()
  }
})

test('a label that the kubelet has not heard of yet is asked for before a pod is refused', async () => {
  const pods = createPods(nodeWith({}), nodeWith({ disk: 'ssd' }))
  try {
    pods.add('picky', { nodeSelector: { disk: 'ssd' } })
    await pods.until('picky', 'Pending')
    pods.add('pickier', { nodeSelector: { disk: 'tape' } })
    assert.equal((await pods.until('pickier', 'Failed')).reason, 'NodeAffinity')
    assert.deepEqual(
      pods.events.map(event => event.split(' ', 2).join(' ')),
      ['pickier NodeAffinity'],
    )
  } finally {
    await pods.end()
  }
})

test('a critical pod takes the place of another, which says so; others do not', async () => {
  const pods = createPods(nodeWith({}))
  try {
    pods.add('web', asking('1500m', 0))
    await pods.until('web', 'Pending')
    pods.add('job', asking('1', 1000))
    assert.equal((await pods.until('job', 'Failed')).reason, 'OutOfcpu')
    pods.add('proxy', asking('1', 2_000_000_000))
    const { reason, message, conditions = [] } = await pods.until('web', 'Failed')
    assert.deepEqual([reason, message], ['Preempting', 'Preempted in order to admit critical pod'])
    assert.equal(conditions.find(({ type }) => type === 'DisruptionTarget')?.status, 'True')
    await pods.until('proxy', 'Pending')
  } finally {
    await pods.end()
  }
})

test('what was lost while no kubelet was here is told before anything is done about it', async () => {
  const pods = createPods(nodeWith({}))
  try {
    const state = { running: {} }
    const main = { name: 'main', ready: true, restartCount: 0, image: 'x', imageID: 'i', state, lastState: {} }
    const before: PodStatus = {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [main],
    }
    pods.add('server', {}, before)
    pods.add('once', { restartPolicy: 'Never' }, before)
    await pods.told()
    assert.deepEqual(pods.written, ['server Running False', 'once Failed False'])
  } finally {
    await pods.end()
  }
})
