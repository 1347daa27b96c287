import type { LimitRange } from '../../generated/core.v1.ts'
import { LimitRanges } from '../../resources.ts'
import { defaultColumns } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

export const LimitRangeKind = defineKind<LimitRange>({
  type: LimitRanges,
  message: 'core.v1.LimitRange',
  storagePrefix: 'limitranges',
  strategy: strategyOf({}, { allowCreateOnUpdate: true }),
  columns: defaultColumns,
})
