import type { CSIDriver } from '../../generated/storage.v1.ts'
import { CSIDrivers } from '../../resources.ts'
import { ageColumn, column, nameColumn, text } from '../shared/columns.ts'
import { sameAs, sameIn } from '../shared/equality.ts'
import { defineKind, setGeneration, strategyOf } from '../shared/strategy.ts'
import { validateCSIDriver, validateCSIDriverUpdate } from './validation.ts'

const SPEC = 'storage.v1.CSIDriverSpec'

function defaultDriver(driver: CSIDriver): void {
  driver.spec ??= {}
  const { spec } = driver
  spec.attachRequired ??= true
  spec.podInfoOnMount ??= false
  spec.storageCapacity ??= false
  spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType'
  if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ['Persistent']
  spec.requiresRepublish ??= false
  spec.seLinuxMount ??= false
}

function warnings({ spec }: CSIDriver, old: CSIDriver | undefined): string[] {
  const isNew = old === undefined || !sameIn(SPEC, 'tokenRequests', spec, old.spec)
  if (!isNew || (spec.tokenRequests ?? []).length === 0 || spec.serviceAccountTokenInSecrets !== undefined) return []
  const advice = 'set to true to prevent possible logging of tokens in volume attributes'
  return [`spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, ${advice}`]
}

export const CSIDriverKind = defineKind<CSIDriver>({
  type: CSIDrivers,
  message: 'storage.v1.CSIDriver',
  storagePrefix: 'csidrivers',
  strategy: strategyOf(
    {},
    {
      validate: validateCSIDriver,
      validateUpdate: validateCSIDriverUpdate,
      default: defaultDriver,
      prepareForUpdate: (object, old) => setGeneration(object, old, sameAs(SPEC, object.spec, old.spec)),
      warnings,
      allowUnconditionalUpdate: false,
    },
  ),
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
