import type { NodeSelectorRequirement, NodeSelectorTerm } from '@canopus/api/core/v1'
import { matches, nodeRequirement } from '@canopus/apimachinery'
import { normaliseByHighest, type SchedulerPlugin } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import type { PodInfo } from '../pod-info.ts'

const rejection = {
  plugin: 'NodeAffinity',
  reasons: ["node(s) didn't match Pod's node affinity/selector"],
  unresolvable: true,
}
const conflict = { plugin: 'NodeAffinity', reasons: ['pod affinity terms conflict'], unresolvable: true }

type NodeMatcher = (node: NodeInfo) => boolean

/** What must hold for one term: all of its requirements. A term without any holds for no node. */
function termMatcher(term: NodeSelectorTerm): NodeMatcher {
  const onLabels = (term.matchExpressions ?? []).map(requirementOf)
  const onFields = (term.matchFields ?? []).map(requirementOf)
  if (onLabels.length + onFields.length === 0) return () => false
  if ([...onLabels, ...onFields].includes(undefined)) return () => false
  const labels = onLabels.filter(each => each !== undefined)
  const fields = onFields.filter(each => each !== undefined)
  return node => matches(labels, node.labels) && matches(fields, { 'metadata.name': node.name })
}

const requirementOf = (each: NodeSelectorRequirement) => nodeRequirement(each.key, each.operator, each.values ?? [])

/** `spec.nodeSelector` and the required node affinity; nothing where the pod asks for neither. */
export function requiredNodeMatcher(pod: PodInfo): NodeMatcher | undefined {
  const { nodeSelector, affinity } = pod.pod.spec ?? {}
  const selector = Object.entries(nodeSelector ?? {})
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  if (selector.length === 0 && required === undefined) return undefined
  const terms = required?.nodeSelectorTerms?.map(termMatcher)
  return node =>
    selector.every(([key, value]) => node.labels[key] === value) &&
    (terms === undefined || terms.some(term => term(node)))
}

/** Names of the only nodes that can do, where every term names its nodes (pods of daemon sets). */
function namedNodes(pod: PodInfo): ReadonlySet<string> | undefined {
  const required = pod.pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  if (required === undefined) return undefined
  const union = new Set<string>()
  for (const term of required.nodeSelectorTerms ?? []) {
    const fields = (term.matchFields ?? []).filter(each => each.key === 'metadata.name' && each.operator === 'In')
    if (fields.length === 0) return undefined
    const [first, ...others] = fields.map(each => new Set(each.values ?? []))
    for (const name of first!) if (others.every(other => other.has(name))) union.add(name)
  }
  return union
}

/** Node selectors and node affinity. */
export const nodeAffinity: SchedulerPlugin = {
  name: 'NodeAffinity',
  events: ['NodeAdd', 'NodeLabel', 'PodUpdate'],
  staticKey: pod => JSON.stringify([pod.pod.spec?.nodeSelector, pod.pod.spec?.affinity?.nodeAffinity]),
  filter(pod) {
    const matcher = requiredNodeMatcher(pod)
    if (matcher === undefined) return undefined
    const only = namedNodes(pod)
    if (only !== undefined && only.size === 0) return conflict
    return { ...(only === undefined ? {} : { only }), check: node => (matcher(node) ? undefined : rejection) }
  },
  score(pod) {
    const preferred = (pod.pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ weight, preference }) => ({ weight, matcher: termMatcher(preference) }),
    )
    if (preferred.length === 0) return undefined
    return {
      score: node => preferred.reduce((sum, each) => (each.matcher(node) ? sum + each.weight : sum), 0),
      normalise: scores => normaliseByHighest(scores, false),
    }
  },
}
