import { metaFacts, SchemaSet, type StructSchema } from '@canopus/apimachinery'
import { facts } from './generated/facts.ts'

/** The schemas of every built-in message, by table name: `schemas.schemaOf('core.v1.Pod')`. */
export const schemas = new SchemaSet(metaFacts, facts)

const META_PACKAGE = 'am.apis.meta.v1'

/**
 * The table's name for a built-in kind, for example `rbac.v1.Role` for group `rbac.authorization.k8s.io`. Kinds that every
 * group serves (`Status`, `DeleteOptions`, `WatchEvent`, ...) are found whatever the group. Undefined where there is none.
 */
export function messageNameOf(kind: { group: string; version: string; kind: string }): string | undefined {
  const folder = kind.group === '' ? 'core' : kind.group.split('.')[0]!
  const name = `${folder}.${kind.version}.${kind.kind}`
  if (schemas.has(name)) return name
  const shared = `${META_PACKAGE}.${kind.kind}`
  return schemas.has(shared) ? shared : undefined
}

/** The schema of a built-in kind or its list, or undefined. */
export function schemaOfKind(kind: { group: string; version: string; kind: string }): StructSchema | undefined {
  const name = messageNameOf(kind)
  return name === undefined ? undefined : schemas.schemaOf(name)
}
