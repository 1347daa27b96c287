import type { Container, EphemeralContainer, ImageVolumeSource, Pod } from '@canopus/api/core/v1'
import { withDefaultTag } from '../images/reference.ts'

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

/** The images that pods have as volumes, as the runtime is asked for them. */
export function volumeImages(pods: Iterable<Pod>): Set<string> {
  const references = [...pods].flatMap(({ spec: { volumes = [] } }) =>
    volumes.map(({ image }) => image?.reference ?? ''),
  )
  return new Set(references.map(withDefaultTag).filter(image => image !== undefined))
}
