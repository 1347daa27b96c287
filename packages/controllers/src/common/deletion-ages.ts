import type { Pod } from '@canopus/api/core/v1'
import { exponentialBuckets, type Histogram, perRegistry } from '@canopus/base'
import { isReady } from './pods.ts'

/** How old pods that go are beside the youngest (kubernetes pkg/controller/replicaset/metrics). */
export const deletionAges = perRegistry(registry =>
  registry
    .histogram(
      'replicaset_controller_sorting_deletion_age_ratio',
      "[ALPHA] The ratio of chosen deleted pod's ages to the current youngest pod's age (at the time). Should be <2. The intent of this metric is to measure the rough efficacy of the LogarithmicScaleDown feature gate's effect on the sorting (and deletion) of pods when a replicaset scales down. This only considers Ready pods when calculating and reporting.",
      [],
      exponentialBuckets(0.25, 2, 6),
    )
    .with(),
)

/** Notes the ages of `doomed`, chosen from `active`. Whole ratios, as upstream counts them; where all go, nothing was chosen. */
export function observeAges(ages: Histogram, active: readonly Pod[], doomed: readonly Pod[], now: number): void {
  if (doomed.length === active.length) return
  let youngest = Number.POSITIVE_INFINITY
  for (const pod of active) if (isReady(pod)) youngest = Math.min(youngest, ageOf(pod, now))
  if (youngest <= 0) return
  for (const pod of doomed) if (isReady(pod)) ages.observe(Math.trunc(ageOf(pod, now) / youngest))
}

const ageOf = ({ metadata }: Pod, now: number): number => now - Date.parse(metadata.creationTimestamp ?? '')
