/** Pods grow no larger than their node (plugin/pkg/admission/podresize). */
import { Nodes, podRequests } from '@canopus/api'
import type { Node, Pod } from '@canopus/api/core/v1'
import {
  compareQuantities,
  milliValue,
  parseQuantity,
  type Quantity,
  quantityValue,
  StatusError,
} from '@canopus/apimachinery'
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../security.ts'
import { refusal } from './shared.ts'

const OS = 'kubernetes.io/os'

export function podResizeValidator({ objects }: { readonly objects: ObjectReader }): AdmissionPlugin {
  return {
    name: 'PodResizeValidator',
    operations: ['UPDATE'],
    resources: ['/pods/resize'],
    validate(attributes) {
      const pod = attributes.object as Pod
      const { nodeName } = pod.spec
      if (!nodeName || attributes.oldObject?.metadata.generation === pod.metadata.generation) return
      const node = objects.get(Nodes, nodeName)
      if (node === undefined) throw refusal(attributes, `node ${JSON.stringify(nodeName)} not found`)
      const os = node.metadata.labels?.[OS]
      if (os !== undefined && os !== 'linux') {
        const name = JSON.stringify(node.metadata.name)
        const why = `pod resize is only supported on linux nodes, node ${name} is ${JSON.stringify(os)}`
        throw refused(attributes, why, 'UnsupportedPlatform')
      }
      const lacking = lackingOn(node, pod)
      if (lacking.length === 0) return
      const why = `node didn't have enough allocatable resources: ${lacking.join('; ')}`
      throw refused(attributes, why, 'NodeCapacity')
    },
  }
}

/** What the pod asks for that the node could not give, were it alone there. */
function lackingOn({ status }: Node, { spec }: Pod): string[] {
  const requests = podRequests(spec)
  const shown: readonly [string, (amount: Quantity) => number][] = [
    ['cpu', milliValue],
    ['memory', quantityValue],
  ]
  return shown.flatMap(([name, show]) => {
    const requested = requests.get(name) ?? ZERO
    const allocatable = parseQuantity(status?.allocatable?.[name] ?? '0')
    if (compareQuantities(requested, allocatable) <= 0) return []
    return [`${name}, requested: ${show(requested)}, allocatable: ${show(allocatable)}`]
  })
}

const ZERO = parseQuantity('0')

function refused(attributes: AdmissionAttributes, why: string, cause: string): StatusError {
  const { status } = refusal(attributes, why)
  const causes = [...(status.details?.causes ?? []), { reason: cause }]
  return new StatusError({ ...status, message: status.message ?? '', details: { ...status.details, causes } })
}
