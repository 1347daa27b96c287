import type { ComponentStatus } from '../../generated/core.v1.ts'
import { ComponentStatuses } from '../../resources.ts'
import { nameColumn, text } from '../shared/columns.ts'
import { defineKind } from '../shared/strategy.ts'

const healthy = (each: ComponentStatus) => each.conditions?.findLast(condition => condition.type === 'Healthy')

/** Made up on request, never stored. */
export const ComponentStatusKind = defineKind<ComponentStatus>({
  type: ComponentStatuses,
  message: 'core.v1.ComponentStatus',
  storagePrefix: 'componentstatuses',
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
  strategy: {},
  columns: [
    nameColumn,
    text('Status', 'Status of the component conditions', each => {
      const status = healthy(each)?.status
      return status === 'True' ? 'Healthy' : status === 'False' ? 'Unhealthy' : 'Unknown'
    }),
    text('Message', 'Message of the component conditions', each => healthy(each)?.message ?? ''),
    text('Error', 'Error of the component conditions', each => healthy(each)?.error ?? ''),
  ],
})
