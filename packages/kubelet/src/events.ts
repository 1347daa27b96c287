import type { Pod } from '@canopus/api/core/v1'
import type { EventRecorder } from '@canopus/operator'

/** Events about pods and their containers, with upstream's reasons (pkg/kubelet/events/event.go). */
export class PodEvents {
  readonly #recorder: EventRecorder

  constructor(recorder: EventRecorder) {
    this.#recorder = recorder
  }

  normal(pod: Pod, reason: string, message: string, container?: string): void {
    this.#recorder.event(reference(pod, container), 'Normal', reason, message)
  }

  warning(pod: Pod, reason: string, message: string, container?: string): void {
    this.#recorder.event(reference(pod, container), 'Warning', reason, message)
  }
}

function reference(pod: Pod, container: string | undefined) {
  const { name, namespace, uid } = pod.metadata
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, uid, ...(namespace !== undefined && { namespace }) },
    ...(container !== undefined && { fieldPath: fieldPath(pod, container) }),
  }
}

function fieldPath(pod: Pod, name: string): string {
  if (pod.spec.initContainers?.some(container => container.name === name)) return `spec.initContainers{${name}}`
  if (pod.spec.ephemeralContainers?.some(container => container.name === name))
    return `spec.ephemeralContainers{${name}}`
  return `spec.containers{${name}}`
}
