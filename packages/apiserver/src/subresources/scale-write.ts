/**
 * Writes of a Scale: whoever changes one owns fields of the Scale, which become fields of the object that it is a view of
 * (pkg/registry/apps/deployment/storage, scaleUpdatedObjectInfo, and the same in k8s.io/apiextensions-apiserver).
 */
import { schemas } from '@canopus/api'
import type { Scale } from '@canopus/api/autoscaling/v1'
import {
  applyConfig,
  badRequestError,
  clone,
  deepEqual,
  type KubeObject,
  ownersBehindScale,
  ownersOfScale,
  ownersOfUpdate,
  plainError,
  type ReplicasPaths,
  type WriteScope,
} from '@canopus/apimachinery'
import { type ApplyRequestOptions, applyRequest, decodeMerged } from '../registry/apply.ts'
import { kindText, setOwners } from '../registry/owners.ts'
import { withoutOwners } from '../registry/patch.ts'

type Plain = Readonly<Record<string, unknown>>

export const SCALE = { apiVersion: 'autoscaling/v1', kind: 'Scale', message: 'autoscaling.v1.Scale' }

/** What kinds have to say of their scales. */
export interface ScaleRules {
  readonly apiVersion: string
  readonly paths: ReplicasPaths
  of(object: KubeObject): Scale
  /** Throws StatusError where the Scale cannot be one of the object. */
  into(object: KubeObject, scale: Scale): KubeObject
  /** A kind of custom resources, whose Scale upstream cannot bring from one form into another. */
  readonly isCustom?: boolean
}

const scope = (): WriteScope => ({
  schema: schemas.schemaOf(SCALE.message),
  apiVersion: SCALE.apiVersion,
  subresource: 'scale',
  // What is owned through a scale carries no time.
  now: undefined,
})

/** The Scale as writes see it: with those who own its number. */
export function ownedScale(old: KubeObject, rules: ScaleRules): Scale {
  const scale = rules.of(old)
  const owners = ownersOfScale(old.metadata.managedFields, rules.paths)
  return owners === undefined ? scale : { ...scale, metadata: { ...scale.metadata, managedFields: owners } }
}

/** The object after an update or a patch of its Scale by `manager`. */
export function updatedByScale(old: KubeObject, scale: Scale, rules: ScaleRules, manager: string): KubeObject {
  const live = ownedScale(old, rules)
  const { managedFields: stored } = live.metadata
  const { managedFields: sent } = scale.metadata
  const given = deepEqual(sent, stored) ? stored : sent
  const owners = ownersOfUpdate(scope(), live as unknown as Plain, scale as unknown as Plain, stored, given, manager)
  return behind(old, scale, owners, rules)
}

/** The object after a configuration was applied to its Scale. Throws StatusError, 409 for conflicts. */
export function appliedByScale(
  old: KubeObject,
  config: Plain,
  rules: ScaleRules,
  options: ApplyRequestOptions,
): KubeObject {
  const type = kindText(textOf(config.apiVersion), textOf(config.kind))
  if (config.apiVersion !== SCALE.apiVersion || config.kind !== SCALE.kind) {
    throw badRequestError(`invalid object type: ${type}`)
  }
  const live = ownedScale(old, rules)
  const { managedFields: stored } = live.metadata
  if (rules.isCustom === true && stored === undefined)
    throw notConverted('create manager for existing fields', 'live', '/', type)
  const request = applyRequest(config, live as KubeObject, options)
  const { object, managedFields } = applyConfig(scope(), request)
  const before = withoutOwners(live as KubeObject)
  if (rules.isCustom === true && !deepEqual(object, before)) {
    const [name] = request.objectText.split(';')
    throw notConverted(undefined, 'new', name!, type)
  }
  const scale = decodeMerged(object, SCALE, request.objectText, false) as Scale
  return behind(old, scale, managedFields, rules)
}

function notConverted(step: string | undefined, which: string, name: string, type: string): Error {
  const why = `failed to convert ${which} object (${name}; ${type}) to proper version`
  const prefix = step === undefined ? '' : `failed to ${step}: `
  return plainError(`${prefix}${why}: request to convert CR to an invalid group/version: ${SCALE.apiVersion}`)
}

function behind(
  old: KubeObject,
  scale: Scale,
  owners: ReturnType<typeof ownersOfScale>,
  { into, paths, apiVersion }: ScaleRules,
): KubeObject {
  const object = into(old, clone(scale))
  const written = { ...object, metadata: { ...object.metadata } }
  setOwners(written, ownersBehindScale(old.metadata.managedFields, owners, paths, apiVersion))
  return written
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
