import type { ClusterView, Failure, PostFilterResult, Profile } from './framework.ts'
import type { PodInfo } from './pod-info.ts'

/** What is to be told of a pod for which no node does, and where it shall wait. */
export interface Aftermath {
  readonly messages: readonly string[]
  /** The node that the pod shall wait for; an empty text: for none any more; nothing: as before. */
  readonly nominated?: string
}

/**
 * Runs the PostFilter plugins one after the other, until one has found a way. At once, unless one of them must ask somebody
 * outside (RunPostFilterPlugins upstream).
 *
 * @throws what a plugin throws; the promise is rejected with it.
 */
export function runPostFilters(
  pod: PodInfo,
  profile: Profile,
  cluster: ClusterView,
  failure: Failure,
): Aftermath | Promise<Aftermath> {
  const after = (from: number, sofar: Aftermath): Aftermath | Promise<Aftermath> => {
    let aftermath = sofar
    for (let i = from; i < profile.length; i++) {
      const result = profile[i]!.plugin.postFilter?.(pod, cluster, failure)
      if (result === undefined) continue
      if (result instanceof Promise) {
        return result.then(each => end(each) ?? after(i + 1, added(aftermath, each)))
      }
      const ended = end(result)
      if (ended !== undefined) return ended
      aftermath = added(aftermath, result)
    }
    return aftermath
  }
  return after(0, { messages: [] })
}

function end({ nomination, last, message }: PostFilterResult): Aftermath | undefined {
  if (nomination !== undefined) return { messages: [], nominated: nomination.node }
  return last === true ? { messages: [message] } : undefined
}

function added(sofar: Aftermath, { message, clearNomination }: PostFilterResult): Aftermath {
  return {
    ...sofar,
    messages: message === '' ? sofar.messages : [...sofar.messages, message],
    ...(clearNomination === true ? { nominated: '' } : {}),
  }
}
