import type { Container, EphemeralContainer, Pod, PodSpec, Volume } from '@canopus/api/core/v1'

/** Kinds of objects in a pod's namespace that a pod can refer to. */
export type ReferenceKind = 'secrets' | 'configmaps' | 'persistentvolumeclaims' | 'resourceclaims' | 'serviceaccounts'

export type Visit = (kind: ReferenceKind, name: string) => void

/**
 * Visits every object of its namespace that a pod needs to run (pkg/api/v1/pod/util.go): what its node may therefore
 * read, and what a mirror pod may not have.
 */
export function visitPodReferences(pod: Pod, visit: Visit): void {
  const spec = pod.spec
  if (spec === undefined) return
  const visitNamed: Visit = (kind, name) => {
    if (name !== '') visit(kind, name)
  }
  visitNamed('serviceaccounts', spec.serviceAccountName ?? '')
  for (const { name } of spec.imagePullSecrets ?? []) visitNamed('secrets', name ?? '')
  for (const container of allContainers(spec)) visitContainer(container, visitNamed)
  for (const volume of spec.volumes ?? []) visitVolume(pod, volume, visitNamed)
  for (const status of pod.status?.resourceClaimStatuses ?? []) {
    visitNamed('resourceclaims', status.resourceClaimName ?? '')
  }
  for (const claim of spec.resourceClaims ?? []) visitNamed('resourceclaims', claim.resourceClaimName ?? '')
}

export function allContainers(spec: PodSpec): (Container | EphemeralContainer)[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])]
}

function visitContainer(container: Container | EphemeralContainer, visit: Visit): void {
  for (const { secretRef, configMapRef } of container.envFrom ?? []) {
    visit('secrets', secretRef?.name ?? '')
    visit('configmaps', configMapRef?.name ?? '')
  }
  for (const { valueFrom } of container.env ?? []) {
    visit('secrets', valueFrom?.secretKeyRef?.name ?? '')
    visit('configmaps', valueFrom?.configMapKeyRef?.name ?? '')
  }
}

function visitVolume(pod: Pod, volume: Volume, visit: Visit): void {
  visit('secrets', volume.secret?.secretName ?? '')
  visit('secrets', volume.azureFile?.secretName ?? '')
  const withSecret = [
    volume.cephfs?.secretRef,
    volume.cinder?.secretRef,
    volume.flexVolume?.secretRef,
    volume.rbd?.secretRef,
    volume.scaleIO?.secretRef,
    volume.iscsi?.secretRef,
    volume.storageos?.secretRef,
    volume.csi?.nodePublishSecretRef,
  ]
  for (const ref of withSecret) visit('secrets', ref?.name ?? '')
  visit('configmaps', volume.configMap?.name ?? '')
  for (const { secret, configMap } of volume.projected?.sources ?? []) {
    visit('secrets', secret?.name ?? '')
    visit('configmaps', configMap?.name ?? '')
  }
  visit('persistentvolumeclaims', volume.persistentVolumeClaim?.claimName ?? '')
  if (volume.ephemeral !== undefined) visit('persistentvolumeclaims', `${pod.metadata.name}-${volume.name}`)
}
