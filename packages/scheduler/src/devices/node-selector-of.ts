import type { NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from '@canopus/api/core/v1'
import type { SlicedDevice } from './pools.ts'

/** On which nodes all of the devices can be used that were chosen for a node; nothing: on all. */
export function nodeSelectorOf(devices: readonly SlicedDevice[], node: string): NodeSelector | undefined {
  const labels: NodeSelectorRequirement[] = []
  const fields: NodeSelectorRequirement[] = []
  for (const { device, slice } of devices) {
    const { nodeName, nodeSelector } = slice.spec.perDeviceNodeSelection === true ? device : slice.spec
    if (nodeName || device.bindsToNode === true) {
      const onNode = { key: 'metadata.name', operator: 'In', values: [node] }
      return { nodeSelectorTerms: [{ matchFields: [onNode] }] }
    }
    // Selectors of slices have exactly one term.
    const term: NodeSelectorTerm | undefined = nodeSelector?.nodeSelectorTerms?.[0]
    addMissing(labels, term?.matchExpressions)
    addMissing(fields, term?.matchFields)
  }
  if (labels.length + fields.length === 0) return undefined
  return {
    nodeSelectorTerms: [
      {
        ...(labels.length > 0 ? { matchExpressions: labels } : {}),
        ...(fields.length > 0 ? { matchFields: fields } : {}),
      },
    ],
  }
}

function addMissing(all: NodeSelectorRequirement[], more: readonly NodeSelectorRequirement[] = []): void {
  for (const each of more) {
    const text = JSON.stringify(each)
    if (!all.some(known => JSON.stringify(known) === text)) all.push(each)
  }
}
