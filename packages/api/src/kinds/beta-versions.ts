/**
 * Beta and alpha versions of kinds that are stable by now, whose messages are the stable ones to the letter
 * (k8s.io/api/<group>/<version>/types.go and zz_generated.prerelease-lifecycle.go). They are served where they are asked for.
 */
import { apiVersionOf, type KubeObject } from '@canopus/apimachinery'
import type { Kind } from '../kind.ts'
import { schemas } from '../schemas.ts'
import { MutatingAdmissionPolicyKind } from './admissionregistration/mutatingadmissionpolicy.ts'
import { MutatingAdmissionPolicyBindingKind } from './admissionregistration/mutatingadmissionpolicybinding.ts'
import { IPAddressKind } from './networking/ipaddress.ts'
import { ServiceCIDRKind } from './networking/servicecidr.ts'
import { DeviceClassKind } from './resource/deviceclass.ts'
import { ResourceClaimKind } from './resource/resourceclaim.ts'
import { ResourceClaimTemplateKind } from './resource/resourceclaimtemplate.ts'
import { ResourceSliceKind } from './resource/resourceslice.ts'
import { VolumeAttributesClassKind } from './storage/volumeattributesclass.ts'

interface OtherVersion {
  readonly group: string
  readonly version: string
  readonly kinds: readonly unknown[]
  /** The minor versions of Kubernetes since which it is deprecated, and from which on it is gone. */
  readonly deprecated: number
  readonly removed: number
}

const POLICIES = [MutatingAdmissionPolicyKind, MutatingAdmissionPolicyBindingKind]
const ADMISSION = 'admissionregistration.k8s.io'
const VERSIONS: readonly OtherVersion[] = [
  { group: ADMISSION, version: 'v1beta1', kinds: POLICIES, deprecated: 37, removed: 40 },
  { group: ADMISSION, version: 'v1alpha1', kinds: POLICIES, deprecated: 35, removed: 38 },
  {
    group: 'networking.k8s.io',
    version: 'v1beta1',
    kinds: [IPAddressKind, ServiceCIDRKind],
    deprecated: 34,
    removed: 37,
  },
  {
    group: 'resource.k8s.io',
    version: 'v1beta2',
    kinds: [DeviceClassKind, ResourceClaimKind, ResourceClaimTemplateKind, ResourceSliceKind],
    deprecated: 36,
    removed: 39,
  },
  { group: 'storage.k8s.io', version: 'v1beta1', kinds: [VolumeAttributesClassKind], deprecated: 34, removed: 37 },
]

/** The minor version of Kubernetes that this is. */
const MINOR = 36

/** Their group versions: `networking.k8s.io/v1beta1`. */
export const betaVersions: readonly string[] = VERSIONS.map(apiVersionOf)

/** All kinds of these versions, made anew by each call. */
export const betaKinds = (): Kind[] => VERSIONS.flatMap(each => each.kinds.map(kind => inVersion(kind as Kind, each)))

function inVersion(kind: Kind, { group, version, deprecated, removed }: OtherVersion): Kind {
  const type = { ...kind.type, version }
  const folder = kind.message.slice(0, kind.message.indexOf('.'))
  schemas.addVersion(`${folder}.${kind.type.version}`, `${folder}.${version}`)
  const as = (apiVersion: string) => (object: KubeObject) => ({ ...object, apiVersion })
  const own = apiVersionOf(type)
  const when = `deprecated in v1.${deprecated}+, unavailable in v1.${removed}+`
  return {
    ...kind,
    type,
    message: kind.message.replace(/\.[^.]+\./, `.${version}.`),
    storedAs: {
      type: kind.type,
      toStored: as(apiVersionOf(kind.type)),
      fromStored: as(apiVersionOf({ group, version })),
    },
    ...(deprecated <= MINOR ? { deprecation: `${own} ${type.kind} is ${when}` } : {}),
  }
}
