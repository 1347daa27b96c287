/**
 * Fields of features that are off, by default or because somebody turned them off: upstream drops them on the way in, silently, unless an object has
 * them already (pkg/api/pod/util.go, DropDisabledPodFields; the strategies in pkg/registry).
 */
import { isFeatureOn, type KubeObject } from '@canopus/apimachinery'
import type { StatefulSet } from '../generated/apps.v1.ts'
import type { Lease } from '../generated/coordination.v1.ts'
import type { Lifecycle, Pod, PodSpec, PodStatus, VolumeMountStatus } from '../generated/core.v1.ts'
import type { DeviceAttribute, ResourceSlice } from '../generated/resource.v1.ts'
import type { CSIDriver } from '../generated/storage.v1.ts'
import type { Kind } from '../kind.ts'
import { ON_BY_DEFAULT, ON_FOR_PODS, ON_FOR_STATUS } from './optional-fields.ts'
import { podSpecOf } from './pod-specs.ts'

/** One gate: whether an object uses it, and what taking that away means. */
export interface Gate<T> {
  readonly feature: string
  uses(part: T): boolean
  drop(part: T): void
}

// Every pod that comes in is asked whether it uses these: nothing is allocated for that.

const stops = (containers: readonly { lifecycle?: Lifecycle }[] | undefined): boolean => {
  for (const { lifecycle } of containers ?? NONE) if (lifecycle?.stopSignal !== undefined) return true
  return false
}

const NONE: readonly never[] = []

const stopSignals: Gate<PodSpec> = {
  feature: 'ContainerStopSignals',
  uses: ({ containers, initContainers, ephemeralContainers }) =>
    stops(containers) || stops(initContainers) || stops(ephemeralContainers),
  drop({ containers, initContainers, ephemeralContainers }) {
    for (const container of [containers, initContainers, ephemeralContainers].flatMap(each => each ?? [])) {
      delete container.lifecycle?.stopSignal
      if (container.lifecycle !== undefined && Object.keys(container.lifecycle).length === 0) delete container.lifecycle
    }
  },
}

const projected = (feature: string, name: 'clusterTrustBundle' | 'podCertificate'): Gate<PodSpec> => ({
  feature,
  uses({ volumes }) {
    for (const volume of volumes ?? NONE) {
      for (const source of volume.projected?.sources ?? NONE) if (source[name] !== undefined) return true
    }
    return false
  },
  drop({ volumes = [] }) {
    for (const source of volumes.flatMap(each => each.projected?.sources ?? [])) delete source[name]
  },
})

const schedulingGroup: Gate<PodSpec> = {
  feature: 'GenericWorkload',
  uses: spec => spec.schedulingGroup !== undefined,
  drop(spec) {
    delete spec.schedulingGroup
  },
}

const POD_GATES = [
  stopSignals,
  projected('ClusterTrustBundleProjection', 'clusterTrustBundle'),
  projected('PodCertificateRequest', 'podCertificate'),
  schedulingGroup,
]

type Changes<T> = (object: T, old: T | undefined) => void

/** Drops what a part uses, for each gate that the part did not use before. */
const gated =
  <T, P>(partOf: (object: T) => P | undefined, gates: readonly Gate<P>[]): Changes<T> =>
  (object, old) => {
    const part = partOf(object)
    if (part === undefined) return
    const before = old === undefined ? undefined : partOf(old)
    for (const { feature, uses, drop } of gates) {
      if (uses(part) && (before === undefined || !uses(before)) && !isFeatureOn(feature)) drop(part)
    }
  }

const election = (name: 'strategy' | 'preferredHolder'): Gate<Lease> => ({
  feature: 'CoordinatedLeaderElection',
  uses: ({ spec }) => spec?.[name] !== undefined,
  drop: ({ spec }) => void delete spec?.[name],
})

/** Sets that have it keep it, and our controller knows it. */
const unavailable: Gate<StatefulSet> = {
  feature: 'MaxUnavailableStatefulSet',
  uses: ({ spec }) => spec?.updateStrategy?.rollingUpdate?.maxUnavailable !== undefined,
  drop: ({ spec }) => void delete spec.updateStrategy?.rollingUpdate?.maxUnavailable,
}

const scaling: Gate<CSIDriver> = {
  feature: 'VolumeLimitScaling',
  uses: ({ spec }) => spec?.preventPodSchedulingIfMissing !== undefined,
  drop: ({ spec }) => void delete spec.preventPodSchedulingIfMissing,
}

const LISTS = ['bools', 'ints', 'strings', 'versions'] as const
const attributesOf = ({ spec }: ResourceSlice): DeviceAttribute[] =>
  (spec?.devices ?? []).flatMap(({ attributes }) => Object.values(attributes ?? {}))

const SLICE_GATES: readonly Gate<ResourceSlice>[] = [
  {
    feature: 'DRAListTypeAttributes',
    uses: slice => attributesOf(slice).some(each => LISTS.some(name => each[name] !== undefined)),
    drop(slice) {
      for (const each of attributesOf(slice)) for (const name of LISTS) delete each[name]
    },
  },
  {
    feature: 'DRANodeAllocatableResources',
    uses: ({ spec }) => (spec?.devices ?? []).some(each => each.nodeAllocatableResourceMappings !== undefined),
    drop({ spec }) {
      for (const each of spec.devices ?? []) delete each.nodeAllocatableResourceMappings
    },
  },
]

const claimsOfNode = gated<Pod, Pod>(
  pod => pod,
  [
    {
      feature: 'DRANodeAllocatableResources',
      uses: ({ status }) => (status?.nodeAllocatableResourceClaimStatuses ?? []).length > 0,
      drop: ({ status }) => void delete status?.nodeAllocatableResourceClaimStatuses,
    },
  ],
)

const volumeStatus: Gate<PodStatus> = {
  feature: 'ImageVolumeWithDigest',
  uses: status => volumesOf(status).some(each => each.volumeStatus !== undefined),
  drop(status) {
    for (const each of volumesOf(status)) delete each.volumeStatus
  },
}

const volumesOf = (status: PodStatus): VolumeMountStatus[] =>
  [status.containerStatuses, status.initContainerStatuses, status.ephemeralContainerStatuses]
    .flatMap(statuses => statuses ?? [])
    .flatMap(each => each.volumeMounts ?? [])

const volumesOfStatus = gated<Pod, PodStatus>(({ status }) => status, [volumeStatus])

const ofPodStatus: Changes<Pod> = (pod, old) => {
  claimsOfNode(pod, old)
  volumesOfStatus(pod, old)
}

type Subresources = NonNullable<Kind['strategy']['subresources']>

/** Endpoints that write a part of the object take in no more than the object's own. */
function withChange(subresources: Subresources = {}, change: Changes<KubeObject>): Subresources {
  const entries = Object.entries(subresources).map(([name, each]) => {
    const prepareForUpdate: typeof each.prepareForUpdate = (object, old, context) => {
      change(object, old)
      each.prepareForUpdate(object, old, context)
    }
    return [name, { ...each, prepareForUpdate }]
  })
  return Object.fromEntries(entries) as Subresources
}

const CHANGES: Readonly<Record<string, Changes<never>>> = {
  'apps/statefulsets': gated<StatefulSet, StatefulSet>(set => set, [unavailable]),
  'coordination.k8s.io/leases': gated<Lease, Lease>(
    lease => lease,
    [election('strategy'), election('preferredHolder')],
  ),
  'resource.k8s.io/resourceslices': gated<ResourceSlice, ResourceSlice>(slice => slice, SLICE_GATES),
  'storage.k8s.io/csidrivers': gated<CSIDriver, CSIDriver>(driver => driver, [scaling]),
}

/** The kind, which then takes in only what is served: everybody sees what became of the rest. */
export function withoutDisabledFields(kind: Kind): Kind {
  const address = `${kind.type.group}/${kind.type.plural}`
  const place = podSpecOf(kind)
  return withChanges(kind, {
    spec: [
      ...(place === undefined ? [] : [gated<KubeObject, PodSpec>(object => place.of(object), POD_GATES)]),
      ...(CHANGES[address] === undefined ? [] : [CHANGES[address] as Changes<KubeObject>]),
    ],
    status: address === '/pods' ? [ofPodStatus as Changes<KubeObject>] : [],
  })
}

/** The same of features that are on by default, where some of them are off. */
export function withoutFieldsOf(kind: Kind, enabled: (feature: string) => boolean): Kind {
  const address = `${kind.type.group}/${kind.type.plural}`
  const place = podSpecOf(kind)
  const off = <T>(gates: readonly Gate<T>[] = []): Gate<T>[] => gates.filter(({ feature }) => !enabled(feature))
  const ofPods = place === undefined ? [] : off(ON_FOR_PODS)
  const own = off(ON_BY_DEFAULT[address] as readonly Gate<KubeObject>[] | undefined)
  const ofStatus = off(ON_FOR_STATUS[address] as readonly Gate<KubeObject>[] | undefined)
  const whole = (gates: readonly Gate<KubeObject>[]): Changes<KubeObject>[] =>
    gates.length === 0 ? [] : [gated<KubeObject, KubeObject>(object => object, gates)]
  return withChanges(kind, {
    spec: [
      ...(ofPods.length === 0 ? [] : [gated<KubeObject, PodSpec>(object => place?.of(object), ofPods)]),
      ...whole(own),
    ],
    status: whole(ofStatus),
  })
}

interface KindChanges {
  readonly spec: readonly Changes<KubeObject>[]
  readonly status: readonly Changes<KubeObject>[]
}

const inTurn =
  (changes: readonly Changes<KubeObject>[]): Changes<KubeObject> =>
  (object, old) => {
    for (const each of changes) each(object, old)
  }

function withChanges(kind: Kind, { spec, status }: KindChanges): Kind {
  if (spec.length === 0 && status.length === 0) return kind
  const { strategy } = kind
  const [change, ofStatus] = [inTurn(spec), inTurn(status)]
  const isPod = kind.type.group === '' && kind.type.plural === 'pods'
  const subresources = isPod ? withChange(strategy.subresources, change) : undefined
  return {
    ...kind,
    strategy: {
      ...strategy,
      ...(subresources && { subresources }),
      prepareForCreate(object, context) {
        change(object, undefined)
        strategy.prepareForCreate?.(object, context)
      },
      prepareForUpdate(object, old, context) {
        change(object, old)
        strategy.prepareForUpdate?.(object, old, context)
      },
      ...(status.length > 0 && {
        prepareForStatusUpdate(object, old, context) {
          ofStatus(object, old)
          strategy.prepareForStatusUpdate?.(object, old, context)
        },
      }),
    },
  }
}
