import { isGivenEmpty } from '@canopus/apimachinery'
import type { HorizontalPodAutoscaler, HPAScalingRules } from '../../generated/autoscaling.v2.ts'
import { HorizontalPodAutoscalers } from '../../resources.ts'
import { ageColumn, nameColumn, of, text } from '../shared/columns.ts'
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
  const four = { type: 'Pods', value: 4, periodSeconds: 15 }
  const { behavior } = spec
  behavior.scaleUp ??= {}
  behavior.scaleDown ??= {}
  complete(behavior.scaleUp, { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [four, fast] })
  complete(behavior.scaleDown, { selectPolicy: 'Max', policies: [fast] })
}

/** Only what is missing is written: stored rules are shared. */
function complete(rules: HPAScalingRules, defaults: HPAScalingRules): void {
  for (const [name, value] of Object.entries(defaults)) {
    if (!Object.hasOwn(rules, name) && !isGivenEmpty(rules, name)) Object.assign(rules, { [name]: value })
  }
}

export const HorizontalPodAutoscalerKind = defineKind<HorizontalPodAutoscaler>({
  type: HorizontalPodAutoscalers,
  message: 'autoscaling.v2.HorizontalPodAutoscaler',
  storagePrefix: 'horizontalpodautoscalers',
  strategy: strategyOf(
    { spec: true, status: () => ({ desiredReplicas: 0 }) },
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
      of('autoscaling.v2.HorizontalPodAutoscalerSpec.scaleTargetRef'),
      each => `${each.spec.scaleTargetRef?.kind ?? ''}/${each.spec.scaleTargetRef?.name ?? ''}`,
    ),
    text('Targets', of('autoscaling.v2.HorizontalPodAutoscalerSpec.metrics'), targetsText),
    text('MinPods', of('autoscaling.v2.HorizontalPodAutoscalerSpec.minReplicas'), each =>
      each.spec.minReplicas === undefined ? '<unset>' : String(each.spec.minReplicas),
    ),
    text('MaxPods', of('autoscaling.v2.HorizontalPodAutoscalerSpec.maxReplicas'), each => each.spec.maxReplicas),
    text(
      'Replicas',
      of('autoscaling.v2.HorizontalPodAutoscalerStatus.currentReplicas'),
      each => each.status?.currentReplicas ?? 0,
    ),
    ageColumn,
  ],
})
