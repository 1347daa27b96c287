import { type Quantity, quantityOf } from '@canopus/apimachinery'
import type { Container, Pod, PodAffinityTerm } from '../generated/core.v1.ts'
import { podQosClass } from '../kinds/core/pod/qos.ts'
import { podLimits, podRequests } from '../kinds/core/pod/resources.ts'
import { hasClass, type QuotaAmounts, type QuotaEvaluator, type QuotaScope } from './evaluator.ts'

// Behaviour: upstream pkg/quota/v1/evaluator/core/pods.go.

const COMPUTE = ['cpu', 'memory', 'ephemeral-storage']
const TRACKED = new Set([
  'pods',
  'count/pods',
  ...COMPUTE.flatMap(name => [name, `requests.${name}`, `limits.${name}`]),
])
/** Where a quota limits one of these, every container has to say how much it wants. */
const MUST_BE_SAID = ['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory']

export const podQuota: QuotaEvaluator<Pod> = {
  tracks: name =>
    TRACKED.has(name) ||
    name.startsWith('hugepages-') ||
    name.startsWith('requests.hugepages-') ||
    (name.startsWith('requests.') && isExtended(name.slice('requests.'.length))),
  usage(pod, now) {
    const count = quantityOf(1)
    const result: QuotaAmounts = new Map([['count/pods', count]])
    if (pod.spec === undefined || !countsFully(pod, now)) return result
    result.set('pods', count)
    for (const [name, amount] of podRequests(pod.spec)) addRequest(result, name, amount)
    for (const [name, amount] of podLimits(pod.spec)) if (COMPUTE.includes(name)) result.set(`limits.${name}`, amount)
    return result
  },
  inScope,
  missing(tracked, pod) {
    if (pod.spec?.resources !== undefined) return undefined
    const wanted = MUST_BE_SAID.filter(name => tracked.includes(name)).sort()
    const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]
    const found = wanted.flatMap(name => {
      const silent = [...new Set(containers.filter(each => !says(each, name)).map(each => each.name))].sort()
      return silent.length === 0 ? [] : [`${name} for: ${silent.join(',')}`]
    })
    return found.length === 0 ? undefined : `must specify ${found.join('; ')}`
  },
}

/** Resources of devices, which only `requests.<name>` can limit. */
const isExtended = (name: string): boolean => name.includes('/') && !name.includes('kubernetes.io/')

function addRequest(result: QuotaAmounts, name: string, amount: Quantity): void {
  if (COMPUTE.includes(name) || name.startsWith('hugepages-')) {
    result.set(name, amount)
    result.set(`requests.${name}`, amount)
  } else if (isExtended(name)) result.set(`requests.${name}`, amount)
}

function says({ resources }: Container, name: string): boolean {
  if (name.startsWith('limits.')) return resources?.limits?.[name.slice('limits.'.length)] !== undefined
  return resources?.requests?.[name.replace('requests.', '')] !== undefined
}

/** Pods that have ended, or whose time to end is over, take nothing but their place in the count of objects. */
function countsFully(pod: Pod, now: number): boolean {
  const { phase } = pod.status ?? {}
  if (phase === 'Failed' || phase === 'Succeeded') return false
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return true
  return now <= Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000
}

function inScope(scope: QuotaScope, pod: Pod): boolean {
  const spec = pod.spec
  if (spec === undefined) return false
  const isTerminating = spec.activeDeadlineSeconds !== undefined
  switch (scope.scopeName) {
    case 'Terminating':
      return isTerminating
    case 'NotTerminating':
      return !isTerminating
    case 'BestEffort':
      return podQosClass(spec) === 'BestEffort'
    case 'NotBestEffort':
      return podQosClass(spec) !== 'BestEffort'
    case 'PriorityClass':
      return hasClass(scope, spec.priorityClassName ? [spec.priorityClassName] : [])
    case 'CrossNamespacePodAffinity':
      return affinityTerms(pod).some(term => (term.namespaces?.length ?? 0) > 0 || term.namespaceSelector !== undefined)
    default:
      return false
  }
}

function affinityTerms({ spec }: Pod): PodAffinityTerm[] {
  return [spec?.affinity?.podAffinity, spec?.affinity?.podAntiAffinity].flatMap(affinity => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(each => each.podAffinityTerm),
  ])
}
