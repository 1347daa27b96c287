import { messageOf } from '@canopus/base'
import { pluginsWithArguments } from './config/arguments.ts'
import type { ProfileConfiguration } from './config/configuration.ts'
import { SchedulingCycle } from './cycle.ts'
import type { PluginContext, PluginFactory, Profile, ProfileEntry, SchedulerPlugin } from './framework.ts'
import { defaultPlugins } from './profile.ts'
import { ProfileFigures } from './profile-figures.ts'

/** A profile at work: the pods that ask for its scheduler go through it. */
export interface RunningProfile {
  readonly schedulerName: string
  readonly profile: Profile
  readonly cycle: SchedulingCycle
  readonly figures: ProfileFigures
  readonly points: BindingPoints
}

/** The plugins that have something to do on the way from a decision to a bound pod, point by point. */
export type BindingPoints = Readonly<Record<BindingPoint, readonly SchedulerPlugin[]>>
type BindingPoint = 'reserve' | 'unreserve' | 'permit' | 'preBind' | 'bind' | 'postBind'

function bindingPoints(profile: Profile): BindingPoints {
  const having = (point: BindingPoint): readonly SchedulerPlugin[] =>
    profile.map(each => each.plugin).filter(each => each[point] !== undefined)
  return {
    reserve: having('reserve'),
    unreserve: having('unreserve').toReversed(),
    permit: having('permit'),
    preBind: having('preBind'),
    bind: having('bind'),
    postBind: having('postBind'),
  }
}

export interface ProfileParts {
  readonly context: Omit<PluginContext, 'check' | 'localKey'>
  /** Plugins of the user, by the names that configurations know them by. */
  readonly factories: Readonly<Record<string, PluginFactory>>
  /** Plugins of the user that every profile has. */
  readonly own: readonly ProfileEntry[]
  readonly percentageOfNodesToScore: number
}

/**
 * Makes the plugins of a profile.
 *
 * @throws Error with a sentence for the user where a plugin is not known, or its arguments are wrong.
 */
export function makeProfile(configuration: ProfileConfiguration, parts: ProfileParts): RunningProfile {
  const { schedulerName, args, percentageOfNodesToScore = parts.percentageOfNodesToScore } = configuration
  let cycle: SchedulingCycle | undefined
  const context: PluginContext = {
    ...parts.context,
    check: (pod, node) => cycle?.check(pod, node),
    localKey: pod => cycle?.localKey(pod),
  }
  const profile: ProfileEntry[] = []
  for (const { name, weight, methods } of configuration.plugins) {
    const plugin = make(name, args.get(name), context, parts, schedulerName)
    profile.push({ plugin: methods === undefined ? plugin : only(plugin, methods), weight })
  }
  // Before the binder, which always has its say.
  const binder = profile.findIndex(each => each.plugin.bind !== undefined)
  profile.splice(binder < 0 ? profile.length : binder, 0, ...parts.own)
  for (const name of args.keys()) {
    if (!profile.some(each => each.plugin.name === name) && !isKnown(name, parts)) {
      throw new Error(`profile ${schedulerName}: pluginConfig for ${name}: there is no such plugin`)
    }
  }
  checkWhole(profile, schedulerName)
  const { cluster, clock, random, metrics } = parts.context
  const figures = new ProfileFigures(metrics && { clock, random, metrics, profile: schedulerName })
  cycle = new SchedulingCycle(profile, cluster, random, percentageOfNodesToScore, figures)
  return { schedulerName, profile, cycle, figures, points: bindingPoints(profile) }
}

const isKnown = (name: string, { factories }: ProfileParts): boolean =>
  name in factories || defaultPlugins.some(each => each.name === name)

function make(
  name: string,
  args: unknown,
  context: PluginContext,
  parts: ProfileParts,
  schedulerName: string,
): SchedulerPlugin {
  const known = defaultPlugins.find(each => each.name === name)
  const factory =
    parts.factories[name] ?? (args === undefined ? known?.make : pluginsWithArguments[name]) ?? known?.make
  if (factory === undefined) throw new Error(`profile ${schedulerName}: there is no plugin "${name}"`)
  try {
    return factory(context, args)
  } catch (error) {
    const problem = messageOf(error)
    throw new Error(`profile ${schedulerName}: plugin ${name}: ${problem}`)
  }
}

/** The plugin without the methods that the configuration turns off. */
function only(plugin: SchedulerPlugin, methods: ReadonlySet<keyof SchedulerPlugin>): SchedulerPlugin {
  const off = (['preEnqueue', 'compare', 'filter', 'postFilter', 'score', 'reserve', 'unreserve'] as const)
    .concat(['permit', 'preBindPreFlight', 'preBind', 'bind', 'postBind'] as never[])
    .filter(each => !methods.has(each))
  const masks = Object.fromEntries(off.map(each => [each, { value: undefined }]))
  // Calls of what is left reach the plugin itself, also its private fields.
  const bound = Object.fromEntries(
    [...methods, 'connect', 'hint', 'staticKey'].flatMap(each => {
      const method = (plugin as unknown as Record<string, unknown>)[each]
      return typeof method === 'function' ? [[each, { value: method.bind(plugin) }]] : []
    }),
  )
  return Object.create(plugin, { ...masks, ...bound }) as SchedulerPlugin
}

function checkWhole(profile: Profile, schedulerName: string): void {
  if (!profile.some(each => each.plugin.bind !== undefined)) {
    throw new Error(`profile ${schedulerName}: at least one bind plugin is needed`)
  }
  const sorters = profile.filter(each => each.plugin.compare !== undefined).map(each => each.plugin.name)
  if (sorters.length !== 1) {
    const problem =
      sorters.length === 0 ? 'no queue sort plugin is enabled' : `only one queue sort plugin can be enabled`
    throw new Error(`profile ${schedulerName}: ${problem}${sorters.length > 1 ? `, not ${sorters.join(' and ')}` : ''}`)
  }
}
