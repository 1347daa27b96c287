import type { NodeAffinity, TopologySpreadConstraint } from '@canopus/api/core/v1'
import type { PluginContext, PluginFactory, SchedulerPlugin } from '../framework.ts'
import { createBalancedAllocation } from '../plugins/balanced-allocation.ts'
import { defaultPreemption } from '../plugins/default-preemption.ts'
import { dynamicResources } from '../plugins/dynamic-resources.ts'
import { createInterPodAffinity } from '../plugins/inter-pod-affinity.ts'
import { createNodeAffinity } from '../plugins/node-affinity.ts'
import { createNodeResourcesFit, type FitOptions } from '../plugins/node-resources-fit.ts'
import { createPodTopologySpread } from '../plugins/pod-topology-spread.ts'
import type { ScoringStrategy, WeighedResource } from '../plugins/resource-scores.ts'
import { volumeBinding } from '../plugins/volume-binding.ts'
import { Fields } from './reader.ts'

/** Makes the plugins that take arguments (pkg/scheduler/apis/config/v1 and its validation). */
export const pluginsWithArguments: Readonly<Record<string, PluginFactory>> = {
  NodeResourcesFit: reading('NodeResourcesFitArgs', ({ devices }, args) =>
    createNodeResourcesFit({ ...fitOptions(args), devices }),
  ),
  NodeResourcesBalancedAllocation: reading('NodeResourcesBalancedAllocationArgs', ({ devices }, args) =>
    createBalancedAllocation(args.raw('resources') === undefined ? {} : { resources: resourcesOf(args), devices }),
  ),
  NodeAffinity: reading('NodeAffinityArgs', (_, args) => {
    const addedAffinity = args.raw('addedAffinity') as NodeAffinity | undefined
    return createNodeAffinity(addedAffinity === undefined ? {} : { addedAffinity })
  }),
  InterPodAffinity: reading('InterPodAffinityArgs', (_, args) => {
    const hardPodAffinityWeight = args.whole('hardPodAffinityWeight', 0, 100) ?? 1
    const ignore = args.flag('ignorePreferredTermsOfExistingPods') ?? false
    return createInterPodAffinity({ hardPodAffinityWeight, ignorePreferredTermsOfExistingPods: ignore })
  }),
  PodTopologySpread: reading('PodTopologySpreadArgs', (_, args) => {
    const defaulting = args.text('defaultingType') ?? 'System'
    const constraints = args.list('defaultConstraints').map(spreadConstraint)
    if (defaulting !== 'System' && defaulting !== 'List') {
      args.fail('defaultingType', `Unsupported value: "${defaulting}": supported values: "List", "System"`)
    }
    if (defaulting === 'System') {
      if (constraints.length > 0) args.fail('defaultingType', 'when .defaultConstraints are specified, must be "List"')
      return createPodTopologySpread()
    }
    return createPodTopologySpread({ defaultConstraints: constraints })
  }),
  DefaultPreemption: reading('DefaultPreemptionArgs', (context, args) =>
    defaultPreemption(context, {
      minCandidateNodesPercentage: args.whole('minCandidateNodesPercentage', 0, 100) ?? 10,
      minCandidateNodesAbsolute: args.whole('minCandidateNodesAbsolute', 0) ?? 100,
    }),
  ),
  VolumeBinding: reading('VolumeBindingArgs', (context, args) => {
    // Scores by capacity are behind a feature gate that is off.
    args.raw('shape')
    return volumeBinding(context, { bindTimeout: (args.whole('bindTimeoutSeconds', 0) ?? 600) * 1000 })
  }),
  DynamicResources: reading('DynamicResourcesArgs', (context, args) => {
    const filterTimeout = args.duration('filterTimeout')
    const bindingTimeout = args.duration('bindingTimeout')
    if (bindingTimeout !== undefined && bindingTimeout < 1000) {
      args.fail('bindingTimeout', `Invalid value: "${args.text('bindingTimeout')}": must be at least 1 second`)
    }
    return dynamicResources(context, {
      ...(filterTimeout === undefined ? {} : { filterTimeout }),
      ...(bindingTimeout === undefined ? {} : { bindingTimeout }),
    })
  }),
}

function reading(kind: string, make: (context: PluginContext, args: Fields) => SchedulerPlugin): PluginFactory {
  return (context, value) => {
    const args = new Fields(value ?? {}, 'args')
    args.text('apiVersion')
    const given = args.text('kind') ?? kind
    if (given !== kind) args.fail('kind', `Invalid value: "${given}": must be ${kind}`)
    const plugin = make(context, args)
    args.end()
    return plugin
  }
}

function fitOptions(args: Fields): FitOptions {
  const ignoredResources = args.texts('ignoredResources')
  const ignoredResourceGroups = args.texts('ignoredResourceGroups')
  const strategy = args.object('scoringStrategy')
  if (strategy === undefined) return { ignoredResources, ignoredResourceGroups }
  const type = strategy.text('type') ?? 'LeastAllocated'
  if (type !== 'LeastAllocated' && type !== 'MostAllocated' && type !== 'RequestedToCapacityRatio') {
    const known = '"LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"'
    return strategy.fail('type', `Unsupported value: "${type}": supported values: ${known}`)
  }
  const scoringStrategy: ScoringStrategy = {
    type,
    resources: resourcesOf(strategy),
    ...shapeOf(type, strategy),
  }
  strategy.end()
  return { ignoredResources, ignoredResourceGroups, scoringStrategy }
}

function resourcesOf(fields: Fields): WeighedResource[] {
  const resources = fields.list('resources').map(each => {
    const resource = { name: each.text('name') ?? '', weight: each.whole('weight', 0, 100) || 1 }
    if (resource.name === '') each.fail('name', 'Required value')
    each.end()
    return resource
  })
  if (resources.length > 0) return resources
  return [
    { name: 'cpu', weight: 1 },
    { name: 'memory', weight: 1 },
  ]
}

function shapeOf(type: string, strategy: Fields): Pick<ScoringStrategy, 'shape'> {
  const ratio = strategy.object('requestedToCapacityRatio')
  if (type !== 'RequestedToCapacityRatio') return {}
  const shape = (ratio?.list('shape') ?? []).map(each => {
    const point = { utilization: each.whole('utilization', 0, 100) ?? 0, score: each.whole('score', 0, 10) ?? 0 }
    each.end()
    return point
  })
  if (shape.length === 0)
    strategy.fail('requestedToCapacityRatio.shape', 'Required value: at least one point must be specified')
  for (const [index, { utilization }] of shape.entries()) {
    const before = shape[index - 1]
    if (before !== undefined && utilization <= before.utilization) {
      const problem = `Invalid value: ${utilization}: utilization values must be sorted in increasing order`
      strategy.fail(`requestedToCapacityRatio.shape[${index}].utilization`, problem)
    }
  }
  ratio?.end()
  return { shape }
}

function spreadConstraint(fields: Fields): TopologySpreadConstraint {
  const maxSkew = fields.whole('maxSkew', 1)
  const topologyKey = fields.text('topologyKey')
  const whenUnsatisfiable = fields.text('whenUnsatisfiable')
  if (maxSkew === undefined) fields.fail('maxSkew', 'Required value')
  if (!topologyKey) fields.fail('topologyKey', 'can not be empty')
  if (whenUnsatisfiable !== 'DoNotSchedule' && whenUnsatisfiable !== 'ScheduleAnyway') {
    fields.fail('whenUnsatisfiable', 'Required value: supported values: "DoNotSchedule", "ScheduleAnyway"')
  }
  if (fields.raw('labelSelector') !== undefined) {
    fields.fail('labelSelector', 'Forbidden: constraint must not define a selector, as they deduced for each pod')
  }
  fields.end()
  return { maxSkew, topologyKey, whenUnsatisfiable }
}
