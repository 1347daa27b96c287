import type { PriorityClass } from '../../generated/scheduling.v1.ts'
import { PriorityClasses } from '../../resources.ts'
import { ageColumn, column, integer, nameColumn, of, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validatePriorityClass, validatePriorityClassUpdate } from './validation.ts'

export const PriorityClassKind = defineKind<PriorityClass>({
  type: PriorityClasses,
  message: 'scheduling.v1.PriorityClass',
  storagePrefix: 'priorityclasses',
  strategy: strategyOf(
    {},
    {
      // It counts no changes.
      prepareForCreate({ metadata }) {
        metadata.generation = 1
      },
      validate: validatePriorityClass,
      validateUpdate: validatePriorityClassUpdate,
      default(object) {
        object.preemptionPolicy ??= 'PreemptLowerPriority'
      },
    },
  ),
  columns: [
    nameColumn,
    integer('Value', of('scheduling.v1.PriorityClass.value'), each => each.value),
    column(
      'Global-Default',
      'boolean',
      of('scheduling.v1.PriorityClass.globalDefault'),
      each => each.globalDefault ?? false,
    ),
    ageColumn,
    text('PreemptionPolicy', of('scheduling.v1.PriorityClass.preemptionPolicy'), each => each.preemptionPolicy ?? ''),
  ],
})
