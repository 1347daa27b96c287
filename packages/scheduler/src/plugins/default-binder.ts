import { Pods } from '@canopus/api'
import type { PluginContext, SchedulerPlugin } from '../framework.ts'

/** Binds by writing the pod's binding subresource. Throws where the pod is gone, replaced or bound already. */
export function defaultBinder({ client }: PluginContext): SchedulerPlugin {
  const pods = client.resource(Pods)
  return {
    name: 'DefaultBinder',
    async bind({ pod, namespace, uid }, node) {
      const { name } = pod.metadata
      const binding = {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace, uid },
        target: { kind: 'Node', name: node },
      }
      await pods.subresourceUnread(name, 'binding', binding, { namespace })
      return true
    },
  }
}
