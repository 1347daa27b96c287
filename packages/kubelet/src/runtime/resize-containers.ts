import type { Pod } from '@canopus/api/core/v1'
import { messageOf } from '@canopus/base'
import { CriError } from '@canopus/cri'
import type { UpdateAction } from '../pods/plan.ts'
import { cgroupUsage } from '../server/stats.ts'
import type { Services } from '../services.ts'
import { containerResources } from './resources.ts'

/** A resize that could not be carried out (now). */
export class ResizeError extends Error {}

/**
 * Gives running containers the resources that they were granted, without restarting them: what the pod as a whole may use
 * grows before its containers do, and shrinks after them (upstream pkg/kubelet/kuberuntime, doPodResizeAction). Throws
 * `ResizeError`.
 */
export async function resizeContainers(services: Services, pod: Pod, updates: readonly UpdateAction[]): Promise<void> {
  try {
    services.cgroups.resize(pod, 'grow')
    for (const update of updates) await updateContainer(services, pod, update)
    services.cgroups.resize(pod, 'all')
  } catch (error) {
    if (error instanceof ResizeError) throw error
    throw new ResizeError(error instanceof CriError ? error.goText : messageOf(error))
  }
}

async function updateContainer(services: Services, pod: Pod, { container, record }: UpdateAction): Promise<void> {
  const { oomScoreAdj: _, ...linux } = containerResources(pod, container.resources, services.memoryCapacity)
  const limit = linux.memoryLimitInBytes ?? 0
  if (limit > 0 && limit < (record.resources?.memoryLimitInBytes || Number.POSITIVE_INFINITY)) {
    const used = cgroupUsage(services, pod.metadata.uid, record.id)?.usageBytes ?? 0
    if (used > limit)
      throw new ResizeError(
        `attempting to set container ${JSON.stringify(container.name)} memory limit (${limit}) below current usage (${used})`,
      )
  }
  await services.cri.updateContainerResources({ containerId: record.id, linux })
  services.view.expire(record.id)
}
