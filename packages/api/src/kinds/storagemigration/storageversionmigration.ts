import type { StorageVersionMigration } from '../../generated/storagemigration.v1beta1.ts'
import { StorageVersionMigrations } from '../../resources.ts'
import { nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateMigration, validateMigrationStatusUpdate, validateMigrationUpdate } from './validation.ts'

const STATES = ['Running', 'Failed', 'Succeeded']

/** Brings what is stored of a resource into the version, or under the key, that is stored today (KEP-4192). */
export const StorageVersionMigrationKind = defineKind<StorageVersionMigration>({
  type: StorageVersionMigrations,
  message: 'storagemigration.v1beta1.StorageVersionMigration',
  storagePrefix: 'storageversionmigrations',
  strategy: strategyOf(
    { spec: true, status: () => ({}), statusLeavesMetadata: true },
    {
      validate: validateMigration,
      validateUpdate: validateMigrationUpdate,
      validateStatusUpdate: validateMigrationStatusUpdate,
      allowUnconditionalUpdate: false,
    },
  ),
  columns: [
    // Without the format that other names have: so says upstream's printer.
    text('Name', nameColumn.description, each => each.metadata.name),
    text('Resource', 'What is migrated.', ({ spec: { resource } }) =>
      resource.group ? `${resource.resource}.${resource.group}` : (resource.resource ?? ''),
    ),
    text('Status', 'How far it is.', ({ status }) => {
      const last = status?.conditions?.findLast(({ type, status }) => status === 'True' && STATES.includes(type))
      return last?.type ?? 'Unknown'
    }),
  ],
})
