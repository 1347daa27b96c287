/**
 * Beta and alpha versions of kinds that are stable by now, whose messages are the stable ones to the letter, but for what is said
 * (k8s.io/api/<group>/<version>/types.go and zz_generated.prerelease-lifecycle.go). They are served where they are asked for.
 */
import { apiVersionOf, type KubeObject } from '@canopus/apimachinery'
import type { Kind } from '../kind.ts'
import { schemas } from '../schemas.ts'
import { inShape, type VersionShape } from './other-shape.ts'
import { V1BETA1_FACTS, V1BETA1_SHAPES } from './resource/v1beta1.ts'

interface OtherVersion {
  readonly group: string
  readonly version: string
  readonly kinds: readonly string[]
  /** The minor versions of Kubernetes since which it is deprecated, and from which on it is gone. */
  readonly deprecated: number
  readonly removed: number
  /** Messages that are others, as a facts table. */
  readonly facts?: string
  /** How objects differ, by kind. */
  readonly shapes?: Readonly<Record<string, VersionShape>>
}

const POLICIES = ['MutatingAdmissionPolicy', 'MutatingAdmissionPolicyBinding']
const ADMISSION = 'admissionregistration.k8s.io'
const VERSIONS: readonly OtherVersion[] = [
  { group: ADMISSION, version: 'v1beta1', kinds: POLICIES, deprecated: 37, removed: 40 },
  { group: ADMISSION, version: 'v1alpha1', kinds: POLICIES, deprecated: 35, removed: 38 },
  {
    group: 'networking.k8s.io',
    version: 'v1beta1',
    kinds: ['IPAddress', 'ServiceCIDR'],
    deprecated: 34,
    removed: 37,
  },
  {
    group: 'resource.k8s.io',
    version: 'v1beta2',
    kinds: ['DeviceClass', 'ResourceClaim', 'ResourceClaimTemplate', 'ResourceSlice'],
    deprecated: 36,
    removed: 39,
  },
  {
    group: 'resource.k8s.io',
    version: 'v1beta1',
    kinds: ['DeviceClass', 'ResourceClaim', 'ResourceClaimTemplate', 'ResourceSlice'],
    deprecated: 35,
    removed: 38,
    facts: V1BETA1_FACTS,
    shapes: V1BETA1_SHAPES,
  },
  { group: 'storage.k8s.io', version: 'v1beta1', kinds: ['VolumeAttributesClass'], deprecated: 34, removed: 37 },
]

/** The minor version of Kubernetes that this is. */
const MINOR = 36

/** Their group versions: `networking.k8s.io/v1beta1`. */
export const betaVersions: readonly string[] = VERSIONS.map(apiVersionOf)

/** All kinds of these versions, made anew by each call of their stable ones. */
export const inBetaVersions = (stable: readonly Kind[]): Kind[] =>
  VERSIONS.flatMap(each =>
    stable
      .filter(({ type }) => type.group === each.group && each.kinds.includes(type.kind))
      .map(kind => inVersion(kind, each)),
  )

const same = (object: KubeObject): KubeObject => object

function inVersion(kind: Kind, { version, deprecated, removed, facts, shapes }: OtherVersion): Kind {
  const type = { ...kind.type, version }
  const folder = kind.message.slice(0, kind.message.indexOf('.'))
  schemas.addVersion(`${folder}.${kind.type.version}`, `${folder}.${version}`)
  if (facts !== undefined) schemas.addTable(facts)
  const shape = shapes?.[kind.type.kind]
  const { toStable = same, fromStable = same } = shape ?? {}
  const own = apiVersionOf(type)
  const when = `deprecated in v1.${deprecated}+, unavailable in v1.${removed}+`
  return {
    ...kind,
    ...(shape && inShape(kind, shape)),
    type,
    message: kind.message.replace(/\.[^.]+\./, `.${version}.`),
    storedAs: {
      type: kind.type,
      toStored: object => ({ ...toStable(object), apiVersion: apiVersionOf(kind.type) }),
      fromStored: object => ({ ...fromStable(object), apiVersion: own }),
    },
    ...(deprecated <= MINOR ? { deprecation: `${own} ${type.kind} is ${when}` } : {}),
  }
}
