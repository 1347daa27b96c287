import type { PluginContext, PluginFactory, Profile, ProfileEntry, SchedulerPlugin } from './framework.ts'
import { balancedAllocation } from './plugins/balanced-allocation.ts'
import { defaultBinder } from './plugins/default-binder.ts'
import { defaultPreemption } from './plugins/default-preemption.ts'
import { dynamicResources } from './plugins/dynamic-resources.ts'
import { imageLocality } from './plugins/image-locality.ts'
import { interPodAffinity } from './plugins/inter-pod-affinity.ts'
import { nodeAffinity } from './plugins/node-affinity.ts'
import { nodeDeclaredFeatures } from './plugins/node-declared-features.ts'
import { nodeName } from './plugins/node-name.ts'
import { nodePorts } from './plugins/node-ports.ts'
import { createNodeResourcesFit, nodeResourcesFit } from './plugins/node-resources-fit.ts'
import { nodeUnschedulable } from './plugins/node-unschedulable.ts'
import { nodeVolumeLimits } from './plugins/node-volume-limits.ts'
import { podTopologySpread } from './plugins/pod-topology-spread.ts'
import { prioritySort } from './plugins/priority-sort.ts'
import { schedulingGates } from './plugins/scheduling-gates.ts'
import { taintToleration } from './plugins/taint-toleration.ts'
import { volumeBinding } from './plugins/volume-binding.ts'
import { volumeRestrictions } from './plugins/volume-restrictions.ts'
import { volumeZone } from './plugins/volume-zone.ts'

/** A plugin that every profile has unless its configuration says otherwise. */
export interface DefaultPlugin {
  readonly name: string
  readonly weight: number
  /** Set where the plugin needs nothing but the pod and the cluster: the plugin itself, with its usual arguments. */
  readonly plain?: SchedulerPlugin
  readonly make: PluginFactory
}

const plain = (plugin: SchedulerPlugin, weight = 0): DefaultPlugin => ({
  name: plugin.name,
  weight,
  plain: plugin,
  make: () => plugin,
})
const made = (name: string, make: (context: PluginContext) => SchedulerPlugin, weight = 0): DefaultPlugin => ({
  name,
  weight,
  make,
})

/** Upstream's default plugins with their order and weights (pkg/scheduler/apis/config/v1/default_plugins.go). */
export const defaultPlugins: readonly DefaultPlugin[] = [
  plain(schedulingGates),
  plain(prioritySort),
  plain(nodeUnschedulable),
  plain(nodeName),
  plain(taintToleration, 3),
  plain(nodeAffinity, 2),
  plain(nodePorts),
  {
    ...plain(nodeResourcesFit, 1),
    make: ({ devices }) => createNodeResourcesFit({ devices }),
  },
  made('VolumeRestrictions', volumeRestrictions),
  made('NodeVolumeLimits', nodeVolumeLimits),
  made('VolumeBinding', volumeBinding),
  made('VolumeZone', volumeZone),
  plain(podTopologySpread, 2),
  plain(interPodAffinity, 2),
  made('DynamicResources', dynamicResources, 2),
  made('DefaultPreemption', defaultPreemption),
  plain(balancedAllocation, 1),
  plain(imageLocality, 1),
  made('DefaultBinder', defaultBinder),
  plain(nodeDeclaredFeatures),
]

/** Those of the default plugins that need nothing but pods and nodes. */
export const defaultProfile: Profile = defaultPlugins.flatMap(({ plain: plugin, weight }): ProfileEntry[] =>
  plugin === undefined ? [] : [{ plugin, weight }],
)
