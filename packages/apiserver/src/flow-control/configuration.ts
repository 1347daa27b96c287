/** The flow schemas and levels in force: what the objects say, and the mandatory ones also where nobody wrote them. */
import type { FlowSchema } from '@canopus/api/flowcontrol/v1'
import { MANDATORY_LEVELS, MANDATORY_SCHEMAS, type SchemaDraft } from './defaults.ts'
import { isSound, Level, type LevelObject } from './level.ts'

export type SchemaObject = FlowSchema | SchemaDraft

export interface Configuration {
  readonly levels: ReadonlyMap<string, Level>
  /** In the order in which they are tried. */
  readonly schemas: readonly SchemaObject[]
}

/**
 * Levels that stay keep their queues and those that wait in them; levels that go stay until they are idle
 * (`digestConfigObjects` upstream).
 */
export function digest(
  before: ReadonlyMap<string, Level>,
  levelObjects: readonly LevelObject[],
  schemaObjects: readonly SchemaObject[],
  now: number,
): Configuration {
  const levels = new Map<string, Level>()
  for (const object of levelObjects) {
    if (!isSound(object)) continue
    const level = before.get(object.metadata.name!) ?? new Level(object, now)
    level.object = object
    level.quiescing = false
    levels.set(level.name, level)
  }
  const schemas = schemaObjects
    .filter(({ spec }) => levels.has(spec.priorityLevelConfiguration.name))
    .sort(byPrecedence)
  for (const [name, level] of before) {
    if (levels.has(name) || MANDATORY_LEVELS.some(each => each.metadata.name === name) || level.queues.idle) continue
    level.quiescing = true
    levels.set(name, level)
  }
  for (const object of MANDATORY_LEVELS) {
    const name = object.metadata.name!
    if (!levels.has(name)) levels.set(name, before.get(name) ?? new Level(object, now))
  }
  const [exempt, catchAll] = MANDATORY_SCHEMAS
  if (!schemas.some(({ metadata }) => metadata.name === 'exempt')) schemas.unshift(exempt!)
  if (!schemas.some(({ metadata }) => metadata.name === 'catch-all')) schemas.push(catchAll!)
  return { levels, schemas }
}

function byPrecedence(a: SchemaObject, b: SchemaObject): number {
  const difference = a.spec.matchingPrecedence - b.spec.matchingPrecedence
  if (difference !== 0) return difference
  return a.metadata.name! < b.metadata.name! ? -1 : 1
}
