import type { LimitRange } from '../../generated/core.v1.ts'
import { LimitRanges } from '../../resources.ts'
import { defaultColumns } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateLimitRange } from './quota-validation.ts'

/** For containers: limits default to the most allowed, requests to the limits, else to the least. */
function defaultLimits(range: LimitRange): void {
  range.spec ??= { limits: [] }
  for (const item of range.spec.limits ?? []) {
    if (item.type !== 'Container') continue
    const limits = { ...item.max, ...item.default }
    const requests = { ...item.min, ...limits, ...item.defaultRequest }
    if (Object.keys(limits).length > 0) item.default = limits
    if (Object.keys(requests).length > 0) item.defaultRequest = requests
  }
}

export const LimitRangeKind = defineKind<LimitRange>({
  type: LimitRanges,
  message: 'core.v1.LimitRange',
  storagePrefix: 'limitranges',
  strategy: strategyOf(
    {},
    {
      default: defaultLimits,
      // One without a name is given one (pkg/registry/core/limitrange/strategy.go): its identity will do.
      prepareForCreate({ metadata }) {
        metadata.name ||= metadata.uid!
      },
      validate: validateLimitRange,
      validateUpdate: validateLimitRange,
      allowCreateOnUpdate: true,
    },
  ),
  columns: defaultColumns,
})
