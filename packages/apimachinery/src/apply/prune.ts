/**
 * What an applier owned, does not apply any more and nobody else owns goes (sigs.k8s.io/structured-merge-diff/merge/update.go,
 * prune).
 */
import { mentioned } from './collect.ts'
import { difference, EMPTY, type FieldSet, intersection, isEmptySet, union } from './field-set.ts'
import type { Manager } from './managers.ts'
import { rootOf, saying, schemaIn, type WriteScope } from './ownership.ts'
import { removeFields, withNamedFields } from './remove.ts'
import type { Plain } from './shape.ts'

/** The merged object without what `last` held alone. */
export function prune(
  scope: WriteScope,
  merged: Plain,
  managers: ReadonlyMap<string, Manager>,
  id: string,
  last: Manager,
): Plain {
  const { apiVersion: version, fields: wanted } = managers.get(id)!
  if (isEmptySet(last.fields)) return merged
  // What was applied then is applied now: everything would come back.
  if (version === last.apiVersion && !scope.versions?.mayFail && isEmptySet(difference(last.fields, wanted)))
    return merged
  const versioned = saying('failed to convert merged object to last applied version', () =>
    inVersion(scope, merged, scope.apiVersion, last.apiVersion),
  )
  const schema = schemaIn(scope, last.apiVersion)
  if (versioned === undefined || schema === undefined) return merged
  const root = rootOf(schema)
  const named = (set: FieldSet): FieldSet => withNamedFields(root, set)
  const without = (object: Plain, set: FieldSet): Plain => (removeFields(root, object, set) ?? {}) as Plain

  const bare = without(versioned, named(last.fields))
  const kept = saying('failed add back owned items', () =>
    addBackOwned(scope, versioned, bare, last.apiVersion, managers),
  )
  // Only what the applier itself had goes: the rest is nobody's, and stays.
  const lost = difference(named(mentioned(root, versioned)), named(mentioned(root, kept)))
  const pruned = without(versioned, intersection(lost, named(last.fields)))
  return inVersion(scope, pruned, last.apiVersion, version) ?? merged
}

/** Brings back what others, or the new configuration, own. */
function addBackOwned(
  scope: WriteScope,
  merged: Plain,
  pruned: Plain,
  prunedVersion: string,
  managers: ReadonlyMap<string, Manager>,
): Plain {
  const owned = new Map<string, FieldSet>([[prunedVersion, EMPTY]])
  for (const { apiVersion, fields } of managers.values()) {
    owned.set(apiVersion, union(owned.get(apiVersion) ?? EMPTY, fields))
  }
  let kept = pruned
  for (const [apiVersion, fields] of owned) {
    const schema = schemaIn(scope, apiVersion)
    const into = (what: string, object: Plain): Plain | undefined =>
      saying(`failed to convert ${what} object at version ${apiVersion}`, () =>
        inVersion(scope, object, prunedVersion, apiVersion),
      )
    const all = into('merged', merged)
    const some = into('pruned', kept)
    if (schema === undefined || all === undefined || some === undefined) continue
    const root = rootOf(schema)
    const named = (set: FieldSet): FieldSet => withNamedFields(root, set)
    const gone = difference(named(mentioned(root, all)), union(named(mentioned(root, some)), named(fields)))
    const back = (removeFields(root, all, gone) ?? {}) as Plain
    kept = inVersion(scope, back, apiVersion, prunedVersion) ?? kept
  }
  return kept
}

function inVersion(scope: WriteScope, object: Plain, from: string, to: string): Plain | undefined {
  return from === to ? object : scope.versions?.convert(object, from, to)
}
