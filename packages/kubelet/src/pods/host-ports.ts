import type { Pod } from '@canopus/api/core/v1'

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

export const hasHostPorts = (pod: Pod): boolean =>
  pod.spec.hostNetwork !== true &&
  pod.spec.containers.some(container => (container.ports ?? []).some(({ hostPort = 0 }) => hostPort > 0))
