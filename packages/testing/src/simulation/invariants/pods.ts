/** What must hold of every pod: it never changes its node, never comes back from its end, and its node has room for it. */
import type { Pod } from '@canopus/api/core/v1'
import { type Change, isEnded, milli, requested, type Source } from './cluster-state.ts'
import type { Invariant } from './invariant.ts'

const PODS_OF_SCHEDULER: Source = ['scheduler', 'pods']

const podOf = ({ kind, object }: Change): Pod | undefined => (kind === 'pods' ? (object as Pod | undefined) : undefined)

export const neverRebound: Invariant = {
  name: 'no pod is on two nodes',
  check(change) {
    const pod = podOf(change)
    const before = change.before as Pod | undefined
    if (!pod || before?.metadata.uid !== pod.metadata.uid || !before.spec.nodeName) return undefined
    if (pod.spec.nodeName === before.spec.nodeName) return undefined
    return `${change.key} was on ${before.spec.nodeName} and is now on ${pod.spec.nodeName}`
  },
}

export const endIsFinal: Invariant = {
  name: 'what has ended stays ended',
  check(change) {
    const pod = podOf(change)
    const before = change.before as Pod | undefined
    if (!pod || !before || before.metadata.uid !== pod.metadata.uid || !isEnded(before)) return undefined
    if (pod.status?.phase === before.status?.phase) return undefined
    return `${change.key} was ${before.status?.phase} and is now ${pod.status?.phase}`
  },
}

export const nodesHaveRoom: Invariant = {
  name: 'no node is given more than it has',
  check(change, state) {
    const pod = podOf(change)
    const name = pod?.spec.nodeName
    if (!pod || !name || (change.before as Pod | undefined)?.spec.nodeName === name) return undefined
    const allocatable = state.node(name)?.status?.allocatable
    // A binding that was done without its author knowing takes room that the scheduler may give away once more.
    if (!allocatable || state.lost(PODS_OF_SCHEDULER, each => each.path.includes('/binding')) > 0) return undefined
    const others = state.podsOn(name).filter(each => !isEnded(each))
    if (others.length > Number(allocatable.pods)) return `${name} has ${others.length} pods`
    for (const resource of ['cpu', 'memory']) {
      const sum = others.reduce((total, each) => total + requested(each, resource), 0)
      if (sum > milli(allocatable[resource]))
        return `${name} has given away more ${resource} than it has with ${change.key}`
    }
    return undefined
  },
}

/** A node that has been cordoned for as long as anybody may be behind gets no pods but those that bear it. */
export function cordonsHold(): Invariant {
  const since = new Map<string, number>()
  return {
    name: 'cordoned nodes get no pods',
    check(change, state) {
      if (change.kind === 'minions') {
        const cordoned = (change.object as { spec?: { unschedulable?: boolean } } | undefined)?.spec?.unschedulable
        if (!cordoned) since.delete(change.key)
        else if (!since.has(change.key)) since.set(change.key, change.at)
        return undefined
      }
      const pod = podOf(change)
      const name = pod?.spec.nodeName
      if (!pod || !name || (change.before as Pod | undefined)?.spec.nodeName === name) return undefined
      if (bearsCordons(pod)) return undefined
      const at = since.get(`/registry/minions/${name}`)
      return at !== undefined && at < state.since(['scheduler', 'nodes'])
        ? `${change.key} was put on ${name}`
        : undefined
    },
  }
}

/** As those of daemon sets do, also where the set has gone and left them behind. */
const bearsCordons = (pod: Pod): boolean =>
  (pod.spec.tolerations ?? []).some(each => each.key === 'node.kubernetes.io/unschedulable')
