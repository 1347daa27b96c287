/**
 * Pods are not changed into something that their node has not said it can do
 * (plugin/pkg/admission/nodedeclaredfeatures, k8s.io/component-helpers/nodedeclaredfeatures, KEP-5328).
 */
import { Nodes } from '@canopus/api'
import type { Pod, PodSpec } from '@canopus/api/core/v1'
import { semanticEqual } from '@canopus/apimachinery'
import type { AdmissionPlugin, ObjectReader } from '../security.ts'
import { refusal } from './shared.ts'

export function nodeDeclaredFeatureValidator({ objects }: { readonly objects: ObjectReader }): AdmissionPlugin {
  return {
    name: 'NodeDeclaredFeatureValidator',
    operations: ['UPDATE'],
    resources: ['/pods', '/pods/resize'],
    validate(attributes) {
      const pod = attributes.object as Pod
      const old = attributes.oldObject as Pod
      const { nodeName } = pod.spec
      // Only what changes the spec changes the generation.
      if (!nodeName || old.metadata.generation === pod.metadata.generation) return
      const required = requiredByUpdate(pod.spec, old.spec)
      if (required.length === 0) return
      const node = objects.get(Nodes, nodeName)
      if (node === undefined) throw refusal(attributes, `node ${JSON.stringify(nodeName)} not found`)
      const missing = required.filter(each => !node.status?.declaredFeatures?.includes(each))
      if (missing.length === 0) return
      const what = `pod update requires features ${missing.join(', ')}`
      throw refusal(attributes, `${what} which are not available on node ${JSON.stringify(nodeName)}`)
    },
  }
}

/** What a node must be able to do for an update of a pod; what else a node may declare matters before the pod is there. */
function requiredByUpdate(now: PodSpec, was: PodSpec): string[] {
  const required: string[] = []
  if (!semanticEqual(now.resources, was.resources)) required.push('InPlacePodLevelResourcesVerticalScaling')
  const resized = was.initContainers?.some(
    (each, index) =>
      each.restartPolicy !== 'Always' && !semanticEqual(each.resources, now.initContainers?.[index]?.resources),
  )
  if (resized === true) required.push('InPlacePodVerticalScalingInitContainers')
  return required
}
