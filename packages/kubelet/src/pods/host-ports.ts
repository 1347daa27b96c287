import type { ContainerPort, Pod } from '@canopus/api/core/v1'
import { isRestartable } from './pod-text.ts'

/** A port of the machine that leads to a pod of somebody's. */
export interface UsedHostPort {
  readonly protocol: string
  readonly port: number
  readonly sandboxId: string
}

/**
 * The host ports of a pod that are taken by pods that are not this kubelet's, as `8080/TCP`. The scheduler sees to it that
 * two pods of one cluster do not ask for the same; of another cluster on the machine it knows nothing.
 */
export function takenHostPorts(pod: Pod, used: readonly UsedHostPort[], isOwn: (id: string) => boolean): string[] {
  const wanted = pod.spec.containers.flatMap(container => container.ports ?? [])
  return wanted.flatMap(({ hostPort, protocol = 'TCP' }) => {
    const taken = used.some(
      each => each.port === hostPort && each.protocol === protocol.toLowerCase() && !isOwn(each.sandboxId),
    )
    return taken ? [`${hostPort}/${protocol}`] : []
  })
}

/** Whether one of the pod's host ports is taken by one of the others (upstream pkg/scheduler/util, HostPortInfo). */
export function hasHostPortConflict(pod: Pod, others: readonly Pod[]): boolean {
  const wanted = hostPorts(pod)
  if (wanted.length === 0) return false
  const isAny = (ip: string | undefined): boolean => ip === undefined || ip === '' || ip === '0.0.0.0'
  return others.flatMap(hostPorts).some(theirs =>
    wanted.some(own => {
      const samePort = own.hostPort === theirs.hostPort && (own.protocol ?? 'TCP') === (theirs.protocol ?? 'TCP')
      return samePort && (isAny(own.hostIP) || isAny(theirs.hostIP) || own.hostIP === theirs.hostIP)
    }),
  )
}

/** Those of the containers that run as long as the pod does. */
function hostPorts({ spec }: Pod): ContainerPort[] {
  const lasting = [...(spec.initContainers ?? []).filter(isRestartable), ...spec.containers]
  return lasting.flatMap(({ ports = [] }) => ports.filter(({ hostPort = 0 }) => hostPort > 0))
}

export const hasHostPorts = (pod: Pod): boolean =>
  pod.spec.hostNetwork !== true &&
  pod.spec.containers.some(container => (container.ports ?? []).some(({ hostPort = 0 }) => hostPort > 0))
