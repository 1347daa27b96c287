import { readdirSync } from 'node:fs'
import { isMissing } from '@canopus/platform'

/**
 * Which attempt the next container is, by the logs that earlier ones have left: the runtime may have lost its containers, with
 * a restart of the machine for example (upstream pkg/kubelet/kuberuntime/kuberuntime_container.go calcRestartCountByLogDir).
 */
export function attemptByLogs(directory: string): number {
  try {
    const attempts = readdirSync(directory, { withFileTypes: true }).flatMap(entry => {
      const match = entry.isDirectory() ? undefined : /^(\d+)\.log(\..*)?/.exec(entry.name)
      return match ? [Number(match[1]) + 1] : []
    })
    return Math.max(0, ...attempts)
  } catch (error) {
    if (isMissing(error)) return 0
    throw error
  }
}
