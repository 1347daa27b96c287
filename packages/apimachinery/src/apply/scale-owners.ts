/**
 * Owners of an object as `/scale` shows them, and back: through a scale one owns the number of replicas, and nothing else
 * (k8s.io/apimachinery/pkg/util/managedfields/scalehandler.go).
 */
import type { ManagedFieldsEntry } from '../generated/meta.ts'
import { difference, type FieldSet, hasPath, isEmptySet, LEAF } from './field-set.ts'
import { type Manager, readManagers, writeManagers } from './managers.ts'

/** Where the number of replicas is, by names of fields, in each version of the kind; undefined in versions without a scale. */
export type ReplicasPaths = ReadonlyMap<string, readonly string[] | undefined>

const SCALE_VERSION = 'autoscaling/v1'
const IN_SCALE = ['f:spec', 'f:replicas']

const elementsOf = (names: readonly string[]): string[] => names.map(name => `f:${name}`)
const setOf = (elements: readonly string[]): FieldSet =>
  elements.reduceRight<FieldSet>((inner, element) => ({ [element]: inner }), LEAF)

/** Those who own the number of replicas, as owners of the scale. Undefined where nobody does, or nobody can be read. */
export function ownersOfScale(
  stored: readonly ManagedFieldsEntry[] | undefined,
  paths: ReplicasPaths,
): ManagedFieldsEntry[] | undefined {
  const managers = new Map<string, Manager>()
  for (const [id, manager] of readManagers(stored, true) ?? []) {
    const path = paths.get(manager.apiVersion)
    if (path === undefined || !hasPath(manager.fields, elementsOf(path))) continue
    managers.set(id, { ...manager, apiVersion: SCALE_VERSION, fields: setOf(IN_SCALE) })
  }
  return writeManagers(managers)
}

/**
 * Owners of the object where `scale` are those of its scale. Who has lost the number loses it here; who has it through the scale owns
 * it in `apiVersion`, since no time that anybody knows. Versions that are not among `paths` are forgotten.
 */
export function ownersBehindScale(
  stored: readonly ManagedFieldsEntry[] | undefined,
  scale: readonly ManagedFieldsEntry[] | undefined,
  paths: ReplicasPaths,
  apiVersion: string,
): ManagedFieldsEntry[] | undefined {
  const before = readManagers(stored, true) ?? new Map<string, Manager>()
  const inScale = readManagers(scale, true) ?? new Map<string, Manager>()
  const managers = new Map<string, Manager>()
  for (const [id, manager] of before) {
    if (!paths.has(manager.apiVersion)) continue
    const left = inScale.delete(id) ? manager.fields : withoutReplicas(manager, paths)
    if (left === manager.fields || !isEmptySet(left)) managers.set(id, { ...manager, fields: left })
  }
  const own = paths.get(apiVersion)
  for (const [id, manager] of own === undefined ? [] : inScale) {
    if (!hasPath(manager.fields, IN_SCALE)) continue
    managers.set(id, { ...manager, apiVersion, fields: setOf(elementsOf(own!)), time: before.get(id)?.time })
  }
  return writeManagers(managers)
}

function withoutReplicas({ apiVersion, fields }: Manager, paths: ReplicasPaths): FieldSet {
  const path = paths.get(apiVersion)
  const elements = path === undefined ? undefined : elementsOf(path)
  return elements === undefined || !hasPath(fields, elements) ? fields : difference(fields, setOf(elements))
}
