import type { Node } from '@canopus/api/core/v1'
import type { AdmissionPlugin } from '../security.ts'

const NOT_READY = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }

/** New nodes are not ready: nothing is scheduled there before they report that they are. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  operations: ['CREATE'],
  resources: ['/nodes'],
  mutate(attributes) {
    const node = attributes.object as Node
    node.spec ??= {}
    const taints = node.spec.taints ?? []
    if (taints.some(taint => taint.key === NOT_READY.key && taint.effect === NOT_READY.effect)) return
    node.spec.taints = [...taints, { ...NOT_READY }]
  },
}
