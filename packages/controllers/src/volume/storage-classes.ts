/** Storage classes as claims and volumes name them (k8s.io/component-helpers storage/volume, pkg/volume/util/storageclass.go). */

import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import type { StorageClass } from '@canopus/api/storage/v1'

const LEGACY_CLASS = 'volume.beta.kubernetes.io/storage-class'
const DEFAULT_MARKS = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
] as const

/** The class that the claim asks for; empty for none. */
export const classOfClaim = ({ metadata, spec }: PersistentVolumeClaim): string =>
  metadata.annotations?.[LEGACY_CLASS] ?? spec?.storageClassName ?? ''

/** Whether the claim says anything about its class; the empty name is a word too. */
export const namesClass = ({ metadata, spec }: PersistentVolumeClaim): boolean =>
  metadata.annotations?.[LEGACY_CLASS] !== undefined || spec?.storageClassName !== undefined

export const classOfVolume = ({ metadata, spec }: PersistentVolume): string =>
  metadata.annotations?.[LEGACY_CLASS] ?? spec?.storageClassName ?? ''

/** Whether volumes of the class are bound only once a pod that uses them has its node. */
export const isDelayed = (storageClass: StorageClass | undefined): boolean =>
  storageClass?.volumeBindingMode === 'WaitForFirstConsumer'

/** The class of claims that name none: of several defaults the newest, of those of one age the first by name. */
export function defaultClass(classes: readonly StorageClass[]): StorageClass | undefined {
  const age = ({ metadata }: StorageClass): string => metadata.creationTimestamp ?? ''
  return classes
    .filter(({ metadata }) => DEFAULT_MARKS.some(mark => metadata.annotations?.[mark] === 'true'))
    .sort((left, right) => {
      if (age(left) !== age(right)) return age(left) > age(right) ? -1 : 1
      return left.metadata.name < right.metadata.name ? -1 : 1
    })[0]
}
