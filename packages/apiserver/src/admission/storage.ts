import { IngressClasses, StorageClasses } from '@canopus/api'
import type { PersistentVolumeClaim } from '@canopus/api/core/v1'
import type { Ingress } from '@canopus/api/networking/v1'
import { compareQuantities, type KubeObject } from '@canopus/apimachinery'
import type { AdmissionPlugin } from '../security.ts'
import { type AdmissionContext, refusal } from './shared.ts'

const LEGACY_CLASS = 'volume.beta.kubernetes.io/storage-class'

/** Claims that name no class get the default one. */
export function defaultStorageClass({ objects }: AdmissionContext): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    operations: ['CREATE'],
    resources: ['/persistentvolumeclaims'],
    mutate(attributes) {
      const claim = attributes.object as PersistentVolumeClaim
      if (claim.spec === undefined || claim.spec.storageClassName !== undefined) return
      if (claim.metadata.annotations?.[LEGACY_CLASS] !== undefined) return
      const found = newestDefault(objects.list(StorageClasses), [
        'storageclass.kubernetes.io/is-default-class',
        'storageclass.beta.kubernetes.io/is-default-class',
      ])
      if (found?.metadata.name !== undefined) claim.spec.storageClassName = found.metadata.name
    },
  }
}

/** Ingresses that name no class get the default one; several defaults are a mistake here. */
export function defaultIngressClass({ objects }: AdmissionContext): AdmissionPlugin {
  const annotation = 'ingressclass.kubernetes.io/is-default-class'
  return {
    name: 'DefaultIngressClass',
    operations: ['CREATE'],
    resources: ['networking.k8s.io/ingresses'],
    mutate(attributes) {
      const ingress = attributes.object as Ingress
      if (ingress.spec?.ingressClassName !== undefined) return
      if (ingress.metadata.annotations?.['kubernetes.io/ingress.class'] !== undefined) return
      const found = newestDefault(objects.list(IngressClasses), [annotation])
      if (found?.metadata.name !== undefined) ingress.spec = { ...ingress.spec, ingressClassName: found.metadata.name }
    },
  }
}

/** Of several defaults the newest, of those of one age the first by name. */
function newestDefault<T extends KubeObject>(classes: readonly T[], annotations: readonly string[]): T | undefined {
  const age = ({ metadata }: T): string => metadata.creationTimestamp ?? ''
  return classes
    .filter(({ metadata }) => annotations.some(annotation => metadata.annotations?.[annotation] === 'true'))
    .sort((left, right) => {
      if (age(left) !== age(right)) return age(left) > age(right) ? -1 : 1
      return left.metadata.name! < right.metadata.name! ? -1 : 1
    })[0]
}

const PROTECTION: Readonly<Record<string, string>> = {
  persistentvolumes: 'kubernetes.io/pv-protection',
  persistentvolumeclaims: 'kubernetes.io/pvc-protection',
  volumeattributesclasses: 'kubernetes.io/vac-protection',
}

/**
 * Volumes and claims that are in use stay until they are not. The protection controllers take the finalizers away: a server
 * without a controller manager has to leave this plugin out, or claims never go.
 */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  operations: ['CREATE'],
  resources: ['/persistentvolumes', '/persistentvolumeclaims', 'storage.k8s.io/volumeattributesclasses'],
  mutate(attributes) {
    const object = attributes.object!
    const finalizer = PROTECTION[attributes.type.plural]!
    const finalizers = object.metadata.finalizers ?? []
    if (!finalizers.includes(finalizer)) object.metadata.finalizers = [...finalizers, finalizer]
  },
}

/** Claims grow only where they are bound and their class allows it. */
export function persistentVolumeClaimResize({ objects }: AdmissionContext): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    operations: ['UPDATE'],
    resources: ['/persistentvolumeclaims'],
    validate(attributes) {
      const claim = attributes.object as PersistentVolumeClaim
      const old = attributes.oldObject as PersistentVolumeClaim
      const size = (each: PersistentVolumeClaim): string => each.spec?.resources?.requests?.storage ?? '0'
      if (compareQuantities(size(claim), size(old)) <= 0) return
      if (old.status?.phase !== 'Bound') {
        throw refusal(attributes, 'Only bound persistent volume claims can be expanded')
      }
      const className = (each: PersistentVolumeClaim): string =>
        each.metadata.annotations?.[LEGACY_CLASS] ?? each.spec?.storageClassName ?? ''
      const name = className(claim)
      const allowed = name !== '' && name === className(old) && objects.get(StorageClasses, name)?.allowVolumeExpansion
      if (allowed) return
      throw refusal(
        attributes,
        'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
      )
    },
  }
}
