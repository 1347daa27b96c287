import { formatDuration } from '@canopus/apimachinery'
import type { SchedulerPlugin } from '../framework.ts'
import { defaultPlugins } from '../profile.ts'
import { checkedArguments } from './argument-checks.ts'
import { type ExtenderConfiguration, readExtender } from './extender-configuration.ts'
import { Fields } from './reader.ts'

/** `KubeSchedulerConfiguration` of kubescheduler.config.k8s.io/v1, as far as it decides how pods are scheduled. */
export interface SchedulerConfiguration {
  readonly profiles: readonly ProfileConfiguration[]
  readonly extenders: readonly ExtenderConfiguration[]
  /** Of how many percent of the nodes enough is known to choose the best; 0: of all. */
  readonly percentageOfNodesToScore: number
  /** Milliseconds. */
  readonly initialBackoff: number
  readonly maxBackoff: number
  readonly kubeconfig?: string
  readonly clientConnection: ClientConnectionConfiguration
  readonly leaderElection: LeaderElectionConfiguration
}

/** How many requests a second are sent, and how many at once before that counts. */
export interface ClientConnectionConfiguration {
  readonly qps?: number
  readonly burst?: number
}

export interface LeaderElectionConfiguration {
  readonly leaderElect?: boolean
  readonly resourceName?: string
  readonly resourceNamespace?: string
  /** Milliseconds. */
  readonly leaseDuration?: number
  readonly renewDeadline?: number
  readonly retryPeriod?: number
}

export interface ProfileConfiguration {
  readonly schedulerName: string
  readonly percentageOfNodesToScore?: number
  /** In the order in which they are asked. */
  readonly plugins: readonly EnabledPlugin[]
  /** Arguments by the plugin's name, as they stand in the file. */
  readonly args: ReadonlyMap<string, unknown>
}

export interface EnabledPlugin {
  readonly name: string
  readonly weight: number
  /** What of the plugin is to be used; all of it where missing. */
  readonly methods?: ReadonlySet<keyof SchedulerPlugin>
}

export const API_VERSION = 'kubescheduler.config.k8s.io/v1'

/** What each of upstream's extension points is here. */
export const POINTS: Readonly<Record<string, readonly (keyof SchedulerPlugin)[]>> = {
  preEnqueue: ['preEnqueue'],
  queueSort: ['compare'],
  preFilter: ['filter'],
  filter: ['filter'],
  postFilter: ['postFilter'],
  preScore: ['score'],
  score: ['score'],
  reserve: ['reserve', 'unreserve'],
  permit: ['permit'],
  preBind: ['preBind', 'preBindPreFlight'],
  bind: ['bind'],
  postBind: ['postBind'],
  // Groups of pods are placed pod by pod: nothing is asked where all of them could go.
  placementGenerate: [],
  placementScore: [],
}
const METHODS = [...new Set(Object.values(POINTS).flat())]

export const defaultConfiguration: SchedulerConfiguration = readConfiguration({})

/**
 * Reads a configuration: the object that the YAML file has. Defaults are upstream's, but that all nodes are scored.
 *
 * @throws Error whose message names the field and what is wrong with it.
 */
export function readConfiguration(value: unknown): SchedulerConfiguration {
  const fields = new Fields(value)
  checkKind(fields)
  const profiles = fields.list('profiles').map(readProfile)
  const names = new Set<string>()
  for (const [index, { schedulerName }] of profiles.entries()) {
    if (names.has(schedulerName)) {
      throw new Error(`profiles[${index}].schedulerName: Duplicate value: {}`)
    }
    names.add(schedulerName)
  }
  if (profiles.length === 0) profiles.push(readProfile(new Fields({})))
  const initial = fields.whole('podInitialBackoffSeconds', 1) ?? 1
  const max = fields.whole('podMaxBackoffSeconds', 1) ?? 10
  if (max < initial) {
    fields.fail(
      'podMaxBackoffSeconds',
      `Invalid value: ${max}: must be greater than or equal to PodInitialBackoffSeconds`,
    )
  }
  const connection = fields.object('clientConnection')
  const kubeconfig = connection?.text('kubeconfig')
  const extenders = fields.list('extenders').map(readExtender)
  const configuration: SchedulerConfiguration = {
    profiles: profiles.map(each => withoutManaged(each, extenders)),
    extenders,
    percentageOfNodesToScore: fields.whole('percentageOfNodesToScore', 0, 100) ?? 0,
    initialBackoff: initial * 1000,
    maxBackoff: max * 1000,
    clientConnection: readLimits(connection),
    leaderElection: readLeaderElection(fields.object('leaderElection')),
    ...(kubeconfig ? { kubeconfig } : {}),
  }
  if (configuration.extenders.filter(each => each.bindVerb !== undefined).length > 1) {
    const count = configuration.extenders.filter(each => each.bindVerb !== undefined).length
    throw new Error(
      `extenders: Invalid value: "found ${count} extenders implementing bind": only one extender can implement bind`,
    )
  }
  // Nothing here does work in parallel, nor are there profiles of the process to be had by this file.
  const parallelism = fields.whole('parallelism') ?? 1
  if (parallelism <= 0)
    fields.fail('parallelism', `Invalid value: ${parallelism}: should be an integer value greater than zero`)
  for (const ignored of ['enableProfiling', 'enableContentionProfiling', 'delayCacheUntilActive']) {
    fields.raw(ignored)
  }
  fields.end()
  return configuration
}

/** Resources that extenders look after alone are none of the fit plugin's business. */
function withoutManaged(
  profile: ProfileConfiguration,
  extenders: readonly ExtenderConfiguration[],
): ProfileConfiguration {
  const managed = extenders.flatMap(each => each.managedResources.filter(resource => resource.ignoredByScheduler))
  if (managed.length === 0) return profile
  const own = (profile.args.get('NodeResourcesFit') ?? {}) as { ignoredResources?: unknown }
  const ignoredResources = [...((own.ignoredResources as unknown[]) ?? []), ...managed.map(each => each.name)]
  const args = new Map(profile.args).set('NodeResourcesFit', { ...own, ignoredResources })
  return { ...profile, args }
}

function checkKind(fields: Fields): void {
  const apiVersion = fields.text('apiVersion') ?? API_VERSION
  const kind = fields.text('kind') ?? 'KubeSchedulerConfiguration'
  if (kind !== 'KubeSchedulerConfiguration' || apiVersion !== API_VERSION) {
    throw new Error(`no kind "${kind}" is registered for version "${apiVersion}" in scheme "pkg/runtime/scheme.go:111"`)
  }
}

/** None are kept where none are named; 0 is upstream's default of the other fields. */
function readLimits(fields: Fields | undefined): ClientConnectionConfiguration {
  if (fields === undefined) return {}
  const qps = fields.raw('qps')
  if (qps !== undefined && typeof qps !== 'number') return fields.fail('qps', 'must be a number')
  const burst = fields.whole('burst')
  return { ...(qps ? { qps } : {}), ...(burst ? { burst } : {}) }
}

function readLeaderElection(fields: Fields | undefined): LeaderElectionConfiguration {
  if (fields === undefined) return {}
  fields.text('resourceLock')
  const read = {
    leaderElect: fields.flag('leaderElect'),
    resourceName: fields.text('resourceName'),
    resourceNamespace: fields.text('resourceNamespace'),
    leaseDuration: fields.duration('leaseDuration'),
    renewDeadline: fields.duration('renewDeadline'),
    retryPeriod: fields.duration('retryPeriod'),
  }
  fields.end()
  checkElection(fields, read)
  return Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined))
}

/** As k8s.io/component-base/config/validation has it. */
function checkElection(
  fields: Fields,
  {
    leaderElect = true,
    leaseDuration = 15_000,
    renewDeadline = 10_000,
    retryPeriod = 2000,
  }: { [K in keyof LeaderElectionConfiguration]: LeaderElectionConfiguration[K] | undefined },
): void {
  if (!leaderElect) return
  if (leaseDuration <= renewDeadline)
    fields.fail(
      'leaseDuration',
      `Invalid value: "${formatDuration(renewDeadline)}": must be greater than \`RenewDeadline\``,
    )
  if (renewDeadline <= retryPeriod * 1.2)
    fields.fail(
      'renewDeadline',
      `Invalid value: "${formatDuration(retryPeriod)}": must be greater than \`RetryPeriod\`*1.2`,
    )
}

function readProfile(fields: Fields): ProfileConfiguration {
  const schedulerName = fields.text('schedulerName') ?? 'default-scheduler'
  if (schedulerName === '') fields.fail('schedulerName', 'Required value')
  const percentage = fields.whole('percentageOfNodesToScore', 0, 100)
  const plugins = readPlugins(fields.object('plugins'))
  const args = new Map<string, unknown>()
  for (const each of fields.list('pluginConfig')) {
    const name = each.text('name')
    if (!name) return each.fail('name', 'Required value')
    if (args.has(name)) throw new Error(`${each.path}: Duplicate value: ${JSON.stringify(name)}`)
    args.set(name, checkedArguments(name, each))
    each.end()
  }
  fields.end()
  return {
    schedulerName,
    plugins,
    args,
    ...(percentage === undefined ? {} : { percentageOfNodesToScore: percentage }),
  }
}

interface PluginSet {
  readonly enabled: readonly { name: string; weight: number | undefined }[]
  readonly disabled: ReadonlySet<string>
}

function readSet(fields: Fields | undefined): PluginSet {
  const names = (name: string) =>
    (fields?.list(name) ?? []).map(each => {
      const plugin = { name: each.text('name') ?? '', weight: each.whole('weight', 0) }
      if (plugin.name === '') each.fail('name', 'Required value')
      each.end()
      return plugin
    })
  const set = { enabled: names('enabled'), disabled: new Set(names('disabled').map(each => each.name)) }
  fields?.end()
  return set
}

/** What of the plugins is on: defaults, changed at all points at once (`multiPoint`) and then at single ones. */
function readPlugins(fields: Fields | undefined): EnabledPlugin[] {
  const all = readSet(fields?.object('multiPoint'))
  const points = Object.keys(POINTS).map(point => [point, readSet(fields?.object(point))] as const)
  fields?.end()
  const weights = new Map<string, number>()
  if (!all.disabled.has('*')) {
    for (const { name, weight } of defaultPlugins) if (!all.disabled.has(name)) weights.set(name, weight)
  }
  const everywhere = new Set(weights.keys())
  for (const { name, weight } of all.enabled) {
    weights.set(name, weight || weights.get(name) || 1)
    everywhere.add(name)
  }
  for (const [point, { enabled }] of points) {
    for (const { name, weight } of enabled) {
      if (!weights.has(name)) weights.set(name, 1)
      if (point === 'score' && weight) weights.set(name, weight)
    }
  }
  return [...weights].flatMap(([name, weight]): EnabledPlugin[] => {
    const methods = new Set(METHODS.filter(method => isOn(name, method, everywhere, points)))
    if (methods.size === 0) return []
    return [{ name, weight, ...(methods.size === METHODS.length ? {} : { methods }) }]
  })
}

function isOn(
  name: string,
  method: keyof SchedulerPlugin,
  everywhere: ReadonlySet<string>,
  points: readonly (readonly [string, PluginSet])[],
): boolean {
  const sets = points.filter(([point]) => POINTS[point]!.includes(method)).map(([, set]) => set)
  if (sets.some(({ enabled }) => enabled.some(each => each.name === name))) return true
  return everywhere.has(name) && !sets.some(({ disabled }) => disabled.has(name) || disabled.has('*'))
}
