import type { Node, Pod } from '@canopus/api/core/v1'
import { milliValue, quantityValue } from '@canopus/apimachinery'

export interface Rejection {
  reason: string
  message: string
}

/** Which sysctls a pod may set without leave of the node's owner (upstream pkg/kubelet/sysctl/safe_sysctls.go). */
const SAFE_SYSCTLS = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
]

/** Why the node cannot take a pod beside those that it has, or nothing where it can (upstream pkg/kubelet/lifecycle). */
export function admitPod(pod: Pod, node: Node | undefined, others: readonly Pod[]): Rejection | undefined {
  const forbidden = (pod.spec.securityContext?.sysctls ?? []).find(({ name }) => !SAFE_SYSCTLS.includes(name))
  if (forbidden)
    return {
      reason: 'SysctlForbidden',
      message: `Pod was rejected: forbidden sysctl: ${JSON.stringify(forbidden.name)} not allowlisted`,
    }
  const os = pod.spec.os?.name
  if (os !== undefined && os !== 'linux')
    return {
      reason: 'PodOSNotSupported',
      message: "Pod was rejected: Failed to admit pod as the OS field doesn't match node OS",
    }
  if (node === undefined) return undefined
  const labels = node.metadata.labels ?? {}
  if (Object.entries(pod.spec.nodeSelector ?? {}).some(([name, value]) => labels[name] !== value))
    return {
      reason: 'NodeAffinity',
      message: "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    }
  return fits(pod, node, others)
}

function fits(pod: Pod, node: Node, others: readonly Pod[]): Rejection | undefined {
  const allocatable = node.status?.allocatable ?? {}
  const shortOf = (name: string, requested: number, used: number, capacity: number): Rejection => ({
    reason: `OutOf${name}`,
    message: `Pod was rejected: Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  })
  const maxPods = quantityValue(allocatable.pods ?? '110')
  if (others.length + 1 > maxPods) return shortOf('pods', 1, others.length, maxPods)
  for (const name of ['cpu', 'memory', 'ephemeral-storage']) {
    const amount = allocatable[name]
    if (amount === undefined) continue
    const measure = (text: string): number => (name === 'cpu' ? milliValue(text) : quantityValue(text))
    const requested = podRequest(pod, name, measure)
    if (requested === 0) continue
    const used = others.reduce((sum, other) => sum + podRequest(other, name, measure), 0)
    if (requested + used > measure(amount)) return shortOf(name, requested, used, measure(amount))
  }
  return undefined
}

/** The most that a pod ever asks for: all containers and sidecars, or an init container with the sidecars before it. */
export function podRequest(pod: Pod, name: string, measure: (text: string) => number): number {
  const of = (resources: { requests?: Record<string, string> } | undefined): number =>
    measure(resources?.requests?.[name] ?? '0')
  let sidecars = 0
  let peak = 0
  for (const container of pod.spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') sidecars += of(container.resources)
    else peak = Math.max(peak, sidecars + of(container.resources))
  }
  const regular = pod.spec.containers.reduce((sum, container) => sum + of(container.resources), sidecars)
  return Math.max(peak, regular) + measure(pod.spec.overhead?.[name] ?? '0')
}
