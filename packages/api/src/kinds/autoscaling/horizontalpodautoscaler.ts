import type { HorizontalPodAutoscaler, HPAScalingRules } from '../../generated/autoscaling.v2.ts'
import { HorizontalPodAutoscalers } from '../../resources.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { targetsText } from './hpa-columns.ts'
import { validateAutoscaler, validateAutoscalerStatusUpdate } from './validation.ts'

function defaultAutoscaler({ spec }: HorizontalPodAutoscaler): void {
  if (spec === undefined) return
  spec.minReplicas ??= 1
  if ((spec.metrics ?? []).length === 0) {
    const target = { type: 'Utilization', averageUtilization: 80 }
    spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }]
  }
  if (spec.behavior === undefined) return
  const fast = { type: 'Percent', value: 100, periodSeconds: 15 }
  const scaleUp: HPAScalingRules = { stabilizationWindowSeconds: 0, selectPolicy: 'Max' }
  spec.behavior.scaleUp = {
    ...scaleUp,
    policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, fast],
    ...spec.behavior.scaleUp,
  }
  spec.behavior.scaleDown = { selectPolicy: 'Max', policies: [fast], ...spec.behavior.scaleDown }
}

export const HorizontalPodAutoscalerKind = defineKind<HorizontalPodAutoscaler>({
  type: HorizontalPodAutoscalers,
  message: 'autoscaling.v2.HorizontalPodAutoscaler',
  storagePrefix: 'horizontalpodautoscalers',
  strategy: strategyOf(
    { spec: true, status: () => ({ desiredReplicas: 0, currentMetrics: null }) },
    {
      validate: object => validateAutoscaler(object),
      validateUpdate: (object, old) => validateAutoscaler(object, old),
      validateStatusUpdate: validateAutoscalerStatusUpdate,
      default: defaultAutoscaler,
    },
  ),
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
