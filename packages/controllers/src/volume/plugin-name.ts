import type { PersistentVolumeSpec, Volume } from '@canopus/api/core/v1'

/** Plugins of volumes by the fields that ask for them. */
const NAMES = { csi: 'csi', fc: 'fc', hostPath: 'host-path', iscsi: 'iscsi', nfs: 'nfs' } as const

/** Which of these plugins a volume is of, as figures call it (kubernetes pkg/volume/util/metrics.go). */
export function pluginNameOf(
  source: PersistentVolumeSpec | Volume,
  known: readonly (keyof typeof NAMES)[],
): string | undefined {
  const field = known.find(each => source[each] !== undefined)
  if (field === undefined) return undefined
  const name = `kubernetes.io/${NAMES[field]}`
  return source.csi ? `${name}:${source.csi.driver}` : name
}
