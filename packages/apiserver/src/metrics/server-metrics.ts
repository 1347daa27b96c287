/** Everything that `/metrics` of the API server tells, under upstream's names. */

import { VERSION_FIELDS } from '@canopus/api'
import { type Clock, type Counter, type Family, MetricsRegistry, type Sample, tally } from '@canopus/base'
import { registerProcessMetrics } from '@canopus/platform'
import type { Store } from '@canopus/store'
import { auditMetrics } from '../audit/audit-metrics.ts'
import type { KindCache } from '../cache/kind-cache.ts'
import { KUBERNETES_MINOR, versionInfo } from '../discovery/version.ts'
import { COMPATIBLE } from '../features/effective-version.ts'
import { FeatureGates } from '../features/feature-gates.ts'
import type { RequestInfo } from '../filters/request-info.ts'
import type { Traffic } from '../filters/traffic.ts'
import type { Health } from '../health/health.ts'
import { type ApiRequest, type ApiResponse, plainResponse } from '../http/message.ts'
import type { Resources } from '../registry/resources.ts'
import { envelopeMetrics } from '../storage/encryption/encryption-metrics.ts'
import { podLogMetrics } from '../subresources/pod-log-metrics.ts'
import { AccessMetrics } from './access-metrics.ts'
import { caches, registerCacheMetrics } from './cache-metrics.ts'
import { registerFlowMetrics } from './flow-metrics.ts'
import { ImpersonationMetrics } from './impersonation-metrics.ts'
import { RequestMetrics } from './request-metrics.ts'
import { StorageSize } from './storage-metrics.ts'

export interface ServerMetricsOptions {
  readonly resources: Resources
  readonly traffic: Traffic
  readonly health: Health
  readonly stores: readonly Store[]
  readonly clock: Clock
  readonly registry?: MetricsRegistry
  /** The defaults where missing. */
  readonly featureGates?: FeatureGates | undefined
  /** Whether they tell how many objects there are; they do where missing. */
  readonly countsObjects?: boolean | undefined
  /** Whether they tell how large the store is; the same. */
  readonly tellsStorageSize?: boolean | undefined
  /** What the figures say that this is. */
  readonly gitVersion?: string
}

export class ServerMetrics {
  readonly registry: MetricsRegistry
  readonly requests: RequestMetrics
  readonly impersonation: ImpersonationMetrics
  readonly slis = new MetricsRegistry()
  readonly access: AccessMetrics
  readonly #deprecated: Family<Counter>
  readonly #storageSize: StorageSize | undefined
  /** Seconds since 1970, by which scrapers know of a new process. */
  readonly #started: string

  constructor(options: ServerMetricsOptions) {
    const { resources, traffic, health, registry = new MetricsRegistry() } = options
    this.registry = registry
    this.#started = String(Math.floor(options.clock.now() / 1000))
    this.requests = new RequestMetrics(registry)
    this.impersonation = new ImpersonationMetrics(options.clock, registry)
    this.access = new AccessMetrics(registry, options.clock)
    this.#deprecated = registry.gauge(
      'apiserver_requested_deprecated_apis',
      '[STABLE] Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, subresource, and removed_release.',
      ['group', 'version', 'resource', 'subresource', 'removed_release'],
    )
    registerFlowMetrics(registry, traffic)
    const { countsObjects = true, tellsStorageSize = true } = options
    this.#storageSize = tellsStorageSize ? new StorageSize(options.stores, options.clock, registry) : undefined
    if (countsObjects) registerObjectCounts(registry, resources)
    registerObjects(registry, resources)
    registerCacheMetrics(registry, resources)
    registerAdmission(registry, resources)
    registerBuildInfo(registry, options.gitVersion)
    registerOwnFamilies(registry)
    registerVersion(registry)
    auditMetrics(registry)
    envelopeMetrics(registry)
    podLogMetrics(registry)
    registerValidation(registry)
    const { featureGates = new FeatureGates() } = options
    featureGates.register(registry)
    registerProcessMetrics(registry)
    health.register(this.slis)
  }

  /** The answer to a path below `/metrics`; DELETE resets what was counted (k8s.io/apiserver/pkg/server/routes/metrics.go). */
  async serve({ method, path }: Pick<ApiRequest, 'method' | 'path'>): Promise<ApiResponse | undefined> {
    const registry = path === '/metrics' ? this.registry : path === '/metrics/slis' ? this.slis : undefined
    if (registry === undefined) return undefined
    if (method === 'DELETE') {
      registry.reset()
      return plainResponse(200, METRICS_RESET)
    }
    if (path === '/metrics') await this.#storageSize?.refresh()
    return plainResponse(200, registry.text(), {
      'content-type': METRICS_TYPE,
      'process-start-time-unix': this.#started,
    })
  }

  /** Notes that a version was asked for that will go. No release is named: none of ours has one. */
  deprecatedApi({ group, version, resource, subresource }: RequestInfo): void {
    this.#deprecated.with(group, version, resource, subresource, '').set(1)
  }
}

/** What the DELETE of `/metrics` is answered with. */
export const METRICS_RESET = 'metrics reset\n'

/** The media type of `/metrics`. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores'

/** `kubernetes_build_info`, of every component. */
export function registerBuildInfo(registry: MetricsRegistry, gitVersion?: string): void {
  const info = versionInfo(gitVersion)
  registry.collect(
    'gauge',
    'kubernetes_build_info',
    "[BETA] A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree state, build date, Go version, and compiler from which Kubernetes was built, and platform on which it is running.",
    [
      'major',
      'minor',
      'git_version',
      'git_commit',
      'git_tree_state',
      'build_date',
      'go_version',
      'compiler',
      'platform',
    ],
    () => [[VERSION_FIELDS.map(each => info[each] ?? ''), 1]],
  )
}

/** `version_info`, of what behaves as Kubernetes. */
function registerVersion(registry: MetricsRegistry): void {
  registry.collect(
    'gauge',
    'version_info',
    '[ALPHA] Provides the compatibility version info of the component. The component label is the name of the component, usually kube, but is relevant for aggregated-apiservers.',
    ['binary', 'component', 'emulation', 'min_compat'],
    () => [[[`1.${KUBERNETES_MINOR}`, 'kube', `1.${KUBERNETES_MINOR}`, `1.${COMPATIBLE}`], 1]],
  )
}

/** What the metrics of every component tell of themselves; none is ever hidden but by being disabled. */
export function registerOwnFamilies(registry: MetricsRegistry): void {
  registry.collect(
    'counter',
    'registered_metrics_total',
    '[BETA] The count of registered metrics broken by stability level and deprecation version.',
    ['stability_level', 'deprecated_version'],
    () => {
      const levels = [...registry.descriptions].map(({ help }) => /^\[(\w+)\]/.exec(help)?.[1] ?? '')
      return tally(levels, level => [level, ''])
    },
  )
  const counter = (name: string, help: string, count: () => number): void =>
    registry.collect('counter', name, help, [], () => [[[], count()]])
  counter('hidden_metrics_total', '[BETA] The count of hidden metrics.', () => registry.disabled.families)
  counter('disabled_metrics_total', '[BETA] The count of disabled metrics.', () => registry.disabled.names)
  counter(
    'cardinality_enforcement_unexpected_categorizations_total',
    '[ALPHA] The count of unexpected categorizations during cardinality enforcement.',
    () => registry.unexpected,
  )
}

/** Upstream compares two validations, the declared and the written one. Here is one: they never differ, and none panics. */
function registerValidation(registry: MetricsRegistry): void {
  const counter = (name: string, help: string): void => {
    registry.counter(`apiserver_validation_declarative_validation_${name}_total`, `[BETA] ${help}`).with()
  }
  counter(
    'mismatch',
    'Number of times declarative validation results differed from handwritten validation results for core types.',
  )
  counter('panic', 'Number of times declarative validation has panicked during validation.')
}

function registerObjectCounts(registry: MetricsRegistry, resources: Resources): void {
  const labels = ['group', 'resource']
  registry.collect(
    'gauge',
    'apiserver_resource_objects',
    '[ALPHA] Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.',
    labels,
    ofEachCache(resources, cache => cache.size),
  )
  registry.collect(
    'gauge',
    'apiserver_resource_size_estimate_bytes',
    '[ALPHA] Estimated size of stored objects in database. Estimate is based on sum of last observed sizes of serialized objects. In case of a fetching error, the value will be -1.',
    labels,
    ofEachCache(resources, cache => cache.bytes),
  )
  registry.collect(
    'gauge',
    'apiserver_storage_objects',
    '[STABLE] (Deprecated since 1.34.0) [DEPRECATED, consider using apiserver_resource_objects instead] Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.',
    ['resource'],
    () =>
      caches(resources).map(
        ([group, , resource, cache]): Sample => [[group === '' ? resource : `${resource}.${group}`], cache.size],
      ),
  )
}

const ofEachCache = (resources: Resources, of: (cache: KindCache) => number) => (): Sample[] =>
  caches(resources).map(([group, , resource, cache]): Sample => [[group, resource], of(cache)])

function registerObjects(registry: MetricsRegistry, resources: Resources): void {
  const labels = ['group', 'resource']
  registry.collect(
    'counter',
    'apiserver_storage_events_received_total',
    '[BETA] Number of etcd events received split by kind.',
    labels,
    () =>
      caches(resources).flatMap(([group, , resource, { received }]): Sample[] =>
        received === 0 ? [] : [[[group, resource], received]],
      ),
  )
  registry.collect(
    'histogram',
    'apiserver_watch_list_duration_seconds',
    '[BETA] Response latency distribution in seconds for watch list requests broken by group, version, resource and scope.',
    ['group', 'version', 'resource', 'scope'],
    () => watchLists(resources),
  )
  registry.collect(
    'gauge',
    'apiserver_watch_cache_resource_version',
    '[ALPHA] Current resource version of watch cache broken by resource type. This is truncated to the 15 least significant digits.',
    labels,
    ofEachCache(resources, cache => cache.lastChange % 1e15),
  )
  registry.collect(
    'counter',
    'apiserver_watch_cache_events_received_total',
    '[ALPHA] Counter of events received in watch cache broken by resource type.',
    labels,
    ofEachCache(resources, cache => cache.received),
  )
}

function watchLists(resources: Resources): Sample[] {
  return resources.types.flatMap(({ group, version, plural }): Sample[] => {
    const store = resources.endpoint(group, version, plural)?.store
    return Array.from(store?.watchLists ?? [], ([scope, histogram]) => [[group, version, plural, scope], histogram])
  })
}

function registerAdmission(registry: MetricsRegistry, { context }: Resources): void {
  registry.collect(
    'histogram',
    'apiserver_admission_controller_admission_duration_seconds',
    '[STABLE] Admission controller latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).',
    ['name', 'operation', 'rejected', 'type'],
    () => context.admission.timings(),
  )
  registry.collect(
    'histogram',
    'apiserver_admission_step_admission_duration_seconds',
    '[STABLE] Admission sub-step latency histogram in seconds, broken out for each operation and API resource and step type (validate or admit).',
    ['operation', 'rejected', 'type'],
    () => context.admission.phaseTimings(),
  )
  registry.collect(
    'summary',
    'apiserver_admission_step_admission_duration_seconds_summary',
    '[ALPHA] Admission sub-step latency summary in seconds, broken out for each operation and API resource and step type (validate or admit).',
    ['operation', 'rejected', 'type'],
    () => context.admission.phaseSummaries(),
  )
}
