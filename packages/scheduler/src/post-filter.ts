import type { ClusterView, Failure, PostFilterResult } from './framework.ts'
import type { PodInfo } from './pod-info.ts'
import type { Status } from './profile-figures.ts'
import type { RunningProfile } from './profiles.ts'

/** What is to be told of a pod for which no node does, and where it shall wait. */
export interface Aftermath {
  readonly messages: readonly string[]
  /** The node that the pod shall wait for; an empty text: for none any more; nothing: as before. */
  readonly nominated?: string
  readonly status: Status
}

/**
 * Runs the PostFilter plugins one after the other, until one has found a way. At once, unless one of them must ask somebody
 * outside (RunPostFilterPlugins upstream).
 *
 * @throws what a plugin throws; the promise is rejected with it.
 */
export function runPostFilters(
  pod: PodInfo,
  { profile, figures }: Pick<RunningProfile, 'profile' | 'figures'>,
  cluster: ClusterView,
  failure: Failure,
): Aftermath | Promise<Aftermath> {
  const begun = figures.now()
  const isSampled = figures.sample()
  const after = (from: number, sofar: Aftermath): Aftermath | Promise<Aftermath> => {
    let aftermath = sofar
    for (let i = from; i < profile.length; i++) {
      const { plugin } = profile[i]!
      const since = figures.now()
      const result = plugin.postFilter?.(pod, cluster, failure)
      if (result === undefined) continue
      const noted = (each: PostFilterResult): Aftermath | undefined => {
        const ended = end(each)
        const status = ended?.status ?? 'Unschedulable'
        if (isSampled) figures.observePlugin(plugin.name, 'PostFilter', status, since)
        return ended
      }
      if (result instanceof Promise) {
        return result.then(each => noted(each) ?? after(i + 1, added(aftermath, each)))
      }
      const ended = noted(result)
      if (ended !== undefined) return ended
      aftermath = added(aftermath, result)
    }
    return aftermath
  }
  const observed = (aftermath: Aftermath): Aftermath => {
    figures.observe('PostFilter', aftermath.status, begun)
    return aftermath
  }
  const aftermath = after(0, { messages: [], status: 'Unschedulable' })
  return aftermath instanceof Promise ? aftermath.then(observed) : observed(aftermath)
}

function end({ nomination, last, message }: PostFilterResult): Aftermath | undefined {
  if (nomination !== undefined) return { messages: [], nominated: nomination.node, status: 'Success' }
  return last === true ? { messages: [message], status: 'UnschedulableAndUnresolvable' } : undefined
}

function added(sofar: Aftermath, { message, clearNomination }: PostFilterResult): Aftermath {
  return {
    ...sofar,
    messages: message === '' ? sofar.messages : [...sofar.messages, message],
    ...(clearNomination === true ? { nominated: '' } : {}),
  }
}
