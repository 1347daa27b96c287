/** Pods learn the zone and region of their node (plugin/pkg/admission/podtopologylabels). */
import { Nodes } from '@canopus/api'
import type { Binding, Pod } from '@canopus/api/core/v1'
import type { AdmissionPlugin, ObjectReader } from '../security.ts'

const LABELS = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region']

/** Labels of the node go to the binding, from which the pod has them, or to a pod that is created on its node. */
export function podTopologyLabels({ objects }: { readonly objects: ObjectReader }): AdmissionPlugin {
  return {
    name: 'PodTopologyLabels',
    operations: ['CREATE'],
    resources: ['/pods', '/pods/binding'],
    mutate({ object, subresource }) {
      const node = subresource === '' ? (object as Pod).spec.nodeName : nodeOf(object as unknown as Binding)
      if (!node) return
      const labels = objects.get(Nodes, node)?.metadata.labels
      const copied = LABELS.filter(name => labels?.[name] !== undefined).map(name => [name, labels![name]!] as const)
      if (copied.length === 0) return
      const { metadata } = object!
      metadata.labels = { ...metadata.labels, ...Object.fromEntries(copied) }
    },
  }
}

const nodeOf = ({ target }: Binding): string | undefined => (target?.kind === 'Node' ? target.name : undefined)
