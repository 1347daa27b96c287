/**
 * Brings what is stored of a resource into the version, or under the key, that is stored today, by writing every object as it
 * is (pkg/controller/storageversionmigrator, KEP-4192). Three loops on the same migrations: one says which may begin, one from
 * which version of the resource on nothing has to be done, one writes.
 */
import { CustomResourceDefinitions, StorageVersionMigrations } from '@canopus/api'
import type { CustomResourceDefinition } from '@canopus/api/apiextensions/v1'
import type { StorageVersionMigration } from '@canopus/api/storagemigration/v1beta1'
import {
  apiVersionOf,
  formatTime,
  hasReason,
  type KubeObject,
  type ResourceType,
  resourceVersionProblem,
} from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { createDiscovery, listPages } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, on, primary } from '@canopus/operator'
import {
  definitionFinished,
  definitionRunning,
  inState,
  isDue,
  isOld,
  needsVersion,
  outcome,
  PATIENCE,
  stopped,
  turnOf,
  unfitness,
} from './plan.ts'

const NAME = 'storage-version-migrator-controller'
const RUNNER = 'migration-runner-controller'

/** No namespace can have this name: a list of it costs nothing, and has the version of the whole resource. */
const NOWHERE = '@fake:svm_ns!'

export function createStorageVersionMigrator(context: ControllerContext): Controller {
  const find = createFinder(context)
  const loops = [createRunner(context), createVersionFinder(context, find), createMigrator(context, find)]
  return {
    name: NAME,
    run: async signal => void (await Promise.all(loops.map(loop => loop.run(signal)))),
  }
}

const keyOfResource = ({ spec: { resource } }: StorageVersionMigration): string =>
  JSON.stringify([resource.group, resource.resource])

/** One migration of a resource at a time; a custom resource's definition tells of it. */
function createRunner(context: ControllerContext): Controller {
  const { client, clock, informers } = context
  const migrations = informers.informer(StorageVersionMigrations)
  const resource = client.resource(StorageVersionMigrations)
  const definitions = client.resource(CustomResourceDefinitions)
  const now = (): string => formatTime(clock.now())
  return defineController(context, {
    name: RUNNER,
    workers: 1,
    triggers: [on(StorageVersionMigrations, ({ object }, enqueue) => enqueue(keyOfResource(object)))],
    async reconcile(key) {
      const { finished, next } = turnOf(migrations.lister.list().filter(each => keyOfResource(each) === key))
      for (const each of finished) {
        const succeeded = each.status?.conditions?.some(({ type, status }) => type === 'Succeeded' && status === 'True')
        await tellDefinition(each, crd => definitionFinished(crd, succeeded === true, now()))
        await resource.updateStatus(stopped(each, now()))
      }
      if (next !== undefined) {
        await tellDefinition(next, crd => definitionRunning(crd, next.metadata.name, now()))
        const words = { reason: 'MigrationRunning', message: 'The migration is running' }
        await resource.updateStatus(inState(next, 'Running', words, now()))
      }
      return undefined
    },
  })

  /** A conflict is tried again with the rest: the queue comes back. */
  async function tellDefinition(
    { spec }: StorageVersionMigration,
    statusOf: (crd: CustomResourceDefinition) => object,
  ): Promise<void> {
    const name = `${spec.resource.resource}.${spec.resource.group}`
    const crd = await definitions.get(name).catch(error => {
      if (hasReason(error, 'NotFound')) return undefined
      throw error
    })
    if (crd === undefined) return
    const { resourceVersion } = crd.metadata
    const type = { apiVersion: apiVersionOf(CustomResourceDefinitions), kind: CustomResourceDefinitions.kind }
    const applied = { ...type, metadata: { name, resourceVersion }, status: statusOf(crd) }
    await definitions.patch(name, 'apply', applied, { subresource: 'status', fieldManager: RUNNER, force: true })
  }
}

/** Writes down at which version of the resource a migration begins: what is written later is written as it should be. */
function createVersionFinder(context: ControllerContext, find: Find): Controller {
  const { client, informers } = context
  const migrations = informers.informer(StorageVersionMigrations)
  return defineController(context, {
    name: 'resource-version-controller',
    workers: 1,
    triggers: [primary(StorageVersionMigrations)],
    async reconcile(name, signal) {
      const migration = migrations.lister.get(name)
      if (migration === undefined || !needsVersion(migration)) return undefined
      const type = await find(migration, signal)
      if (type === undefined) return fail(context, migration, 'resource does not exist in discovery')
      const unfit = unfitness(type)
      if (unfit !== undefined) return fail(context, migration, unfit)
      const scope = type.namespaced ? { namespace: NOWHERE } : {}
      const { metadata } = await client.resource(type).list({ ...scope, limit: 1 })
      const resourceVersion = metadata.resourceVersion ?? ''
      const problem = resourceVersionProblem(resourceVersion)
      if (problem !== undefined) {
        const full = `${type.group}/${type.version}, Resource=${type.plural}`
        return fail(context, migration, `latest resourceVersion for ${full} is not valid: ${problem}`)
      }
      const changed = { ...migration, status: { ...migration.status, resourceVersion } }
      await client.resource(StorageVersionMigrations).updateStatus(changed)
      return undefined
    },
  })
}

/** Writes every object that is older than the migration. */
function createMigrator(context: ControllerContext, find: Find): Controller {
  const { client, clock, informers } = context
  const migrations = informers.informer(StorageVersionMigrations)
  return defineController(context, {
    name: NAME,
    triggers: [primary(StorageVersionMigrations)],
    async reconcile(name, signal) {
      const migration = migrations.lister.get(name)
      if (migration === undefined || !isDue(migration)) return undefined
      const type = await find(migration, signal)
      if (type === undefined) return failed(context, migration, 'unable to obtain GVR from discovery')
      const problem = await migrate(context, type, migration.status?.resourceVersion ?? '', signal)
      if (problem !== undefined) return failed(context, migration, problem)
      const words = { reason: 'StorageVersionMigrationSucceeded', message: '' }
      const done = inState(migration, 'Succeeded', words, formatTime(clock.now()))
      await client.resource(StorageVersionMigrations).updateStatus(done)
      return undefined
    },
  })
}

/** Answers why the migration failed for good. Throws where it may be tried again. */
async function migrate(
  { client }: ControllerContext,
  type: ResourceType<KubeObject>,
  since: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const resource = client.resource(type)
  const lists = listPages(resource, { resourceVersion: since, resourceVersionMatch: 'NotOlderThan', signal })
  for await (const { items } of lists) {
    for (const object of items) {
      if (!isOld(object, since)) continue
      const { name, namespace, uid, resourceVersion } = object.metadata
      const applied = { apiVersion: apiVersionOf(type), kind: type.kind, metadata: { uid, resourceVersion } }
      const scope = namespace === undefined ? {} : { namespace }
      try {
        await resource.patch(name, 'apply', applied, { ...scope, fieldManager: NAME, signal })
      } catch (error) {
        const what = outcome(error)
        if (what === 'retry') throw error
        if (what === 'fail') return messageOf(error)
      }
    }
  }
  return undefined
}

type Find = (migration: StorageVersionMigration, signal: AbortSignal) => Promise<ResourceType<KubeObject> | undefined>

/** Finds nothing where the server does not serve the resource. Throws where the migration is so young that it may yet. */
function createFinder({ client, clock }: ControllerContext): Find {
  const discover = createDiscovery(client.transport)
  return async ({ spec: { resource }, metadata }, signal) => {
    const { types } = await discover(signal)
    const found = types.find(({ group, plural }) => group === resource.group && plural === resource.resource)
    const age = clock.now() - (Date.parse(metadata.creationTimestamp ?? '') || 0)
    if (found === undefined && age < PATIENCE) throw new Error('the resource is not served yet')
    return found
  }
}

const failed = (context: ControllerContext, migration: StorageVersionMigration, problem: string): Promise<undefined> =>
  fail(context, migration, `migration encountered unhandled error: ${problem}`)

async function fail(
  { client, clock }: ControllerContext,
  migration: StorageVersionMigration,
  message: string,
): Promise<undefined> {
  const words = { reason: 'StorageVersionMigrationFailed', message }
  const next = inState(migration, 'Failed', words, formatTime(clock.now()))
  await client.resource(StorageVersionMigrations).updateStatus(next)
  return undefined
}
