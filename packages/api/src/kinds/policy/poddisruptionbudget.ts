import { checkPathSegmentName } from '@canopus/apimachinery'
import type { PodDisruptionBudget } from '../../generated/policy.v1.ts'
import { PodDisruptionBudgets } from '../../resources.ts'
import { ageColumn, integer, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateBudget, validateBudgetStatusUpdate } from './validation.ts'

const bornStatus = () => ({ disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 })

export const PodDisruptionBudgetKind = defineKind<PodDisruptionBudget>({
  type: PodDisruptionBudgets,
  message: 'policy.v1.PodDisruptionBudget',
  storagePrefix: 'poddisruptionbudgets',
  strategy: strategyOf(
    { spec: true, status: bornStatus, generation: true },
    {
      validate: validateBudget,
      validateUpdate: validateBudget,
      validateStatusUpdate: validateBudgetStatusUpdate,
      allowUnconditionalUpdate: false,
      validateName: checkPathSegmentName,
    },
  ),
  columns: [
    nameColumn,
    text('Min Available', 'Pods that must stay.', each => String(each.spec.minAvailable ?? 'N/A')),
    text('Max Unavailable', 'Pods that may be gone.', each => String(each.spec.maxUnavailable ?? 'N/A')),
    integer('Allowed Disruptions', 'Pods that may be evicted now.', each => each.status?.disruptionsAllowed ?? 0),
    ageColumn,
  ],
})
