import type { Pod, Service } from '@canopus/api/core/v1'
import type { Clock, Logger, Random } from '@canopus/base'
import type { Client } from '@canopus/client'
import type { Cri } from '@canopus/cri'
import type { DownwardFacts } from './env/downward.ts'
import type { PodEvents } from './events.ts'
import type { ClusterDns, DnsConfig } from './files/dns.ts'
import type { ImagePuller } from './images/puller.ts'
import type { UsedHostPort } from './pods/host-ports.ts'
import type { Semaphore } from './pods/semaphore.ts'
import type { ProbeManager } from './probes/manager.ts'
import type { Cgroups } from './runtime/cgroups.ts'
import type { RuntimeView } from './runtime/view.ts'
import type { StatusWriter } from './status/status-writer.ts'
import type { ObjectWatches } from './volumes/object-watches.ts'
import type { Volumes } from './volumes/volumes.ts'

/** What the parts of the kubelet share. Made once in `kubelet.ts`. */
export interface Services {
  readonly client: Client
  readonly cri: Cri
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly events: PodEvents
  readonly view: RuntimeView
  readonly volumes: Volumes
  readonly objects: ObjectWatches
  readonly puller: ImagePuller
  readonly cgroups: Cgroups
  readonly probes: ProbeManager
  readonly statuses: StatusWriter
  readonly starts: Semaphore
  readonly nodeName: string
  readonly nodeIps: readonly string[]
  readonly dns: ClusterDns
  readonly logs: string
  readonly seccompRoot: string
  /** Whether this machine enforces AppArmor profiles. */
  readonly appArmor: boolean
  /** Milliseconds between two looks at a pod that nothing happens to. */
  readonly refreshEvery: number
  /** Bytes. */
  readonly memoryCapacity: number
  /** The node's own resolv.conf, as it is now. */
  hostDns(): DnsConfig
  /** Throws `StatusError` where the pod's RuntimeClass is not there. */
  runtimeHandler(pod: Pod): Promise<string>
  usedHostPorts(): Promise<readonly UsedHostPort[]>
  clusterServices(): readonly Service[]
  downwardFacts(podIps: readonly string[]): DownwardFacts
}
