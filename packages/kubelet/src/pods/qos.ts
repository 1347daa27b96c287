import type { Pod, PodSpec } from '@canopus/api/core/v1'
import { parseQuantity, quantityValue } from '@canopus/apimachinery'

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

const COUNTED = ['cpu', 'memory'] as const

/** The quality of service that a pod is promised (upstream pkg/apis/core/v1/helper/qos/qos.go). */
export function qosClass(pod: Pod): QosClass {
  return (pod.status?.qosClass as QosClass | undefined) ?? computeQosClass(pod.spec)
}

export function computeQosClass(spec: PodSpec): QosClass {
  const parts = [...(spec.initContainers ?? []), ...spec.containers]
  let any = false
  let guaranteed = true
  for (const { resources } of parts) {
    for (const name of COUNTED) {
      const request = positive(resources?.requests?.[name])
      const limit = positive(resources?.limits?.[name])
      if (request !== undefined || limit !== undefined) any = true
      if (limit === undefined || (request !== undefined && quantityValue(request) !== quantityValue(limit)))
        guaranteed = false
    }
  }
  if (!any) return 'BestEffort'
  return guaranteed ? 'Guaranteed' : 'Burstable'
}

function positive(text: string | undefined): ReturnType<typeof parseQuantity> | undefined {
  if (text === undefined) return undefined
  const quantity = parseQuantity(text)
  return quantityValue(quantity) > 0 ? quantity : undefined
}
