import type { Pod } from '@canopus/api/core/v1'
import { deepEqual } from '@canopus/apimachinery'
import type { SchedulerPlugin } from '../framework.ts'

const rejection = {
  plugin: 'NodeDeclaredFeatures',
  reasons: ["node(s) didn't match Pod's required features"],
  unresolvable: true,
}

/** What a node must have said that it can do before such a pod may come (k8s.io/component-helpers/nodedeclaredfeatures). */
export function requiredFeatures({ spec }: Pod): string[] {
  const required: string[] = []
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
  const restartsAll = containers.some(each =>
    each.restartPolicyRules?.some(rule => rule.action === 'RestartAllContainers'),
  )
  if (restartsAll) required.push('RestartAllContainersOnContainerExits')
  if (spec?.hostNetwork === true && spec.hostUsers === false) required.push('UserNamespacesHostNetworkSupport')
  return required
}

/** Keeps pods that need more than every node can do to nodes that say they can (KEP-5328). */
export const nodeDeclaredFeatures: SchedulerPlugin = {
  name: 'NodeDeclaredFeatures',
  events: ['NodeAdd', 'NodeFeatures', 'PodUpdate'],
  hint: (pod, { event, node, oldNode, pod: after, oldPod }) => {
    if (event !== 'PodUpdate')
      return oldNode === undefined || !deepEqual(oldNode.status?.declaredFeatures, node?.status?.declaredFeatures)
    if (after === undefined || oldPod === undefined || after.uid !== pod.uid) return after?.uid === pod.uid
    return !deepEqual(requiredFeatures(oldPod.pod), requiredFeatures(after.pod))
  },
  filter(pod) {
    const required = requiredFeatures(pod.pod)
    if (required.length === 0) return undefined
    return {
      check({ node }) {
        const declared = node.status?.declaredFeatures ?? []
        return required.every(feature => declared.includes(feature)) ? undefined : rejection
      },
    }
  },
}
