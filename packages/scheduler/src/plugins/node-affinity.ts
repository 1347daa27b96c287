import type { Node, NodeAffinity } from '@canopus/api/core/v1'
import { normaliseByHighest, type SchedulerPlugin } from '../framework.ts'
import { type NodeFacts, type NodeMatcher, selectorMatcher, termMatcher } from '../node-selector.ts'
import type { PodInfo } from '../pod-info.ts'

const rejection = {
  plugin: 'NodeAffinity',
  reasons: ["node(s) didn't match Pod's node affinity/selector"],
  unresolvable: true,
}
const conflict = { plugin: 'NodeAffinity', reasons: ['pod affinity terms conflict'], unresolvable: true }

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

export interface NodeAffinityOptions {
  /** Holds for every pod, beside its own. */
  addedAffinity?: NodeAffinity
}

const addedRejection = {
  plugin: 'NodeAffinity',
  reasons: ["node(s) didn't match scheduler-enforced node affinity"],
  unresolvable: true,
}

/** Node selectors and node affinity. */
export function createNodeAffinity(options: NodeAffinityOptions = {}): SchedulerPlugin {
  const { requiredDuringSchedulingIgnoredDuringExecution: required, preferredDuringSchedulingIgnoredDuringExecution } =
    options.addedAffinity ?? {}
  const added = required === undefined ? undefined : selectorMatcher(required)
  const addedWishes = preferredDuringSchedulingIgnoredDuringExecution ?? []
  return {
    name: 'NodeAffinity',
    hint(pod, { node, oldNode }) {
      const matcher = requiredNodeMatcher(pod)
      if (node === undefined || matcher === undefined) return true
      return matcher(factsOf(node)) && (oldNode === undefined || !matcher(factsOf(oldNode)))
    },
    events: ['NodeAdd', 'NodeLabel', 'PodUpdate'],
    staticKey: pod => JSON.stringify([pod.pod.spec?.nodeSelector, pod.pod.spec?.affinity?.nodeAffinity]),
    filter(pod) {
      const matcher = requiredNodeMatcher(pod)
      if (matcher === undefined) {
        return added === undefined ? undefined : { check: node => (added(node) ? undefined : addedRejection) }
      }
      const only = namedNodes(pod)
      if (only !== undefined && only.size === 0) return conflict
      return {
        ...(only === undefined ? {} : { only }),
        check: node => (added?.(node) === false ? addedRejection : matcher(node) ? undefined : rejection),
      }
    },
    score(pod) {
      const own = pod.pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
      const preferred = [...addedWishes, ...own].map(({ weight, preference }) => ({
        weight,
        matcher: termMatcher(preference),
      }))
      if (preferred.length === 0) return undefined
      return {
        score: node => preferred.reduce((sum, each) => (each.matcher(node) ? sum + each.weight : sum), 0),
        normalise: scores => normaliseByHighest(scores, false),
      }
    },
  }
}

export const nodeAffinity = createNodeAffinity()

const factsOf = ({ metadata }: Node): NodeFacts => ({ name: metadata.name, labels: metadata.labels ?? {} })
