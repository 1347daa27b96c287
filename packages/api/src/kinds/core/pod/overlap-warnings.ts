/** Volumes that put two things at one path (k8s.io/kubernetes/pkg/api/pod/warnings.go: warningsForOverlappingVirtualPaths). */
import type { Volume, VolumeProjection } from '../../../generated/core.v1.ts'

interface Place {
  path: string
  source: string
}

const show = ({ path, source }: Place): string => JSON.stringify(path) + (source === '' ? '' : ` (${source})`)

const placesOf = (items: readonly { path: string }[] | undefined, source: string): Place[] =>
  (items ?? []).map(({ path }) => ({ path, source }))

function collisions(places: readonly Place[]): string[] {
  const found: string[] = []
  const before: Place[] = []
  for (const each of places) {
    const place = { ...each, path: each.path.replace(/\/+$/, '') }
    for (const other of before) {
      if (place.path === '' || other.path === '') continue
      const inside = `${other.path}/`.startsWith(`${place.path}/`) || `${place.path}/`.startsWith(`${other.path}/`)
      if (inside) found.push(`${show(place)} with ${show(other)}`)
    }
    before.push(place)
  }
  return found
}

function projectedPlaces(source: VolumeProjection): Place[] {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } = source
  if (configMap?.items) return placesOf(configMap.items, `ConfigMap ${JSON.stringify(configMap.name ?? '')}`)
  if (secret?.items) return placesOf(secret.items, `Secret ${JSON.stringify(secret.name ?? '')}`)
  if (downwardAPI?.items) return placesOf(downwardAPI.items, 'DownwardAPI')
  if (serviceAccountToken) return placesOf([serviceAccountToken], 'ServiceAccountToken')
  if (clusterTrustBundle) {
    const name = clusterTrustBundle.name ?? clusterTrustBundle.signerName ?? ''
    return placesOf([clusterTrustBundle], `ClusterTrustBundle ${JSON.stringify(name)}`)
  }
  const { certificateChainPath, keyPath, credentialBundlePath } = podCertificate ?? {}
  const paths: [string | undefined, string][] = [
    [certificateChainPath, 'PodCertificate chain'],
    [keyPath, 'PodCertificate key'],
    [credentialBundlePath, 'PodCertificate credential bundle'],
  ]
  return paths.flatMap(([path, from]) => (path ? [{ path, source: from }] : []))
}

/** Warnings about volumes of a pod. */
export function overlapWarnings(volumes: readonly Volume[] | undefined): string[] {
  const warnings: string[] = []
  for (const { name, configMap, secret, downwardAPI, projected } of volumes ?? []) {
    const add = (what: string, places: readonly Place[]): void => {
      const start = `volume ${JSON.stringify(name)} (${what}): overlapping paths: `
      for (const text of collisions(places)) warnings.push(start + text)
    }
    if (configMap?.items) add(`ConfigMap ${JSON.stringify(configMap.name ?? '')}`, placesOf(configMap.items, ''))
    if (secret?.items) add(`Secret ${JSON.stringify(secret.secretName ?? '')}`, placesOf(secret.items, ''))
    if (downwardAPI?.items) add('DownwardAPI', placesOf(downwardAPI.items, ''))
    if (!projected) continue
    for (const source of projected.sources ?? []) {
      if (Object.keys(source).length > 0) continue
      warnings.push(`volume ${JSON.stringify(name)} (Projected) has no sources provided`)
    }
    add('Projected', (projected.sources ?? []).flatMap(projectedPlaces))
  }
  return warnings
}
