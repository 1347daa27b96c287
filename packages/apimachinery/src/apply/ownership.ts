/**
 * What a write does to the owners of fields: every create, update and patch is tracked, and an apply merges
 * (sigs.k8s.io/structured-merge-diff/merge/update.go, k8s.io/apimachinery/pkg/util/managedfields/internal).
 */
import { deepEqual } from '../equality.ts'
import type { ManagedFieldsEntry } from '../generated/meta.ts'
import type { StructSchema } from '../schema/schema.ts'
import { StatusError } from '../status-error.ts'
import { changedBefore, type Outcome } from './changed-before.ts'
import { addedToNothing, mentioned } from './collect.ts'
import { type Comparison, compare } from './compare.ts'
import type { Conflict } from './conflict.ts'
import {
  difference,
  EMPTY,
  equalSets,
  type FieldSet,
  intersection,
  isEmptySet,
  LEAF,
  pathsOf,
  union,
} from './field-set.ts'
import { capUpdates, identityOf, isReset, knownInOrder, type Manager, readManagers, writeManagers } from './managers.ts'
import { mergeConfig } from './merge.ts'
import { ownedBefore } from './owned-before.ts'
import { prune } from './prune.ts'
import { reconcile } from './reconcile.ts'
import type { Plain, Type } from './shape.ts'

/** Other versions of the same kind, in which some managers wrote. */
export interface Versions {
  /** Undefined where who wrote in that version is forgotten, since nobody knows it any more. */
  schemaOf(apiVersion: string): StructSchema | undefined
  /** Undefined where a version is not served any more. The object is not changed. May throw, whatever the caller hears then. */
  convert(object: Plain, from: string, to: string): Plain | undefined
  /** Whether what cannot be converted is an error, even if nothing else is asked of it. */
  readonly mayFail?: boolean
}

/** The endpoint through which a write comes. */
export interface WriteScope {
  readonly schema: StructSchema
  readonly apiVersion: string
  /** Empty for the resource itself. */
  readonly subresource: string
  /** Leaves out what this endpoint does not write (status of the main resource). */
  readonly filter?: (fields: FieldSet) => FieldSet
  readonly versions?: Versions
  /** RFC 3339. Undefined where the endpoint leaves no times. */
  readonly now: string | undefined
}

/** Fields of every object that nobody owns. */
const NOBODYS: FieldSet = {
  'f:apiVersion': LEAF,
  'f:kind': LEAF,
  'f:metadata': {
    '.': LEAF,
    'f:name': LEAF,
    'f:namespace': LEAF,
    'f:creationTimestamp': LEAF,
    'f:selfLink': LEAF,
    'f:uid': LEAF,
    'f:clusterName': LEAF,
    'f:generation': LEAF,
    'f:managedFields': LEAF,
    'f:resourceVersion': LEAF,
  },
}

export const rootOf = (schema: StructSchema): Type => ({ schema, atomic: false })

/** Owners of a new object. `object` is as the client sent it, with defaults; what its metadata says about owners is ignored. */
export function ownersOfNew(scope: WriteScope, object: Plain, managerName: string): ManagedFieldsEntry[] | undefined {
  const root = rootOf(scope.schema)
  const fields = ownedBefore(root, object, scope.filter, () =>
    difference(filtered(scope, addedToNothing(root, object)), NOBODYS),
  )
  if (isEmptySet(fields)) return undefined
  const manager = managerOf(scope, managerName, 'Update', knownInOrder(fields))
  return writeManagers(new Map([['', manager]]))
}

/**
 * Owners after a change of `live` to `next`; both without regard to what they say about owners. `sent` are those in the
 * request, `stored` those of the live object.
 */
export function ownersOfUpdate(
  scope: WriteScope,
  live: Plain,
  next: Plain,
  stored: readonly ManagedFieldsEntry[] | undefined,
  sent: readonly ManagedFieldsEntry[] | null | undefined,
  managerName: string,
): ManagedFieldsEntry[] | undefined {
  const before = currentManagers(scope, stored, sent)
  // An object whose owners are not known is not tracked until somebody applies.
  if (before.size === 0) return undefined
  const managers = isRememberable(scope, before)
    ? trackRemembered(scope, live, next, before, managerName)
    : trackUpdate(scope, live, next, before, managerName).managers
  capUpdates(managers)
  return writeManagers(managers)
}

/** Other versions, and schemas that may have changed, depend on more than on how the objects differ. */
function isRememberable({ schema, apiVersion }: WriteScope, before: ReadonlyMap<string, Manager>): boolean {
  if (schema.goType === '') return false
  for (const manager of before.values()) if (manager.apiVersion !== apiVersion) return false
  return true
}

function trackRemembered(
  scope: WriteScope,
  live: Plain,
  next: Plain,
  before: Map<string, Manager>,
  managerName: string,
): Map<string, Manager> {
  const { apiVersion, subresource, filter } = scope
  const by = { apiVersion, subresource, manager: managerName, filter }
  const writer = managerOf(scope, managerName, 'Update', EMPTY)
  const type = rootOf(scope.schema)
  return changedBefore({ type, live, next, before, by, writer }, () =>
    trackUpdate(scope, live, next, before, managerName),
  )
}

function currentManagers(
  scope: WriteScope,
  stored: readonly ManagedFieldsEntry[] | undefined,
  sent: readonly ManagedFieldsEntry[] | null | undefined,
): Map<string, Manager> {
  const fromLive = (): Map<string, Manager> => readManagers(stored, true) ?? new Map()
  if (scope.subresource !== '' || sent === stored) return fromLive()
  if (isReset(sent)) return new Map()
  const own = readManagers(sent ?? undefined, false)
  return own === undefined || own.size === 0 ? fromLive() : own
}

function trackUpdate(
  scope: WriteScope,
  live: Plain,
  next: Plain,
  before: Map<string, Manager>,
  managerName: string,
): Outcome {
  const { managers, comparison } = release(scope, live, next, reconciled(scope, live, before), '')
  const changed = union(comparison.modified, comparison.added)
  const fields = difference(filtered(scope, changed), NOBODYS)
  if (isEmptySet(fields)) return { managers, writer: undefined }
  const manager = managerOf(scope, managerName, 'Update', fields)
  const id = identityOf(manager)
  const previous = managers.get(id)
  managers.set(id, previous === undefined ? manager : { ...manager, fields: union(fields, previous.fields) })
  return { managers, writer: id }
}

export interface Applied {
  /** The merged object; the live one where the configuration changes nothing. */
  readonly object: Plain
  readonly changed: boolean
  readonly managers: Map<string, Manager>
  /** What others own and the configuration changes. With `force` there are none: it is taken from them. */
  readonly conflicts: readonly Conflict[]
}

/** Merges a configuration into the live object ({} where there is none). Throws ElementError. */
export function applyOnce(
  scope: WriteScope,
  live: Plain,
  config: Plain,
  before: Map<string, Manager>,
  managerName: string,
  force: boolean,
): Applied {
  const root = rootOf(scope.schema)
  const managers = reconciled(scope, live, before)
  const merged = mergeConfig(root, live, config) as Plain
  const nothing = managerOf(scope, managerName, 'Apply', EMPTY)
  const id = identityOf(nothing)
  const last = managers.get(id)
  const own = { ...nothing, fields: filtered(scope, mentioned(root, config, last?.fields)) }
  managers.set(id, { ...own, time: last?.time })
  const object =
    last === undefined ? merged : saying('failed to prune fields', () => prune(scope, merged, managers, id, last))
  const released = release(scope, live, object, managers, id)
  const changed = !deepEqual(live, object)
  if (!force && released.taken.length > 0) {
    return { object: live, changed, managers, conflicts: released.taken.flatMap(conflictsOf) }
  }
  const fields = difference(own.fields, NOBODYS)
  if (isEmptySet(fields)) released.managers.delete(id)
  else {
    const time = changed ? scope.now : last?.time
    const same = last !== undefined && equalSets(fields, last.fields)
    released.managers.set(id, { ...own, fields: same ? last.fields : fields, time })
  }
  return { object: changed ? object : live, changed, managers: released.managers, conflicts: [] }
}

/** What a manager loses since the change gives it another value. */
interface Taken {
  readonly id: string
  readonly manager: Manager
  readonly fields: FieldSet
}

const conflictsOf = ({ id, manager, fields }: Taken): Conflict[] =>
  Array.from(pathsOf(fields), path => ({ id, manager, path }))

interface Released {
  readonly managers: Map<string, Manager>
  readonly comparison: Comparison
  readonly taken: readonly Taken[]
}

/** Takes from all managers but one what the change changes and removes. */
function release(
  scope: WriteScope,
  live: Plain,
  next: Plain,
  managers: Map<string, Manager>,
  except: string,
): Released {
  const comparison = compare(rootOf(scope.schema), live, next)
  const byVersion = new Map<string, Comparison | undefined>([[scope.apiVersion, filteredComparison(scope, comparison)]])
  const lost: Taken[] = []
  const out = new Map<string, Manager>()
  for (const [id, manager] of managers) {
    if (id === except) {
      out.set(id, manager)
      continue
    }
    if (!byVersion.has(manager.apiVersion)) {
      byVersion.set(manager.apiVersion, comparisonIn(scope, live, next, manager.apiVersion))
    }
    const changes = byVersion.get(manager.apiVersion)
    if (changes === undefined) continue
    const taken = intersection(manager.fields, union(changes.modified, changes.added))
    if (!isEmptySet(taken)) lost.push({ id, manager, fields: taken })
    const fields = difference(difference(manager.fields, taken), changes.removed)
    if (!isEmptySet(fields)) out.set(id, fields === manager.fields ? manager : { ...manager, fields })
  }
  return { managers: out, comparison: byVersion.get(scope.apiVersion)!, taken: lost }
}

function comparisonIn(scope: WriteScope, live: Plain, next: Plain, apiVersion: string): Comparison | undefined {
  const { versions } = scope
  const schema = versions?.schemaOf(apiVersion)
  if (versions === undefined || schema === undefined) return undefined
  const into = (object: Plain): Plain | undefined => versions.convert(object, scope.apiVersion, apiVersion)
  const old = saying('failed to convert old object', () => into(live))
  const now = saying('failed to convert new object', () => into(next))
  if (old === undefined || now === undefined) return undefined
  return filteredComparison(scope, compare(rootOf(schema), old, now))
}

/** The work; what fails in it says what it was for, as Go wraps errors. */
export function saying<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    throw new StatusError({ code: error.code, message: `${what}: ${error.message}` })
  }
}

/** What managers own, as the schemas of today have it. Whose version the live object has no form in is told before all else. */
function reconciled(scope: WriteScope, live: Plain, managers: Map<string, Manager>): Map<string, Manager> {
  const out = new Map<string, Manager>()
  for (const [id, manager] of managers) {
    const { apiVersion } = manager
    const schema = schemaIn(scope, apiVersion)
    if (apiVersion !== scope.apiVersion && scope.versions?.mayFail) {
      scope.versions.convert(live, scope.apiVersion, apiVersion)
    }
    // Built-in schemas do not change while their version stays.
    const fields =
      schema === undefined || schema.goType !== '' ? manager.fields : reconcile(rootOf(schema), manager.fields)
    out.set(id, fields === manager.fields ? manager : { ...manager, fields })
  }
  return out
}

export function schemaIn(scope: WriteScope, apiVersion: string): StructSchema | undefined {
  return apiVersion === scope.apiVersion ? scope.schema : scope.versions?.schemaOf(apiVersion)
}

const filtered = (scope: WriteScope, fields: FieldSet): FieldSet => scope.filter?.(fields) ?? fields

function filteredComparison(scope: WriteScope, { added, modified, removed }: Comparison): Comparison {
  const { filter } = scope
  return filter === undefined
    ? { added, modified, removed }
    : { added: filter(added), modified: filter(modified), removed: filter(removed) }
}

function managerOf(scope: WriteScope, name: string, operation: Manager['operation'], fields: FieldSet): Manager {
  const { apiVersion, subresource, now } = scope
  return { name: name === '' ? 'unknown' : name, operation, apiVersion, subresource, time: now, fields }
}

const BEFORE_FIRST_APPLY = 'before-first-apply'

/** Owners of an object that was never tracked, when somebody applies to it for the first time. */
export function ownersBeforeApply(scope: WriteScope, live: Plain): Map<string, Manager> {
  return trackUpdate(scope, {}, live, new Map(), BEFORE_FIRST_APPLY).managers
}
