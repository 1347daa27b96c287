/** Pods learn the zone and region of their node (plugin/pkg/admission/podtopologylabels). */
import { Nodes } from '@canopus/api'
import type { Binding, Node, Pod } from '@canopus/api/core/v1'
import type { AdmissionPlugin, ObjectChange, ObjectReader } from '../security.ts'

const DOMAIN = 'topology.kubernetes.io/'
const LABELS = [`${DOMAIN}zone`, `${DOMAIN}region`]

/** Labels of the node go to the binding, from which the pod has them, or to a pod that is created on its node. */
export function podTopologyLabels({ objects }: { readonly objects: ObjectReader }): AdmissionPlugin {
  const labelsOf = followLabels(objects)
  return {
    name: 'PodTopologyLabels',
    operations: ['CREATE'],
    resources: ['/pods', '/pods/binding'],
    mutate({ object, subresource }) {
      const node = subresource === '' ? (object as Pod).spec.nodeName : nodeOf(object as unknown as Binding)
      const copied = node ? labelsOf.get(node) : undefined
      if (copied === undefined) return
      const { metadata } = object!
      metadata.labels = { ...metadata.labels, ...copied }
    },
  }
}

/** What each node has of the labels, kept: a big cluster has more nodes than stay parsed, and each binding asks for one of them. */
function followLabels(objects: ObjectReader): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const byNode = new Map<string, Readonly<Record<string, string>>>()
  const learn = ({ type, object: { metadata } }: ObjectChange<Node>): void => {
    const labels = type === 'deleted' ? undefined : metadata.labels
    const copied = LABELS.filter(name => labels?.[name] !== undefined).map(name => [name, labels![name]!] as const)
    if (copied.length === 0) byNode.delete(metadata.name)
    else byNode.set(metadata.name, Object.fromEntries(copied))
  }
  objects.onChange(Nodes, learn, { mentioning: DOMAIN })
  return byNode
}

const nodeOf = ({ target }: Binding): string | undefined => (target?.kind === 'Node' ? target.name : undefined)
