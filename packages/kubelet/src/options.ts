import type { Taint } from '@canopus/api/core/v1'
import type { Clock, Logger, Random } from '@canopus/base'
import type { Client, InformerFactory } from '@canopus/client'
import type { Cri } from '@canopus/cri'
import type { EventRecorder } from '@canopus/operator'
import type { TlsPolicy } from '@canopus/platform'
import type { MachineFacts } from './node/machine.ts'
import type { UsedHostPort } from './pods/host-ports.ts'

/** Everything a kubelet is given. Nothing else reaches time, randomness, the API or the container runtime. */
export interface KubeletOptions {
  client: Client
  /** The kubelet asks it for its own pods, services and its node. */
  informers: InformerFactory
  events: EventRecorder
  cri: Cri
  clock: Clock
  random: Random
  logger: Logger
  nodeName: string
  /** Addresses of the node, the first one is where the API server reaches the kubelet. */
  nodeIps: readonly string[]
  dirs: KubeletDirs
  dns: {
    /** The cluster DNS service's address; without it pods get the node's resolvers. */
    clusterIp?: string
    /** For example `cluster.local`. */
    domain: string
    /** The node's resolv.conf. Default /etc/resolv.conf. */
    resolvConf?: string
  }
  /** The HTTPS server that serves logs, exec, attach, port-forward and figures. None without it. */
  server?: KubeletServerOptions
  machine: MachineFacts
  cgroups: {
    driver: 'cgroupfs' | 'systemd'
    /** Put before `/kubepods`, to keep several nodes on one machine apart. Default: none. */
    prefix?: string
  }
  /** Kept for the system, by resource name; taken off the capacity to make the allocatable. */
  reserved?: Readonly<Record<string, string>>
  maxPods?: number
  labels?: Readonly<Record<string, string>>
  taints?: readonly Taint[]
  /** Set on the node when it registers, where no controller allocates it. */
  podCidr?: string
  providerId?: string
  /** How many pods are being started at one time. More only makes each slower. Default 6. */
  maxParallelStarts?: number
  /** How often running pods' volumes are compared with the objects that they show, in milliseconds. Default 25 s. */
  refreshEvery?: number
  /** Ports of this machine that lead to pods, also to those of other clusters on it. Default: nobody else is here. */
  usedHostPorts?: () => Promise<readonly UsedHostPort[]>
  /** Kubernetes version that the node reports. */
  version?: string
}

export interface KubeletDirs {
  /** The kubelet's own, for example /var/lib/kubelet. */
  root: string
  /** Container logs. Default /var/log/pods. */
  logs?: string
}

export interface KubeletServerOptions {
  address: string
  /** Default 10250; 0 takes any free port. */
  port: number
  /** PEM. */
  certificate: string
  key: string
  /** Tells of other certificates with their keys, for connections from then on. */
  onRenewal?(renewed: (pair: { certificate: string; key: string }) => void): void
  /** PEM of the authorities whose client certificates are accepted. */
  clientCa: string
  /** Which versions of TLS, and which ciphers, are agreed to. */
  tlsPolicy?: TlsPolicy
  /** Whether `/logs/?query=` answers with what the node's services log (`enableSystemLogQuery`); not where missing. */
  systemLogQuery?: boolean
}
