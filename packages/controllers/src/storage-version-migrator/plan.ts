/** What a migration needs next, decided without asking anybody (pkg/controller/storageversionmigrator). */
import type { CustomResourceDefinition } from '@canopus/api/apiextensions/v1'
import type { StorageVersionMigration } from '@canopus/api/storagemigration/v1beta1'
import {
  compareResourceVersions,
  findCondition,
  isConditionTrue,
  type KubeObject,
  type ResourceType,
  StatusError,
  setCondition,
} from '@canopus/apimachinery'

/** A resource whose server is new may not be known yet: so many milliseconds are waited for it. */
export const PATIENCE = 60_000

const VERBS = ['update', 'patch', 'list']

export const isRunning = ({ status }: StorageVersionMigration): boolean =>
  isConditionTrue(status?.conditions, 'Running')
export const isOver = ({ status }: StorageVersionMigration): boolean =>
  isConditionTrue(status?.conditions, 'Succeeded') || isConditionTrue(status?.conditions, 'Failed')

/** Whether it may begin, and has yet to be told where. */
export const needsVersion = (migration: StorageVersionMigration): boolean =>
  isRunning(migration) && !isOver(migration) && !migration.status?.resourceVersion

/** Whether objects are to be written. */
export const isDue = (migration: StorageVersionMigration): boolean =>
  !isOver(migration) && !!migration.status?.resourceVersion

/** Of one resource, those that run no more and must say so, and the one that may begin: one at a time, the oldest first. */
export function turnOf(migrations: readonly StorageVersionMigration[]): {
  finished: StorageVersionMigration[]
  next: StorageVersionMigration | undefined
} {
  const running = migrations.filter(isRunning)
  const waiting = migrations.filter(each => !isRunning(each) && !isOver(each))
  const [next] = waiting.sort((a, b) => timeOf(a) - timeOf(b) || (a.metadata.name < b.metadata.name ? -1 : 1))
  return { finished: running.filter(isOver), next: running.every(isOver) ? next : undefined }
}

const timeOf = ({ metadata }: StorageVersionMigration): number => Date.parse(metadata.creationTimestamp ?? '') || 0

/** The migration in another state; the same where it is in that state, or has left it. */
export function inState(
  migration: StorageVersionMigration,
  type: 'Running' | 'Succeeded' | 'Failed',
  words: { reason: string; message: string },
  now: string,
): StorageVersionMigration {
  const { conditions = [] } = migration.status ?? {}
  if (findCondition(conditions, type)) return migration
  const condition = { type, status: 'True', lastTransitionTime: now, ...words }
  return { ...migration, status: { ...migration.status, conditions: [...conditions, condition] } }
}

/** The migration with `Running` taken back. */
export function stopped(migration: StorageVersionMigration, now: string): StorageVersionMigration {
  const words = { reason: 'MigrationCompleted', message: 'Migration completed' }
  const { generation } = migration.metadata
  const seen = generation === undefined ? {} : { observedGeneration: generation }
  const condition = { type: 'Running', status: 'False', ...words, ...seen }
  const conditions = [...setCondition(migration.status?.conditions, condition, now)]
  return { ...migration, status: { ...migration.status, conditions } }
}

interface DefinitionStatus {
  conditions: object[]
  storedVersions?: string[]
}

/** What the definition of a custom resource says while it is migrated. */
export const definitionRunning = (
  { metadata }: CustomResourceDefinition,
  migration: string,
  now: string,
): DefinitionStatus => ({
  conditions: [migrating('True', 'MigrationRunning', `Migration ${migration} is running`, metadata.generation, now)],
})

/** What it says afterwards. The versions that nothing lies in any more go, unless the definition changed meanwhile. */
export function definitionFinished(crd: CustomResourceDefinition, succeeded: boolean, now: string): DefinitionStatus {
  const { generation } = crd.metadata
  const begun = findCondition(crd.status?.conditions, 'StorageMigrating')
  const asBefore = begun !== undefined && (begun.observedGeneration ?? 0) === (generation ?? 0)
  const reason = succeeded ? 'MigrationSucceeded' : 'MigrationFailed'
  const versions = asBefore
    ? ' and the stored versions have been updated'
    : ' but the stored versions have not been updated due to a generation mismatch'
  const message = succeeded ? `The migration has succeeded${versions}` : 'The migration has failed'
  const stored = asBefore ? crd.spec.versions?.find(({ storage }) => storage) : undefined
  return {
    conditions: [migrating('False', reason, message, generation, now)],
    ...(stored === undefined ? {} : { storedVersions: [stored.name] }),
  }
}

function migrating(
  status: string,
  reason: string,
  message: string,
  generation: number | undefined,
  now: string,
): object {
  const condition = { type: 'StorageMigrating', status, reason, message, lastTransitionTime: now }
  return generation === undefined ? condition : { ...condition, observedGeneration: generation }
}

/** What keeps a resource from being migrated at all. */
export function unfitness(type: ResourceType): string | undefined {
  if (VERBS.every(verb => type.verbs.includes(verb))) return undefined
  const name = `${type.group}/${type.version}, Resource=${type.plural}`
  return `resource ${JSON.stringify(name)} does not support discovery operations: [${VERBS.join(' ')}]`
}

/** Whether an object was last written before the migration began. */
export const isOld = ({ metadata }: KubeObject, since: string): boolean =>
  compareResourceVersions(metadata.resourceVersion ?? '', since) <= 0

const RETRIED: ReadonlySet<string> = new Set([
  'ServerTimeout',
  'TooManyRequests',
  'ServiceUnavailable',
  'InternalError',
  'Timeout',
])

/** What became of an object that could not be written. */
export function outcome(error: unknown): 'skip' | 'retry' | 'fail' {
  // Where there was no answer at all, there may be one the next time.
  if (!(error instanceof StatusError)) return 'retry'
  if (error.reason === 'Conflict') return 'skip'
  return RETRIED.has(error.reason) || error.code === 429 ? 'retry' : 'fail'
}
