/** Kernel parameters of pods: which they may set, and how their names are written (upstream pkg/kubelet/sysctl). */
import type { Pod } from '@canopus/api/core/v1'

/** Those that a pod may set without leave of the node's owner, each with the namespace of the kernel that it belongs to. */
const SAFE_SYSCTLS: Readonly<Record<string, 'IPC' | 'Net'>> = {
  'kernel.shm_rmid_forced': 'IPC',
  'net.ipv4.ip_local_port_range': 'Net',
  'net.ipv4.tcp_syncookies': 'Net',
  'net.ipv4.ping_group_range': 'Net',
  'net.ipv4.ip_unprivileged_port_start': 'Net',
  'net.ipv4.ip_local_reserved_ports': 'Net',
  'net.ipv4.tcp_keepalive_time': 'Net',
  'net.ipv4.tcp_fin_timeout': 'Net',
  'net.ipv4.tcp_keepalive_intvl': 'Net',
  'net.ipv4.tcp_keepalive_probes': 'Net',
  'net.ipv4.tcp_rmem': 'Net',
  'net.ipv4.tcp_wmem': 'Net',
}

/** What a pod sets, by names with dots, as the container runtime takes them. */
export function podSysctls(pod: Pod): Record<string, string> {
  const sysctls = pod.spec.securityContext?.sysctls ?? []
  return Object.fromEntries(sysctls.map(({ name, value }) => [withDots(name), value]))
}

/** What is wrong with the first kernel parameter that a pod may not set. */
export function forbiddenSysctl(pod: Pod): string | undefined {
  for (const name of Object.keys(podSysctls(pod))) {
    const namespace = Object.hasOwn(SAFE_SYSCTLS, name) ? SAFE_SYSCTLS[name] : undefined
    if (namespace === undefined) return `${JSON.stringify(name)} not allowlisted`
    if (namespace === 'IPC' ? pod.spec.hostIPC : pod.spec.hostNetwork)
      return `${JSON.stringify(name)} not allowed with host ${namespace} enabled`
  }
  return undefined
}

/** The first separator says how a name is written: where it is a slash, slashes separate and dots belong to the words. */
function withDots(name: string): string {
  const first = /[./]/.exec(name)?.[0]
  return first === '/' ? name.replace(/[./]/g, sign => (sign === '/' ? '.' : '/')) : name
}
