/** Who owns which fields: `metadata.managedFields` as a value (k8s.io/apimachinery/pkg/util/managedfields/internal). */
import type { ManagedFieldsEntry } from '../generated/meta.ts'
import { canonical, EMPTY, type FieldSet, isFieldSet, union } from './field-set.ts'

export interface Manager {
  readonly name: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  /** Empty for the resource itself. */
  readonly subresource: string
  readonly time: string | undefined
  readonly fields: FieldSet
}

/** By identity: one manager has an entry per operation and subresource, for updates also per version. */
export type Managers = ReadonlyMap<string, Manager>

const UPDATE_MANAGERS = 10
const ANCIENT = 'ancient-changes'

/** What makes two entries the same manager. Sorts as upstream's. */
export function identityOf(manager: Pick<Manager, 'name' | 'operation' | 'apiVersion' | 'subresource'>): string {
  const { name, operation, apiVersion, subresource } = manager
  const sub = subresource === '' ? {} : { subresource }
  return JSON.stringify({ manager: name, operation, ...(operation === 'Apply' ? {} : { apiVersion }), ...sub })
}

/**
 * Why nobody could read these entries, as upstream words it; undefined where everybody can
 * (managedfields/internal/managedfields.go, decodeManagedFields).
 */
export function managersProblem(entries: readonly ManagedFieldsEntry[] | undefined): string | undefined {
  for (const [index, { operation, apiVersion, fieldsType, fieldsV1 }] of (entries ?? []).entries()) {
    if (operation !== 'Apply' && operation !== 'Update') return 'operation must be `Apply` or `Update`'
    if (!apiVersion) return 'apiVersion must not be empty'
    if (!fieldsType) return `missing fieldsType in managed fields entry ${index}`
    if (fieldsType !== 'FieldsV1') {
      return `invalid fieldsType ${JSON.stringify(fieldsType)} in managed fields entry ${index}`
    }
    if (!isFieldSet(fieldsV1 ?? EMPTY)) return `error decoding versioned set from managed fields entry ${index}`
  }
  return undefined
}

/**
 * Undefined where an entry cannot be read: then nothing is known about owners. `stored` ones were written by `writeManagers` and
 * are not looked through again.
 */
export function readManagers(
  entries: readonly ManagedFieldsEntry[] | undefined,
  stored: boolean,
): Map<string, Manager> | undefined {
  const managers = new Map<string, Manager>()
  for (const entry of entries ?? []) {
    const { operation, apiVersion, fieldsType } = entry
    const fieldsV1 = (entry.fieldsV1 ?? EMPTY) as FieldSet
    if (operation !== 'Apply' && operation !== 'Update') return undefined
    if (!apiVersion || fieldsType !== 'FieldsV1' || !(stored || isFieldSet(fieldsV1))) return undefined
    if (stored) knownInOrder(fieldsV1)
    const manager: Manager = {
      name: entry.manager ?? '',
      operation,
      apiVersion,
      subresource: entry.subresource ?? '',
      time: entry.time,
      fields: fieldsV1,
    }
    managers.set(identityOf(manager), manager)
  }
  return managers
}

/** Sets that are known to be in canonical order. */
const inOrder = new WeakSet<object>()

/** Notes that a set is in canonical order already, so that nobody looks again. */
export function knownInOrder(fields: FieldSet): FieldSet {
  if (fields !== EMPTY) inOrder.add(fields)
  return fields
}

/** As the object shows them: applied ones first, then by time and name. Undefined where there are none. */
export function writeManagers(managers: Managers): ManagedFieldsEntry[] | undefined {
  if (managers.size === 0) return undefined
  const sorted = [...managers.values()]
  if (sorted.length > 1) sorted.sort(compareManagers)
  return sorted.map(({ name, operation, apiVersion, time, fields, subresource }) => ({
    ...(name === '' ? {} : { manager: name }),
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: inOrder.has(fields) ? fields : canonical(fields),
    ...(subresource === '' ? {} : { subresource }),
  }))
}

function compareManagers(a: Manager, b: Manager): number {
  return (
    compareTexts(a.operation, b.operation) ||
    compareTexts(a.time ?? '', b.time ?? '') ||
    compareTexts(a.name, b.name) ||
    compareTexts(a.apiVersion, b.apiVersion) ||
    compareTexts(a.subresource, b.subresource)
  )
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Puts the oldest updates together where there are more than ten managers of updates. Changes the map. */
export function capUpdates(managers: Map<string, Manager>): void {
  const updates = [...managers].filter(([, { operation }]) => operation === 'Update')
  if (updates.length <= UPDATE_MANAGERS) return
  updates.sort(([idA, a], [idB, b]) => compareTexts(a.time ?? '', b.time ?? '') || compareTexts(idA, idB))
  const first = new Map<string, string>()
  let count = updates.length
  for (const [id, { apiVersion, time, fields }] of updates) {
    if (count <= UPDATE_MANAGERS) return
    const start = first.get(apiVersion)
    if (start === undefined) {
      first.set(apiVersion, id)
      continue
    }
    const bucket: Manager = { name: ANCIENT, operation: 'Update', apiVersion, subresource: '', time, fields: EMPTY }
    const bucketId = identityOf(bucket)
    let known = managers.get(bucketId)
    if (known === undefined) {
      known = managers.get(start)
      managers.delete(start)
    }
    managers.set(bucketId, { ...bucket, fields: union(fields, known?.fields ?? EMPTY) })
    if (id !== bucketId) managers.delete(id)
    count--
  }
}

/** Whether a request asks to forget all owners: an empty list, or a list of one empty entry. */
export function isReset(entries: readonly ManagedFieldsEntry[] | null | undefined): boolean {
  if (entries === undefined || entries === null) return false
  return entries.length === 0 || (entries.length === 1 && Object.keys(entries[0]!).length === 0)
}
