import type { Binding } from '../../generated/core.v1.ts'
import { Bindings } from '../../resources.ts'
import { defaultColumns } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

/** Sets a pod's node; never stored. */
export const BindingKind = defineKind<Binding>({
  type: Bindings,
  message: 'core.v1.Binding',
  storagePrefix: 'bindings',
  strategy: strategyOf({}),
  columns: defaultColumns,
})
