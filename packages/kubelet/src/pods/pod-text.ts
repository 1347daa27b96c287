import type { Pod } from '@canopus/api/core/v1'

/** `name_namespace(uid)`: how messages name a pod. */
export function podText(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace ?? ''}(${pod.metadata.uid})`
}

/** A span as Go prints it: `10s`, `1m20s`, `1.5s`, `334ms`. */
export function goDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s'
  if (milliseconds < 1) return `${Math.round(milliseconds * 1000)}µs`
  if (milliseconds < 1000) return `${Number(milliseconds.toFixed(3))}ms`
  const hours = Math.floor(milliseconds / 3_600_000)
  const minutes = Math.floor(milliseconds / 60_000) % 60
  const seconds = `${Number(((milliseconds % 60_000) / 1000).toFixed(9))}s`
  if (hours > 0) return `${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${minutes}m${seconds}` : seconds
}

/** Whether an init container keeps running beside the others (a sidecar). */
export function isRestartable(container: { restartPolicy?: string }): boolean {
  return container.restartPolicy === 'Always'
}
