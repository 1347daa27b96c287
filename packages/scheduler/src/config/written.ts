/** A configuration as kube-scheduler writes it out (`--write-config-to`; cmd/kube-scheduler/app/options/configfile.go). */
import { formatDuration } from '@canopus/apimachinery'
import { defaultPlugins } from '../profile.ts'
import {
  API_VERSION,
  type EnabledPlugin,
  POINTS,
  type ProfileConfiguration,
  type SchedulerConfiguration,
} from './configuration.ts'
import type { ExtenderConfiguration } from './extender-configuration.ts'

const RESOURCES = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
]

/** Arguments where nobody says anything else (pkg/scheduler/apis/config/v1/defaults.go). */
const DEFAULT_ARGUMENTS: Readonly<Record<string, object>> = {
  DefaultPreemption: { minCandidateNodesAbsolute: 100, minCandidateNodesPercentage: 10 },
  DynamicResources: { bindingTimeout: '10m0s', filterTimeout: '10s' },
  InterPodAffinity: { hardPodAffinityWeight: 1, ignorePreferredTermsOfExistingPods: false },
  NodeAffinity: {},
  NodeResourcesBalancedAllocation: { resources: RESOURCES },
  NodeResourcesFit: { scoringStrategy: { resources: RESOURCES, type: 'LeastAllocated' } },
  PodTopologySpread: { defaultingType: 'System' },
  VolumeBinding: { bindTimeoutSeconds: 600 },
}

/**
 * The KubeSchedulerConfiguration that says what `configuration` does, with its defaults: reading it gives the same again. What has
 * no effect here (parallelism, profiling) is left out.
 */
export function writtenConfiguration(configuration: SchedulerConfiguration): object {
  const { clientConnection: connection, leaderElection } = configuration
  return {
    apiVersion: API_VERSION,
    kind: 'KubeSchedulerConfiguration',
    clientConnection: { contentType: 'application/json', kubeconfig: configuration.kubeconfig ?? '', ...connection },
    leaderElection: {
      leaderElect: leaderElection.leaderElect ?? true,
      leaseDuration: formatDuration(leaderElection.leaseDuration ?? 15_000),
      renewDeadline: formatDuration(leaderElection.renewDeadline ?? 10_000),
      resourceLock: 'leases',
      resourceName: leaderElection.resourceName ?? 'kube-scheduler',
      resourceNamespace: leaderElection.resourceNamespace ?? 'kube-system',
      retryPeriod: formatDuration(leaderElection.retryPeriod ?? 2000),
    },
    percentageOfNodesToScore: configuration.percentageOfNodesToScore,
    podInitialBackoffSeconds: configuration.initialBackoff / 1000,
    podMaxBackoffSeconds: configuration.maxBackoff / 1000,
    profiles: configuration.profiles.map(writtenProfile),
    ...(configuration.extenders.length === 0 ? {} : { extenders: configuration.extenders.map(writtenExtender) }),
  }
}

function writtenProfile({ schedulerName, percentageOfNodesToScore, plugins, args }: ProfileConfiguration): object {
  return {
    schedulerName,
    ...(percentageOfNodesToScore === undefined ? {} : { percentageOfNodesToScore }),
    plugins: writtenPlugins(plugins),
    pluginConfig: plugins
      .map(({ name }) => name)
      .filter(name => name in DEFAULT_ARGUMENTS || args.has(name))
      .sort()
      .map(name => ({ name, args: writtenArguments(name, args.get(name)) })),
  }
}

function writtenArguments(name: string, own: unknown): unknown {
  const defaults = DEFAULT_ARGUMENTS[name]
  if (defaults === undefined) return own
  return { apiVersion: API_VERSION, kind: `${name}Args`, ...defaults, ...(own as object | undefined) }
}

/** All that are on, at all points at once, so that they stay in their order; points that a plugin is not asked at are turned off. */
function writtenPlugins(plugins: readonly EnabledPlugin[]): object {
  const points = Object.entries(POINTS).map(([point, methods]) => {
    const isOff = (plugin: EnabledPlugin): boolean => methods.some(method => plugin.methods?.has(method) === false)
    const disabled = plugins.filter(isOff).map(({ name }) => ({ name }))
    return [point, disabled.length === 0 ? {} : { disabled }] as const
  })
  const on = new Set(plugins.map(each => each.name))
  const isChanged = defaultPlugins.some(({ name }) => !on.has(name))
  const disabled = isChanged ? { disabled: [{ name: '*' }] } : {}
  return { ...Object.fromEntries(points), multiPoint: { enabled: plugins.map(weighed), ...disabled } }
}

const weighed = ({ name, weight }: EnabledPlugin): object => ({ name, weight })

function writtenExtender({ timeout, tls, ...others }: ExtenderConfiguration): object {
  return { ...others, httpTimeout: formatDuration(timeout), ...(tls === undefined ? {} : { tlsConfig: tls }) }
}
