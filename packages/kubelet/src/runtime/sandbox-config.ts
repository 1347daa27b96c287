import { join } from 'node:path'
import type { Pod } from '@canopus/api/core/v1'
import type { PodSandboxConfig, PortMapping } from '@canopus/cri'
import type { DnsConfig } from '../files/dns.ts'
import { podSysctls } from '../pods/sysctls.ts'
import { POD_NAME, POD_NAMESPACE, POD_UID } from './labels.ts'
import { sandboxSecurity } from './security.ts'

export interface SandboxFacts {
  attempt: number
  hostname: string
  dns: DnsConfig
  logs: string
  cgroupParent: string
}

/** Where a pod's container logs are: `<logs>/<namespace>_<name>_<uid>`. */
export function podLogDirectory(logs: string, namespace: string, name: string, uid: string): string {
  return join(logs, `${namespace}_${name}_${uid}`)
}

export function sandboxConfig(pod: Pod, facts: SandboxFacts): PodSandboxConfig {
  const { name, uid, namespace = '' } = pod.metadata
  return {
    metadata: { name, uid, namespace, attempt: facts.attempt },
    // runc cannot set a name in the host's UTS namespace
    hostname: pod.spec.hostNetwork ? '' : facts.hostname,
    logDirectory: podLogDirectory(facts.logs, namespace, name, uid),
    dnsConfig: facts.dns,
    portMappings: pod.spec.hostNetwork ? [] : portMappings(pod),
    labels: { ...pod.metadata.labels, [POD_NAME]: name, [POD_NAMESPACE]: namespace, [POD_UID]: uid },
    annotations: { ...pod.metadata.annotations },
    linux: {
      cgroupParent: facts.cgroupParent,
      securityContext: sandboxSecurity(pod),
      sysctls: podSysctls(pod),
    },
  }
}

function portMappings(pod: Pod): PortMapping[] {
  const containers = [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []).filter(each => each.restartPolicy === 'Always'),
  ]
  return containers
    .flatMap(container =>
      (container.ports ?? []).map(port => ({
        protocol: (port.protocol ?? 'TCP') as 'TCP' | 'UDP' | 'SCTP',
        containerPort: port.containerPort,
        hostPort: port.hostPort ?? 0,
        hostIp: port.hostIP ?? '',
      })),
    )
    .filter(mapping => mapping.hostPort > 0)
}
