/** Arguments of upstream's plugins: which there are, and what is wrong with some (pkg/scheduler/apis/config/validation). */
import type { Fields } from './reader.ts'

const EVERY = ['apiVersion', 'kind']
const RESOURCES = 'resources'

/** By plugin; plugins of others take what they like. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  DefaultPreemption: ['minCandidateNodesPercentage', 'minCandidateNodesAbsolute'],
  DynamicResources: ['filterTimeout', 'bindingTimeout'],
  InterPodAffinity: ['hardPodAffinityWeight', 'ignorePreferredTermsOfExistingPods'],
  NodeAffinity: ['addedAffinity'],
  NodeResourcesBalancedAllocation: [RESOURCES],
  NodeResourcesFit: ['ignoredResources', 'ignoredResourceGroups', 'scoringStrategy'],
  PodTopologySpread: ['defaultConstraints', 'defaultingType'],
  VolumeBinding: ['bindTimeoutSeconds', 'shape'],
}

type Check = readonly [field: string, least: number, most: number, range: string]

const CHECKS: Readonly<Record<string, readonly Check[]>> = {
  InterPodAffinity: [['hardPodAffinityWeight', 0, 100, 'not in valid range [0, 100]']],
  DefaultPreemption: [
    ['minCandidateNodesPercentage', 0, 100, 'not in valid range [0, 100]'],
    ['minCandidateNodesAbsolute', 0, Number.POSITIVE_INFINITY, 'not in valid range [0, inf)'],
  ],
  VolumeBinding: [
    ['bindTimeoutSeconds', 0, Number.POSITIVE_INFINITY, 'invalid BindTimeoutSeconds, should not be a negative value'],
  ],
}

/** The arguments of a plugin as they stand in the entry. Throws Error, in upstream's words, where they are wrong. */
export function checkedArguments(plugin: string, entry: Fields): unknown {
  const value = entry.raw('args')
  const known = FIELDS[plugin]
  if (known === undefined || typeof value !== 'object' || value === null) return value
  const values = value as Readonly<Record<string, unknown>>
  const unknown = Object.keys(values).find(name => !EVERY.includes(name) && !known.includes(name))
  if (unknown !== undefined)
    throw new Error(
      `strict decoding error: decoding .${entry.path}: strict decoding error: decoding args for plugin ${plugin}: strict decoding error: unknown field ${JSON.stringify(unknown)}`,
    )
  for (const [field, least, most, range] of CHECKS[plugin] ?? []) {
    const found = values[field]
    if (typeof found === 'number' && (found < least || found > most))
      throw new Error(`${entry.path}.args.${field}: Invalid value: ${found}: ${range}`)
  }
  return value
}
