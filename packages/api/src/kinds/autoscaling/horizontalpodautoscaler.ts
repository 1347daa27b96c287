import type { HorizontalPodAutoscaler } from '../../generated/autoscaling.v2.ts'
import { HorizontalPodAutoscalers } from '../../resources.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { targetsText } from './hpa-columns.ts'

export const HorizontalPodAutoscalerKind = defineKind<HorizontalPodAutoscaler>({
  type: HorizontalPodAutoscalers,
  message: 'autoscaling.v2.HorizontalPodAutoscaler',
  storagePrefix: 'horizontalpodautoscalers',
  strategy: strategyOf({ status: () => ({ desiredReplicas: 0, currentMetrics: null }) }),
  columns: [
    nameColumn,
    text(
      'Reference',
      'What it scales.',
      each => `${each.spec.scaleTargetRef?.kind ?? ''}/${each.spec.scaleTargetRef?.name ?? ''}`,
    ),
    text('Targets', 'Measured and wanted figures.', targetsText),
    text('MinPods', 'Fewest pods.', each =>
      each.spec.minReplicas === undefined ? '<unset>' : String(each.spec.minReplicas),
    ),
    text('MaxPods', 'Most pods.', each => each.spec.maxReplicas),
    text('Replicas', 'Pods that there are.', each => each.status?.currentReplicas ?? 0),
    ageColumn,
  ],
})
