import type { Container, EphemeralContainer, ImageVolumeSource, Pod } from '@canopus/api/core/v1'

/** The images that a container mounts, by volume (KEP-4639). */
export function mountedImages(
  pod: Pod,
  { volumeMounts = [] }: Container | EphemeralContainer,
): Map<string, ImageVolumeSource> {
  const mounted = new Set(volumeMounts.map(({ name }) => name))
  return new Map(
    (pod.spec.volumes ?? []).flatMap(({ name, image }) =>
      image !== undefined && mounted.has(name) ? [[name, image] as const] : [],
    ),
  )
}
