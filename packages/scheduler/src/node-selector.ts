import type { NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from '@canopus/api/core/v1'
import { matches, nodeRequirement } from '@canopus/apimachinery'

/** What selectors can see of a node. */
export interface NodeFacts {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

export type NodeMatcher = (node: NodeFacts) => boolean

/** What must hold for one term: all of its requirements. A term without any holds for no node. */
export function termMatcher(term: NodeSelectorTerm): NodeMatcher {
  const onLabels = (term.matchExpressions ?? []).map(requirementOf)
  const onFields = (term.matchFields ?? []).map(requirementOf)
  if (onLabels.length + onFields.length === 0) return () => false
  if ([...onLabels, ...onFields].includes(undefined)) return () => false
  const labels = onLabels.filter(each => each !== undefined)
  const fields = onFields.filter(each => each !== undefined)
  return node => matches(labels, node.labels) && matches(fields, { 'metadata.name': node.name })
}

const requirementOf = (each: NodeSelectorRequirement) => nodeRequirement(each.key, each.operator, each.values ?? [])

const known = new WeakMap<NodeSelector, NodeMatcher>()

/** Whether one of the terms holds. Selectors are never changed, so what was read of one is kept as long as it is. */
export function selectorMatcher(selector: NodeSelector): NodeMatcher {
  let matcher = known.get(selector)
  if (matcher === undefined) {
    const terms = (selector.nodeSelectorTerms ?? []).map(termMatcher)
    matcher = node => terms.some(term => term(node))
    known.set(selector, matcher)
  }
  return matcher
}
