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
    text('Min Available', 'The minimum number of pods that must be available.', each =>
      String(each.spec.minAvailable ?? 'N/A'),
    ),
    text('Max Unavailable', 'The maximum number of pods that may be unavailable.', each =>
      String(each.spec.maxUnavailable ?? 'N/A'),
    ),
    integer(
      'Allowed Disruptions',
      'Calculated number of pods that may be disrupted at this time.',
      each => each.status?.disruptionsAllowed ?? 0,
    ),
    ageColumn,
  ],
})
