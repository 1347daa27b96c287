/** Makes strategies out of the few things in which kinds differ. */
import { type KubeObject, semanticEqual } from '@canopus/apimachinery'
import type { Kind, Strategy, StrategyContext } from '../../kind.ts'
import { sameExcept } from './equality.ts'

interface Common<T> {
  /** The status with which an object is born; given for kinds that have one. */
  status?(object: T): unknown
  /** Whether the kind has a `spec`, which then is never missing, whatever the client sent. */
  spec?: boolean
  /** Whether `/status` leaves the metadata alone (`ResetObjectMetaForStatus` upstream). */
  statusLeavesMetadata?: boolean
  /** Whether `metadata.generation` counts changes outside metadata and status. */
  generation?: boolean
  /** Whether changed labels count too (endpoint slices). */
  labelsCount?: boolean
  /** Whether changed annotations count too (deployments hand theirs on to replica sets). */
  annotationsCount?: boolean
}

type Open = KubeObject & Record<string, unknown>

const STATUS_LEAVES = ['deletionTimestamp', 'labels', 'annotations', 'finalizers', 'ownerReferences'] as const

const NOT_SPEC: readonly string[] = ['apiVersion', 'kind', 'metadata', 'status']

/** Everything that is not metadata or status is the same in both. */
export const sameSpec = (object: KubeObject, old: KubeObject): boolean => sameExcept(object, old, NOT_SPEC)

/**
 * A strategy with upstream's usual treatment of status and generation (every pkg/registry/<group>/<kind>/strategy.go):
 * status starts as given, is kept by updates of the main resource, and is all that updates of `/status` change.
 */
export function strategyOf<T extends KubeObject>(common: Common<T>, own: Strategy<T> = {}): Strategy<T> {
  const hasStatus = common.status !== undefined
  return {
    hasGeneration: common.generation === true,
    ...(common.statusLeavesMetadata && { statusLeaves: 'metadata' as const }),
    ...own,
    default(object) {
      if (common.spec) (object as Open).spec ??= {}
      own.default?.(object)
    },
    prepareForCreate(object, context) {
      if (hasStatus) (object as Open).status = common.status!(object)
      if (common.generation) object.metadata.generation = 1
      own.prepareForCreate?.(object, context)
    },
    prepareForUpdate(object, old, context) {
      if (hasStatus) copyField(object as Open, old as Open, 'status')
      own.prepareForUpdate?.(object, old, context)
      if (!common.generation) return
      const sameLabels = !common.labelsCount || semanticEqual(object.metadata.labels, old.metadata.labels)
      const sameAnnotations =
        !common.annotationsCount || semanticEqual(object.metadata.annotations, old.metadata.annotations)
      setGeneration(object, old, sameLabels && sameAnnotations && sameSpec(object, old))
    },
    ...(hasStatus && {
      prepareForStatusUpdate(object: T, old: T, context?: StrategyContext): void {
        keepAllButStatus(object, old)
        if (common.statusLeavesMetadata)
          for (const field of STATUS_LEAVES) copyField(object.metadata, old.metadata, field)
        own.prepareForStatusUpdate?.(object, old, context)
      },
    }),
  }
}

/** Counts the generation up unless nothing of the spec changed. */
export function setGeneration(object: KubeObject, old: KubeObject, same: boolean): void {
  const before = old.metadata.generation
  if (!same) object.metadata.generation = (before ?? 0) + 1
  else if (before === undefined) delete object.metadata.generation
  else object.metadata.generation = before
}

/** Takes every field but metadata and status from the old object. */
export function keepAllButStatus(object: KubeObject, old: KubeObject): void {
  for (const key of new Set([...Object.keys(object), ...Object.keys(old)])) {
    if (!NOT_SPEC.includes(key)) copyField(object as Open, old as Open, key)
  }
  const generation = old.metadata.generation
  if (generation !== undefined) object.metadata.generation = generation
}

/** Sets a field to what the other object has, or removes it. */
export function copyField<T extends object>(to: T, from: T, key: keyof T): void {
  if (from[key] === undefined) delete to[key]
  else to[key] = from[key]
}

/** Checks a kind's shape while keeping its object type. */
export const defineKind = <T extends KubeObject>(kind: Kind<T>): Kind<T> => kind
