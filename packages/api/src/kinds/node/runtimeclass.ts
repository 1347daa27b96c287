import type { RuntimeClass } from '../../generated/node.v1.ts'
import { RuntimeClasses } from '../../resources.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateRuntimeClass, validateRuntimeClassUpdate } from './validation.ts'

export const RuntimeClassKind = defineKind<RuntimeClass>({
  type: RuntimeClasses,
  message: 'node.v1.RuntimeClass',
  storagePrefix: 'runtimeclasses',
  strategy: strategyOf(
    {},
    { validate: validateRuntimeClass, validateUpdate: validateRuntimeClassUpdate, allowUnconditionalUpdate: false },
  ),
  columns: [nameColumn, text('Handler', 'The runtime that nodes use for it.', each => each.handler), ageColumn],
})
