import type { PriorityClass } from '../../generated/scheduling.v1.ts'
import { PriorityClasses } from '../../resources.ts'
import { ageColumn, column, integer, nameColumn, text } from '../shared/columns.ts'
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
    integer('Value', 'Priority of its pods.', each => each.value),
    column('Global-Default', 'boolean', 'Whether pods without a class get it.', each => each.globalDefault ?? false),
    ageColumn,
    text('PreemptionPolicy', 'Whether its pods may displace others.', each => each.preemptionPolicy ?? ''),
  ],
})
