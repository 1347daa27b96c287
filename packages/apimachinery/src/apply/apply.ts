/** Server-side apply, from a configuration to the new object and its owners. */

import { clone } from '../clone.ts'
import type { ManagedFieldsEntry, ObjectMeta } from '../generated/meta.ts'
import { validateAnnotations } from '../labels.ts'
import { decodeValue } from '../schema/decode.ts'
import { DecodeError } from '../schema/decode-error.ts'
import type { StructSchema } from '../schema/schema.ts'
import { badRequestError, plainError } from '../status-error.ts'
import { checkConfig, findingsText } from './check.ts'
import { mentioned } from './collect.ts'
import { compare } from './compare.ts'
import { applyConflictError, conflictsOutside } from './conflict.ts'
import { difference, type FieldSet } from './field-set.ts'
import { readManagers, writeManagers } from './managers.ts'
import { type Applied, applyOnce, ownersBeforeApply, rootOf, type WriteScope } from './ownership.ts'
import { isMap, type Plain } from './shape.ts'

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
/** The manager of `kubectl apply --server-side`, which may take over what `kubectl apply` left behind. */
const KUBECTL = 'kubectl'

export interface ApplyRequest {
  /** The object as it is, without managedFields; `{}` where there is none. */
  readonly live: Plain
  readonly stored: readonly ManagedFieldsEntry[] | undefined
  /** As the client wrote it. */
  readonly config: Plain
  readonly manager: string
  readonly force: boolean
  /** `namespace/name; group/version, Kind=kind`, for errors. */
  readonly objectText: string
}

export interface ApplyResult {
  /** Shares with `live` and `config`: do not change it. */
  readonly object: Plain
  readonly managedFields: ManagedFieldsEntry[] | undefined
}

/** Throws StatusError: 400 for configurations that cannot be applied, 409 for conflicts, 500 for those that do not fit the schema. */
export function applyConfig(scope: WriteScope, request: ApplyRequest): ApplyResult {
  const { config, manager, force } = request
  if (saysOwners(scope.schema, metaOf(config)?.managedFields))
    throw badRequestError('metadata.managedFields must be nil')
  const problem = misfit(scope.schema, config)
  if (problem !== undefined) throw plainError(`failed to create typed patch object (${request.objectText}): ${problem}`)
  const { live } = request
  let managers = readManagers(request.stored, true)
  if (managers === undefined) throw plainError('failed to decode managed fields')
  if (managers.size === 0) managers = ownersBeforeApply(scope, live)
  let applied = applyOnce(scope, live, config, managers, manager, force)
  if (applied.conflicts.length > 0) {
    const left = manager === KUBECTL ? conflictsOutside(applied.conflicts, lastApplied(scope, live)) : applied.conflicts
    if (left.length > 0) throw applyConflictError(left)
    applied = applyOnce(scope, live, config, managers, manager, true)
  }
  return { object: withLastApplied(applied, config, manager), managedFields: writeManagers(applied.managers) }
}

/**
 * Whether a configuration names owners, for the check that it does not: a list with something that cannot be read names none there
 * (k8s.io/apimachinery/pkg/apis/meta/v1/unstructured, GetManagedFields), and is found out later where it does any harm.
 */
function saysOwners(schema: StructSchema, sent: unknown): boolean {
  if (!Array.isArray(sent)) return false
  const metadata = schema.fields.get('metadata')?.schema
  const list = metadata?.type === 'struct' ? metadata.fields.get('managedFields')?.schema : undefined
  const entry = list?.type === 'list' ? list.items : undefined
  return sent.every(each => isMap(each) && (entry?.type !== 'struct' || isReadable(entry, each)))
}

function isReadable(schema: StructSchema, value: Plain): boolean {
  try {
    decodeValue(schema, clone(value), { converting: true })
    return true
  } catch (error) {
    if (error instanceof DecodeError) return false
    throw error
  }
}

/** In what an object does not fit a schema, if it does not. */
export function misfit(schema: StructSchema, object: Plain): string | undefined {
  const findings = checkConfig(rootOf(schema), object)
  return findings.length === 0 ? undefined : findingsText(findings)
}

const metaOf = (object: Plain): Partial<ObjectMeta> | undefined =>
  isMap(object.metadata) ? (object.metadata as Partial<ObjectMeta>) : undefined

/** What client-side apply wrote last and nobody has changed since: `kubectl` may take it without force. */
function lastApplied(scope: WriteScope, live: Plain): FieldSet {
  const text = metaOf(live)?.annotations?.[LAST_APPLIED]
  if (!text) return {}
  let config: unknown
  try {
    config = JSON.parse(text)
  } catch {
    return {}
  }
  const root = rootOf(scope.schema)
  if (!isMap(config) || config.apiVersion !== scope.apiVersion || checkConfig(root, config).length > 0) return {}
  const { added, modified, removed } = compare(root, config, live)
  return difference(difference(difference(mentioned(root, config), modified), added), removed)
}

/** Keeps the annotation of client-side apply up to date where it is there, so that one may go back to it. */
function withLastApplied({ object }: Applied, config: Plain, manager: string): Plain {
  const meta = metaOf(object)
  if (manager !== KUBECTL || !meta?.annotations?.[LAST_APPLIED]) return object
  const own = metaOf(config) ?? {}
  const { [LAST_APPLIED]: _, ...others } = own.annotations ?? {}
  const metadata = { ...own, ...(own.annotations === undefined ? {} : { annotations: others }) }
  const annotations = { ...meta.annotations, [LAST_APPLIED]: `${JSON.stringify({ ...config, metadata })}\n` }
  const fits = validateAnnotations(annotations, 'metadata.annotations').length === 0
  const { [LAST_APPLIED]: __, ...without } = annotations
  return { ...object, metadata: { ...meta, annotations: fits ? annotations : without } }
}
