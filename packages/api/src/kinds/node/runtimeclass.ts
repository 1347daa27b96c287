import type { RuntimeClass } from '../../generated/node.v1.ts'
import { RuntimeClasses } from '../../resources.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { nodeLabelDeprecation } from '../shared/warnings.ts'
import { validateRuntimeClass, validateRuntimeClassUpdate } from './validation.ts'

const warnings = ({ scheduling }: RuntimeClass): string[] =>
  Object.keys(scheduling?.nodeSelector ?? {}).flatMap(key => {
    const old = nodeLabelDeprecation(key)
    return old === undefined ? [] : [`scheduling.nodeSelector: ${old}`]
  })

export const RuntimeClassKind = defineKind<RuntimeClass>({
  type: RuntimeClasses,
  message: 'node.v1.RuntimeClass',
  storagePrefix: 'runtimeclasses',
  strategy: strategyOf(
    {},
    {
      validate: validateRuntimeClass,
      validateUpdate: validateRuntimeClassUpdate,
      allowUnconditionalUpdate: false,
      allowCreateOnUpdate: true,
      warnings,
    },
  ),
  columns: [nameColumn, text('Handler', '', each => each.handler), ageColumn],
})
