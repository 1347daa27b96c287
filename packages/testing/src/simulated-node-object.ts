import { KUBERNETES_VERSION } from '@canopus/api'
import type { Node } from '@canopus/api/core/v1'
import { type Draft, formatTime } from '@canopus/apimachinery'
import type { SimulatedNodeSpec } from './simulated-nodes.ts'

const CAPACITY = { cpu: '32', memory: '256Gi', pods: '110', 'ephemeral-storage': '1Ti' }

const NODE_INFO = {
  machineID: '',
  systemUUID: '',
  bootID: '',
  kernelVersion: 'simulated',
  osImage: 'simulated',
  containerRuntimeVersion: 'simulated://1',
  kubeletVersion: KUBERNETES_VERSION,
  kubeProxyVersion: '',
  operatingSystem: 'linux',
  architecture: 'amd64',
}

/** A node as its kubelet registers it, ready. `index` numbers its address; `milliseconds` is its clock. */
export function simulatedNode(spec: SimulatedNodeSpec, index: number, milliseconds: number): Draft<Node> {
  const now = formatTime(milliseconds)
  const capacity = { ...CAPACITY, ...spec.capacity }
  const { name, taints } = spec
  return {
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        ...spec.labels,
      },
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: taints === undefined ? {} : { taints: [...taints] },
    status: {
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
    },
  }
}
