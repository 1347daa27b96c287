import { compareQuantities, parseQuantity, quantityOf } from '@canopus/apimachinery'
import type { PersistentVolumeClaim } from '../generated/core.v1.ts'
import { hasClass, type QuotaAmounts, type QuotaEvaluator } from './evaluator.ts'

const TRACKED = ['persistentvolumeclaims', 'requests.storage']
const BY_CLASS = '.storageclass.storage.k8s.io/'

/** Claims and the storage they ask for, in all and by storage class (pkg/quota/v1/evaluator/core/persistent_volume_claims.go). */
export const claimQuota: QuotaEvaluator<PersistentVolumeClaim> = {
  tracks: name =>
    name === 'count/persistentvolumeclaims' ||
    TRACKED.includes(name) ||
    TRACKED.some(tracked => name.endsWith(BY_CLASS + tracked)),
  usage(claim) {
    const one = quantityOf(1)
    const result: QuotaAmounts = new Map([
      ['persistentvolumeclaims', one],
      ['count/persistentvolumeclaims', one],
    ])
    const storage = storageOf(claim)
    const className =
      claim.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? claim.spec?.storageClassName
    if (storage !== undefined) result.set('requests.storage', parseQuantity(storage))
    if (className) {
      result.set(`${className}${BY_CLASS}persistentvolumeclaims`, one)
      if (storage !== undefined) result.set(`${className}${BY_CLASS}requests.storage`, parseQuantity(storage))
    }
    return result
  },
  inScope: (scope, claim) => scope.scopeName === 'VolumeAttributesClass' && hasClass(scope, attributesClasses(claim)),
}

/** The class that the claim wants, the one that it has, and the one that it is being given. */
function attributesClasses({ spec, status }: PersistentVolumeClaim): string[] {
  const { currentVolumeAttributesClassName, modifyVolumeStatus } = status ?? {}
  return [
    spec?.volumeAttributesClassName,
    currentVolumeAttributesClassName,
    modifyVolumeStatus?.targetVolumeAttributesClassName,
  ].filter(name => name !== undefined && name !== '') as string[]
}

/** A claim being expanded counts with what it may already have been given. */
function storageOf({ spec, status }: PersistentVolumeClaim): string | undefined {
  const asked = spec?.resources?.requests?.storage
  const allocated = status?.allocatedResources?.storage
  if (asked === undefined || allocated === undefined) return asked
  return compareQuantities(allocated, asked) > 0 ? allocated : asked
}
