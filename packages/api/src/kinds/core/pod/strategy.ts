/** What the API server does with pods besides defaults and checks (pkg/registry/core/pod/strategy.go). */

import { isFeatureOn, type LabelSelector } from '@canopus/apimachinery'
import type { Pod, PodAffinityTerm, PodStatus } from '../../../generated/core.v1.ts'
import type { StrategyContext } from '../../../kind.ts'
import { sameAs } from '../../shared/equality.ts'
import { copyField, keepAllButStatus, setGeneration } from '../../shared/strategy.ts'
import { syncAppArmor } from './app-armor.ts'
import { defaultServiceAccount } from './defaults.ts'
import { podQosClass } from './qos.ts'

export function prepareForCreate(pod: Pod, context: StrategyContext): void {
  defaultServiceAccount(pod.spec)
  pod.metadata.generation = 1
  const status: PodStatus = { phase: 'Pending', qosClass: podQosClass(pod.spec) }
  if ((pod.spec.schedulingGates ?? []).length > 0) {
    status.conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        lastTransitionTime: context.now,
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
      },
    ]
  }
  pod.status = status
  applyMatchLabelKeys(pod)
  syncAppArmor(pod, text => context.warn?.(text))
}

export function prepareForUpdate(pod: Pod, old: Pod): void {
  defaultServiceAccount(pod.spec)
  copyField(pod, old, 'status')
  setGeneration(pod, old, sameAs('core.v1.PodSpec', pod.spec, old.spec))
}

export function prepareForStatusUpdate(pod: Pod, old: Pod): void {
  keepAllButStatus(pod, old)
  copyField(pod.metadata, old.metadata, 'deletionTimestamp')
  copyField(pod.metadata, old.metadata, 'ownerReferences')
  pod.status ??= {}
  const { status } = pod
  status.qosClass ||= old.status?.qosClass ?? podQosClass(pod.spec)
}

/** Scheduling by labels whose values are the pod's own (KEP-3633, KEP-3243): they become part of the selectors. */
function applyMatchLabelKeys({ metadata: { labels = {} }, spec }: Pod): void {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {}
  for (const affinity of [podAffinity, podAntiAffinity]) {
    for (const term of affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) applyKeys(term, labels)
    for (const { podAffinityTerm } of affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
      if (podAffinityTerm) applyKeys(podAffinityTerm, labels)
    }
  }
  for (const constraint of spec.topologySpreadConstraints ?? []) {
    if (!isFeatureOn('MatchLabelKeysInPodTopologySpreadSelectorMerge')) break
    if (constraint.labelSelector) extend(constraint.labelSelector, constraint.matchLabelKeys, 'In', labels)
  }
}

function applyKeys(term: PodAffinityTerm, labels: Readonly<Record<string, string>>): void {
  if (!term.labelSelector) return
  extend(term.labelSelector, term.matchLabelKeys, 'In', labels)
  extend(term.labelSelector, term.mismatchLabelKeys, 'NotIn', labels)
}

function extend(
  selector: LabelSelector,
  keys: readonly string[] | undefined,
  operator: string,
  labels: Readonly<Record<string, string>>,
): void {
  for (const key of keys ?? []) {
    const value = labels[key]
    if (value === undefined) continue
    selector.matchExpressions = [...(selector.matchExpressions ?? []), { key, operator, values: [value] }]
  }
}

/** How long a pod may take to go, in seconds; at once where nothing runs (strategy.go, CheckGracefulDelete). */
export function gracePeriod(pod: Pod, requested: number | undefined): number {
  const { phase } = pod.status ?? {}
  if (!pod.spec.nodeName || phase === 'Succeeded' || phase === 'Failed') return 0
  const period = requested ?? pod.spec.terminationGracePeriodSeconds ?? 0
  return period < 0 ? 1 : period
}
