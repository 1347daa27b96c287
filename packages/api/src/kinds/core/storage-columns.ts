import type { PersistentVolume, PersistentVolumeClaim } from '../../generated/core.v1.ts'

const SHORT_MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
}

/** Access modes in short, in a fixed order. */
export function accessModesText(modes: readonly string[] | undefined): string {
  return Object.keys(SHORT_MODES)
    .filter(mode => modes?.includes(mode))
    .map(mode => SHORT_MODES[mode])
    .join(',')
}

/** The class by annotation (older) or by field. */
export const storageClassOf = (object: PersistentVolume | PersistentVolumeClaim): string =>
  object.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? object.spec.storageClassName ?? ''
