/** Budgets, quotas, allocated addresses and ports, and updates that must not be lost. */
import type { ConfigMap, Pod, ResourceQuota, Service } from '@canopus/api/core/v1'
import type { PodDisruptionBudget } from '@canopus/api/policy/v1'
import { labelSelector, matches } from '@canopus/apimachinery'
import { type ClusterState, isEnded, isReady, type Source } from './cluster-state.ts'
import type { Invariant } from './invariant.ts'

const SEEN_BY_BUDGETS: Source = ['controller-manager', 'pods']

const wasEvicted = (pod: Pod): boolean =>
  pod.status?.conditions?.some(each => each.type === 'DisruptionTarget' && each.reason === 'EvictionByEvictionAPI') ??
  false

const isHealthy = (pod: Pod): boolean =>
  isReady(pod) && pod.metadata.deletionTimestamp === undefined && !wasEvicted(pod)

/**
 * An eviction leaves at least as many healthy pods as the budget wants. Pods that were healthy a moment ago and lost it by
 * other causes count as healthy: the budget could not know.
 */
export function budgetsKept(): Invariant {
  const lost: { at: number; pod: Pod }[] = []
  return {
    name: 'evictions keep disruption budgets',
    check({ kind, object, before, at }, state) {
      if (kind !== 'pods') return undefined
      const [pod, old] = [object as Pod | undefined, before as Pod | undefined]
      const isEviction = pod !== undefined && wasEvicted(pod) && (old === undefined || !wasEvicted(old))
      if (!isEviction) {
        if (old && isHealthy(old) && (!pod || !isHealthy(pod))) lost.push({ at, pod: old })
        return undefined
      }
      // What is going already disrupts nothing more (eviction.go canIgnorePDB).
      if (old === undefined || !isReady(old) || old.metadata.deletionTimestamp !== undefined) return undefined
      while (lost.length > 0 && lost[0]!.at < state.since(SEEN_BY_BUDGETS)) lost.shift()
      return brokenBudget(pod, state, lost)
    },
  }
}

function brokenBudget(pod: Pod, state: ClusterState, lost: readonly { pod: Pod }[]): string | undefined {
  const { namespace } = pod.metadata
  for (const budget of state.list<PodDisruptionBudget>('poddisruptionbudgets')) {
    const { minAvailable, selector } = budget.spec
    if (budget.metadata.namespace !== namespace || typeof minAvailable !== 'number') continue
    const own = (each: Pod): boolean =>
      each.metadata.namespace === namespace && matches(labelSelector(selector), each.metadata.labels)
    if (!own(pod)) continue
    const healthy = state.list<Pod>('pods').filter(each => own(each) && isHealthy(each)).length
    const excused = new Set(lost.filter(each => own(each.pod)).map(each => each.pod.metadata.uid)).size
    if (healthy + excused < minAvailable) {
      return `evicting ${pod.metadata.name} leaves ${healthy} healthy of ${minAvailable} that ${budget.metadata.name} wants`
    }
  }
  return undefined
}

/** Nothing is admitted beyond what is left, whoever else writes at the same time. */
function overdrawn(quota: ResourceQuota, before: ResourceQuota | undefined): string | undefined {
  const { hard, used } = quota.status ?? {}
  const [now, old] = [used, before?.status?.used].map(each => Number(each?.pods ?? 0))
  return now! > old! && now! > Number(hard?.pods)
    ? `${quota.metadata.name} counts ${now} pods of ${hard?.pods}`
    : undefined
}

export const quotasKept: Invariant = {
  name: 'quotas are kept',
  check({ kind, object, before, key }, state) {
    if (kind === 'resourcequotas' && object !== undefined) {
      return overdrawn(object as ResourceQuota, before as ResourceQuota | undefined)
    }
    if (kind !== 'pods' || object === undefined || before?.metadata.uid === object.metadata.uid) return undefined
    const { namespace } = object.metadata
    for (const quota of state.list<ResourceQuota>('resourcequotas')) {
      // What is not in the status yet is not limited yet.
      const allowed = quota.status?.hard?.pods
      if (quota.metadata.namespace !== namespace || allowed === undefined) continue
      // What is past its grace period counts no more, and who has which time by which clock is another matter.
      const counts = (each: Pod): boolean => !isEnded(each) && each.metadata.deletionTimestamp === undefined
      const pods = state.list<Pod>('pods').filter(each => each.metadata.namespace === namespace && counts(each)).length
      if (pods > Number(allowed)) return `${key} is pod number ${pods} of ${allowed}`
    }
    return undefined
  },
}

export const allocationsUnique: Invariant = {
  name: 'addresses and ports of services are unique',
  check({ kind, object }, state) {
    if (kind !== 'services/specs' || object === undefined) return undefined
    const { spec, metadata } = object as Service
    const addresses = (spec?.clusterIPs ?? []).filter(each => each !== 'None')
    const ports = (spec?.ports ?? []).flatMap(each => (each.nodePort ? [`${each.protocol}/${each.nodePort}`] : []))
    for (const other of state.list<Service>('services/specs')) {
      if (other.metadata.uid === metadata.uid) continue
      const address = addresses.find(each => other.spec?.clusterIPs?.includes(each))
      if (address !== undefined) return `${metadata.name} and ${other.metadata.name} both have ${address}`
      const port = ports.find(each =>
        other.spec?.ports?.some(one => one.nodePort && `${one.protocol}/${one.nodePort}` === each),
      )
      if (port !== undefined) return `${metadata.name} and ${other.metadata.name} both have port ${port}`
    }
    return undefined
  },
}

/** Config maps that are counted up by compare-and-swap have this label. */
export const REGISTER_LABEL = 'simulation.canopus/register'

export const updatesNotLost: Invariant = {
  name: 'no update is lost',
  check({ kind, object, before, key }) {
    if (kind !== 'configmaps' || object?.metadata.labels?.[REGISTER_LABEL] === undefined || before === undefined) {
      return undefined
    }
    const [old, now] = [before, object].map(each => Number((each as ConfigMap).data?.value))
    return now === old! + 1 ? undefined : `${key} went from ${old} to ${now}`
  },
}
