import type { ContainerImage, NodeCondition, NodeFeatures, NodeRuntimeHandler, NodeStatus } from '@canopus/api/core/v1'
import { formatQuantity, quantityOf, quantityValue, semanticEqual, subtractQuantities } from '@canopus/apimachinery'
import type { StatusResponse } from '@canopus/cri'
import type { DiskFacts, MachineFacts, MemoryUse } from './machine.ts'

export interface NodeFacts {
  nodeName: string
  nodeIps: readonly string[]
  machine: MachineFacts
  disk: DiskFacts
  memory: MemoryUse
  freePids: boolean
  /** Why the node cannot run pods, or nothing where it can. */
  notReady: string | undefined
  runtimeVersion: string
  /** What the runtime can do, by its handlers and as a whole; nothing of runtimes that do not tell. */
  runtimeHandlers: readonly NodeRuntimeHandler[]
  runtimeFeatures: NodeFeatures | undefined
  version: string
  maxPods: number
  reserved: Readonly<Record<string, string>>
  port: number | undefined
  images: readonly ContainerImage[]
  /** RFC 3339. */
  now: string
}

export type RuntimeAbilities = Pick<NodeFacts, 'runtimeHandlers' | 'runtimeFeatures'>

const PRESSURE_MEMORY_BYTES = 100 * 1024 * 1024
const PRESSURE_DISK_SHARE = 0.1
/** How many images a node tells of, the biggest ones. */
export const MAX_IMAGES = 50

/** What the node can hold in all. */
export function nodeCapacity(facts: Pick<NodeFacts, 'machine' | 'disk' | 'maxPods'>): Record<string, string> {
  const kibibytes = (bytes: number): string => `${Math.floor(bytes / 1024)}Ki`
  return {
    cpu: String(facts.machine.cpus),
    memory: kibibytes(facts.machine.memory),
    pods: String(facts.maxPods),
    'ephemeral-storage': kibibytes(facts.disk.capacityBytes),
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
  }
}

/** What of it is there for pods. */
export function nodeAllocatable(
  capacity: Readonly<Record<string, string>>,
  reserved: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(capacity).map(([name, amount]) => {
      const left = reserved[name] === undefined ? undefined : subtractQuantities(amount, reserved[name])
      if (left === undefined) return [name, amount]
      return [name, quantityValue(left) > 0 ? formatQuantity(left) : formatQuantity(quantityOf(0))]
    }),
  )
}

/**
 * What newer nodes can do, and this one too (k8s.io/component-helpers/nodedeclaredfeatures): exec, attach and port-forward are
 * taken over WebSockets. Sorted.
 */
const DECLARED = ['ExtendWebSocketsToKubelet']

/** A node's status (upstream pkg/kubelet/nodestatus/setters.go). */
export function nodeStatus(facts: NodeFacts, old: NodeStatus | undefined): NodeStatus {
  // Others may say what else the node has: extended resources (`MachineInfo`).
  const capacity = { ...old?.capacity, ...nodeCapacity(facts) }
  return {
    ...old,
    capacity,
    allocatable: nodeAllocatable(capacity, facts.reserved),
    conditions: conditions(facts, old?.conditions ?? []),
    addresses: [
      ...facts.nodeIps.map(address => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: facts.nodeName },
    ],
    ...(facts.port !== undefined && { daemonEndpoints: { kubeletEndpoint: { Port: facts.port } } }),
    nodeInfo: {
      machineID: facts.machine.machineId,
      systemUUID: facts.machine.systemUuid,
      bootID: facts.machine.bootId,
      kernelVersion: facts.machine.kernelVersion,
      osImage: facts.machine.osImage,
      containerRuntimeVersion: facts.runtimeVersion,
      kubeletVersion: facts.version,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: facts.machine.architecture,
    },
    images: [...facts.images],
    runtimeHandlers: [...facts.runtimeHandlers],
    ...(facts.runtimeFeatures !== undefined && { features: facts.runtimeFeatures }),
    declaredFeatures: [...DECLARED],
  }
}

/** What a runtime's answer says of what it can do (upstream pkg/kubelet/kuberuntime/helpers.go, toKubeRuntimeStatus). */
export function runtimeAbilities({ runtimeHandlers, features }: StatusResponse): RuntimeAbilities {
  return {
    runtimeHandlers: runtimeHandlers.map(({ name, features: able }) => ({
      name,
      features: {
        recursiveReadOnlyMounts: able?.recursiveReadOnlyMounts ?? false,
        userNamespaces: able?.userNamespaces ?? false,
      },
    })),
    runtimeFeatures: features && { supplementalGroupsPolicy: features.supplementalGroupsPolicy },
  }
}

function conditions(facts: NodeFacts, old: readonly NodeCondition[]): NodeCondition[] {
  const { disk, memory } = facts
  const memoryShort = memory.availableBytes < PRESSURE_MEMORY_BYTES
  const diskShort = disk.availableBytes < disk.capacityBytes * PRESSURE_DISK_SHARE
  const fresh: [string, boolean, string, string][] = [
    memoryShort
      ? ['MemoryPressure', true, 'KubeletHasInsufficientMemory', 'kubelet has insufficient memory available']
      : ['MemoryPressure', false, 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    diskShort
      ? ['DiskPressure', true, 'KubeletHasDiskPressure', 'kubelet has disk pressure']
      : ['DiskPressure', false, 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    facts.freePids
      ? ['PIDPressure', false, 'KubeletHasSufficientPID', 'kubelet has sufficient PID available']
      : ['PIDPressure', true, 'KubeletHasInsufficientPID', 'kubelet has insufficient PID available'],
    facts.notReady === undefined
      ? ['Ready', true, 'KubeletReady', 'kubelet is posting ready status']
      : ['Ready', false, 'KubeletNotReady', facts.notReady],
  ]
  const own = fresh.map(([type, is, reason, message]): NodeCondition => {
    const status = is ? 'True' : 'False'
    const before = old.find(condition => condition.type === type)
    const transition = before?.status === status ? before.lastTransitionTime : undefined
    return { type, status, lastHeartbeatTime: facts.now, lastTransitionTime: transition ?? facts.now, reason, message }
  })
  return [...old.filter(condition => !fresh.some(([type]) => type === condition.type)), ...own]
}

/** Whether two statuses say the same, whenever they were said. */
export function sameNodeStatus(a: NodeStatus | undefined, b: NodeStatus): boolean {
  const timeless = (status: NodeStatus | undefined): unknown => ({
    ...status,
    conditions: status?.conditions
      ?.map(({ lastHeartbeatTime: _, ...condition }) => condition)
      .sort((x, y) => (x.type < y.type ? -1 : 1)),
  })
  return semanticEqual(timeless(a), timeless(b))
}
