import { RuntimeClasses } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import { notFoundError } from '@canopus/apimachinery'
import type { InformerFactory } from '@canopus/client'

/**
 * Which of the runtime's handlers runs a pod: that of its RuntimeClass, or the default (an empty name). The classes are watched
 * from the first pod on that names one. Throws `StatusError` where there is no such class (upstream pkg/kubelet/runtimeclass).
 */
export async function runtimeHandlerOf(pod: Pod, informers: InformerFactory, signal: AbortSignal): Promise<string> {
  const { runtimeClassName } = pod.spec
  if (runtimeClassName === undefined || runtimeClassName === '') return ''
  const classes = informers.informer(RuntimeClasses)
  await classes.waitForSync(signal)
  const found = classes.lister.get(runtimeClassName)
  if (found === undefined)
    throw notFoundError({ group: 'node.k8s.io', resource: 'runtimeclass', name: runtimeClassName })
  return found.handler
}
