import type { CSIDriver } from '../../generated/storage.v1.ts'
import { CSIDrivers } from '../../resources.ts'
import { ageColumn, column, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

export const CSIDriverKind = defineKind<CSIDriver>({
  type: CSIDrivers,
  message: 'storage.v1.CSIDriver',
  storagePrefix: 'csidrivers',
  strategy: strategyOf({ generation: true }),
  columns: [
    nameColumn,
    column(
      'AttachRequired',
      'boolean',
      'Whether volumes are attached first.',
      each => each.spec.attachRequired ?? true,
    ),
    column(
      'PodInfoOnMount',
      'boolean',
      'Whether mounts are told of the pod.',
      each => each.spec.podInfoOnMount ?? false,
    ),
    column(
      'StorageCapacity',
      'boolean',
      'Whether it publishes its capacity.',
      each => each.spec.storageCapacity ?? false,
    ),
    text('TokenRequests', 'Audiences of the tokens that mounts get.', each =>
      (each.spec.tokenRequests ?? []).length === 0
        ? '<unset>'
        : each.spec.tokenRequests!.map(token => token.audience).join(','),
    ),
    column('RequiresRepublish', 'boolean', 'Whether mounts are renewed.', each => each.spec.requiresRepublish ?? false),
    text('Modes', 'Kinds of volumes that it offers.', each =>
      (each.spec.volumeLifecycleModes ?? []).length === 0 ? '<none>' : each.spec.volumeLifecycleModes!.join(','),
    ),
    ageColumn,
  ],
})
