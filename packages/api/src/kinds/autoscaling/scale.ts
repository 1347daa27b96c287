/** `Scale`, which is a view of other kinds and lies in no store; what `kubectl get --subresource=scale` shows of it. */
import type { ResourceType } from '@canopus/apimachinery'
import type { Scale } from '../../generated/autoscaling.v1.ts'
import type { Kind } from '../../kind.ts'
import { ageColumn, integer, nameColumn, of } from '../shared/columns.ts'

const type: ResourceType<Scale> = {
  group: 'autoscaling',
  version: 'v1',
  plural: 'scale',
  singular: 'scale',
  kind: 'Scale',
  listKind: 'ScaleList',
  namespaced: true,
  shortNames: [],
  categories: [],
  verbs: [],
  subresources: {},
}

export const ScaleKind: Kind<Scale> = {
  type,
  message: 'autoscaling.v1.Scale',
  storagePrefix: '',
  strategy: {},
  columns: [
    { ...nameColumn, format: '' },
    integer('Desired', of('autoscaling.v1.ScaleSpec.replicas'), ({ spec }) => spec?.replicas ?? 0),
    integer('Available', of('autoscaling.v1.ScaleStatus.replicas'), ({ status }) => status?.replicas ?? 0),
    ageColumn,
  ],
}
