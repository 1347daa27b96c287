import type { SchedulerPlugin } from '../framework.ts'
import type { PodInfo } from '../pod-info.ts'

/** Binds by writing the pod's binding subresource. */
export function defaultBinder(write: (pod: PodInfo, node: string) => Promise<void>): SchedulerPlugin {
  return {
    name: 'DefaultBinder',
    async bind(pod, node) {
      await write(pod, node)
      return true
    },
  }
}
