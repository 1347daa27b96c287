import { isFeatureOn } from '@canopus/apimachinery'
import type { CSIDriver } from '../../generated/storage.v1.ts'
import { CSIDrivers } from '../../resources.ts'
import { ageColumn, column, nameColumn, of, text } from '../shared/columns.ts'
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
  if (isFeatureOn('VolumeLimitScaling')) spec.preventPodSchedulingIfMissing ??= false
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
      of('storage.v1.CSIDriverSpec.attachRequired'),
      each => each.spec.attachRequired ?? true,
    ),
    column(
      'PodInfoOnMount',
      'boolean',
      of('storage.v1.CSIDriverSpec.podInfoOnMount'),
      each => each.spec.podInfoOnMount ?? false,
    ),
    column(
      'StorageCapacity',
      'boolean',
      of('storage.v1.CSIDriverSpec.storageCapacity'),
      each => each.spec.storageCapacity ?? false,
    ),
    text('TokenRequests', of('storage.v1.CSIDriverSpec.tokenRequests'), each =>
      each.spec.tokenRequests === undefined
        ? '<unset>'
        : each.spec.tokenRequests.map(token => token.audience).join(','),
    ),
    column(
      'RequiresRepublish',
      'boolean',
      of('storage.v1.CSIDriverSpec.requiresRepublish'),
      each => each.spec.requiresRepublish ?? false,
    ),
    text(
      'Modes',
      of('storage.v1.CSIDriverSpec.volumeLifecycleModes'),
      each => (each.spec.volumeLifecycleModes ?? []).join(',') || '<none>',
    ),
    ageColumn,
  ],
})
