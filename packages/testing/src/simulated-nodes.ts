import { Leases, Nodes, Pods } from '@canopus/api'
import type { Lease } from '@canopus/api/coordination/v1'
import type { ContainerStatus, Node, NodeStatus, Pod, PodCondition, PodStatus } from '@canopus/api/core/v1'
import { type Draft, formatMicroTime, formatTime, hasReason } from '@canopus/apimachinery'
import { type Clock, type Logger, sleep, whenAborted } from '@canopus/base'
import type { Client, Informer, InformerFactory } from '@canopus/client'

export interface SimulatedNodesOptions {
  client: Client
  informers: InformerFactory
  clock: Clock
  logger: Logger
  count: number
  /** Names are this and a number from 0. Default `node-`. */
  prefix?: string
  capacity?: Readonly<Record<string, string>>
  /** Milliseconds from binding to Ready. Default 0: at once. */
  startDelay?: number
  /** Milliseconds between heartbeats. Default 10 s. */
  heartbeat?: number
}

const CAPACITY = { cpu: '32', memory: '256Gi', pods: '110', 'ephemeral-storage': '1Ti' }
const LEASE_NAMESPACE = 'kube-node-lease'
const LEASE_SECONDS = 40

/**
 * Nodes without a machine: they register, send heartbeats, and say of every pod bound to them that it runs (or, for a job's
 * pod, that it has ended). Pods that are deleted go at once. Ends with the signal.
 */
export async function runSimulatedNodes(options: SimulatedNodesOptions, signal: AbortSignal): Promise<void> {
  const names = Array.from({ length: options.count }, (_, index) => `${options.prefix ?? 'node-'}${index}`)
  const pods = options.informers.informer(Pods)
  const agent = new SimulatedKubelets(options, new Set(names), pods)
  await pods.waitForSync(signal).catch(error => {
    if (!signal.aborted) throw error
  })
  if (signal.aborted) return
  const remove = pods.addHandler({
    added: pod => agent.see(pod),
    updated: (_, pod) => agent.see(pod),
    deleted: pod => agent.forget(pod),
  })
  await Promise.all([agent.register(names), agent.beat(names, signal), whenAborted(signal)])
  remove()
}

class SimulatedKubelets {
  private readonly options: SimulatedNodesOptions
  private readonly names: ReadonlySet<string>
  private readonly pods: Informer<Pod>
  /** Pods on which something is under way, by uid. */
  private readonly busy = new Set<string>()
  private nextAddress = 1

  constructor(options: SimulatedNodesOptions, names: ReadonlySet<string>, pods: Informer<Pod>) {
    this.options = options
    this.names = names
    this.pods = pods
  }

  async register(names: readonly string[]): Promise<void> {
    const nodes = this.options.client.resource(Nodes)
    await Promise.all(
      names.map(async (name, index) => {
        await nodes.create(nodeNamed(name)).catch(ignoreExisting)
        await nodes.patch(name, 'merge', { status: this.nodeStatus(index) }, { subresource: 'status' })
      }),
    )
  }

  async beat(names: readonly string[], signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const name of names) {
        await this.renew(name).catch(error => this.warn('heartbeat failed', error))
        if (signal.aborted) return
      }
      await sleep(this.options.clock, this.options.heartbeat ?? 10_000, signal).catch(() => {})
    }
  }

  private async renew(name: string): Promise<void> {
    const leases = this.options.client.resource(Leases)
    const renewTime = formatMicroTime(this.options.clock.now())
    try {
      await leases.patch(name, 'merge', { spec: { renewTime } }, { namespace: LEASE_NAMESPACE })
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error
      const lease: Draft<Lease> = {
        metadata: { name, namespace: LEASE_NAMESPACE },
        spec: { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime },
      }
      await leases.create(lease).catch(ignoreExisting)
    }
  }

  see(pod: Pod): void {
    const { uid } = pod.metadata
    if (!this.names.has(pod.spec.nodeName ?? '') || this.busy.has(uid)) return
    const action = nextAction(pod)
    if (action === undefined) return
    this.busy.add(uid)
    void this.act(pod, action).finally(() => {
      this.busy.delete(uid)
      const current = this.pods.lister.get(pod.metadata.name, pod.metadata.namespace)
      if (current && current.metadata.uid === uid && current.metadata.resourceVersion !== pod.metadata.resourceVersion)
        this.see(current)
    })
  }

  forget(pod: Pod): void {
    this.busy.delete(pod.metadata.uid)
  }

  private async act(pod: Pod, action: PodAction): Promise<void> {
    const { client, clock, startDelay = 0 } = this.options
    const pods = client.resource(Pods)
    const { name, namespace = '', uid } = pod.metadata
    try {
      if (action === 'remove')
        return await pods.delete(name, { namespace, body: { gracePeriodSeconds: 0, preconditions: { uid } } })
      if (startDelay > 0) await sleep(clock, startDelay)
      const status =
        action === 'complete' ? completedStatus(pod, clock.now()) : runningStatus(pod, clock.now(), this.address())
      await pods.patch(name, 'merge', { metadata: { uid }, status }, { namespace, subresource: 'status' })
    } catch (error) {
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) this.warn('a simulated kubelet failed', error)
    }
  }

  private address(): string {
    const index = this.nextAddress++
    return `10.244.${Math.floor(index / 250) % 256}.${(index % 250) + 2}`
  }

  private nodeStatus(index: number): NodeStatus {
    const now = formatTime(this.options.clock.now())
    const capacity = { ...CAPACITY, ...this.options.capacity }
    return {
      capacity,
      allocatable: capacity,
      addresses: [{ type: 'InternalIP', address: `172.31.${Math.floor(index / 250)}.${(index % 250) + 2}` }],
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
          lastHeartbeatTime: now,
          lastTransitionTime: now,
        },
      ],
      nodeInfo: { ...NODE_INFO },
    }
  }

  private warn(message: string, error: unknown): void {
    this.options.logger.warn(message, { error })
  }
}

const NODE_INFO = {
  machineID: '',
  systemUUID: '',
  bootID: '',
  kernelVersion: 'simulated',
  osImage: 'simulated',
  containerRuntimeVersion: 'simulated://1',
  kubeletVersion: 'v1.36.0',
  kubeProxyVersion: '',
  operatingSystem: 'linux',
  architecture: 'amd64',
}

function nodeNamed(name: string): Draft<Node> {
  const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' }
  return { metadata: { name, labels }, spec: {} }
}

const ignoreExisting = (error: unknown): undefined => {
  if (!hasReason(error, 'AlreadyExists')) throw error
}

type PodAction = 'remove' | 'start' | 'complete'

/** What a kubelet would do next for a pod on its node. */
export function nextAction(pod: Pod): PodAction | undefined {
  if (pod.metadata.deletionTimestamp !== undefined) return 'remove'
  const phase = pod.status?.phase ?? 'Pending'
  if (phase === 'Pending') return isJobPod(pod) ? 'complete' : 'start'
  return undefined
}

const isJobPod = (pod: Pod): boolean =>
  pod.metadata.ownerReferences?.some(owner => owner.kind === 'Job' && owner.controller) ?? false

function conditions(now: string, ready: boolean, reason?: string): PodCondition[] {
  const condition = (type: string, status: boolean): PodCondition => ({
    type,
    status: status ? 'True' : 'False',
    lastTransitionTime: now,
    ...(reason && !status ? { reason } : {}),
  })
  return [
    condition('PodScheduled', true),
    condition('PodReadyToStartContainers', ready),
    condition('Initialized', true),
    condition('ContainersReady', ready),
    condition('Ready', ready),
  ]
}

function containerStatuses(
  pod: Pod,
  state: (index: number) => ContainerStatus['state'],
  ready: boolean,
): ContainerStatus[] {
  return pod.spec.containers.map((container, index) => ({
    name: container.name,
    image: container.image ?? '',
    imageID: '',
    containerID: `simulated://${pod.metadata.uid}-${index}`,
    ready,
    started: ready,
    restartCount: 0,
    ...(state(index) ? { state: state(index)! } : {}),
  }))
}

function runningStatus(pod: Pod, milliseconds: number, address: string): PodStatus {
  const now = formatTime(milliseconds)
  return {
    phase: 'Running',
    conditions: conditions(now, true),
    startTime: now,
    podIP: address,
    podIPs: [{ ip: address }],
    containerStatuses: containerStatuses(pod, () => ({ running: { startedAt: now } }), true),
  }
}

function completedStatus(pod: Pod, milliseconds: number): PodStatus {
  const now = formatTime(milliseconds)
  const ended = { exitCode: 0, reason: 'Completed', startedAt: now, finishedAt: now }
  return {
    phase: 'Succeeded',
    conditions: conditions(now, false, 'PodCompleted'),
    startTime: now,
    containerStatuses: containerStatuses(pod, () => ({ terminated: ended }), false),
  }
}
