/**
 * Keeps an APIService for every group version that this server serves itself (k8s.io/kube-aggregator
 * pkg/controllers/autoregister and pkg/controlplane/controller/crdregistration).
 */
import { APIServices, CustomResourceDefinitions } from '@canopus/api'
import type { CustomResourceDefinition } from '@canopus/api/apiextensions/v1'
import type { APIService, APIServiceSpec } from '@canopus/api/apiregistration/v1'
import { versionsOf } from '@canopus/apiextensions'
import { type Draft, deepEqual, hasReason, type ResourceType } from '@canopus/apimachinery'
import type { Clock, Logger } from '@canopus/base'
import type { Client } from '@canopus/client'
import { runWorkers, WorkQueue } from '@canopus/operator'
import type { ObjectReader } from '../security.ts'
import { builtInPriority, CUSTOM_PRIORITY, type Priority } from './priorities.ts'

/** The label by which APIServices are known that the server keeps itself. */
export const AUTO_MANAGED = 'kube-aggregator.kubernetes.io/automanaged'

/** Once at every start, or always. */
export type Management = 'onstart' | 'true'

export interface Desired {
  readonly management: Management
  readonly spec: APIServiceSpec
}

export const apiServiceName = (group: string, version: string): string => `${version}.${group}`

/** What has to be done for one name. */
export type Registration = 'keep' | 'create' | 'update' | 'delete'

/** What is known of a name besides the objects themselves. */
export interface RegistrationFacts {
  /** Whether the object existed when the server started. */
  readonly atStart: boolean
  /** Whether this server has once brought it into order. */
  readonly synced: boolean
}

/** Decides for one name: what is served, what exists, and what was done before. Objects without the label are left alone. */
export function planRegistration(
  desired: Desired | undefined,
  current: APIService | undefined,
  { atStart, synced }: RegistrationFacts,
): Registration {
  if (desired?.management === 'onstart' && synced) return 'keep'
  if (current === undefined) return desired === undefined ? 'keep' : 'create'
  const management = current.metadata.labels?.[AUTO_MANAGED]
  if (management !== 'onstart' && management !== 'true') return 'keep'
  if (management === 'onstart' && (!atStart || synced)) return 'keep'
  if (desired === undefined) return 'delete'
  return deepEqual(current.spec, desired.spec) ? 'keep' : 'update'
}

/** The APIServices of the group versions that the server brings along. */
export function builtInRegistrations(types: Iterable<ResourceType>): Map<string, Desired> {
  const result = new Map<string, Desired>()
  for (const { group, version } of types) {
    const priority = builtInPriority(group, version)
    if (priority === undefined) continue
    result.set(apiServiceName(group, version), { management: 'onstart', spec: specOf(group, version, priority) })
  }
  return result
}

/** The APIServices of all versions that these definitions serve. */
export function customRegistrations(definitions: Iterable<CustomResourceDefinition>): Map<string, Desired> {
  const result = new Map<string, Desired>()
  for (const definition of definitions) {
    const { spec } = definition
    for (const { name, served } of versionsOf(definition)) {
      if (!served) continue
      result.set(apiServiceName(spec.group, name), {
        management: 'true',
        spec: specOf(spec.group, name, CUSTOM_PRIORITY),
      })
    }
  }
  return result
}

function specOf(group: string, version: string, priority: Priority): APIServiceSpec {
  return {
    ...(group === '' ? {} : { group }),
    version,
    groupPriorityMinimum: priority.group,
    versionPriority: priority.version,
  }
}

/** Milliseconds from one attempt to the next at most. */
const LONGEST_PAUSE = 10_000

export interface AutoRegisterOptions {
  readonly objects: ObjectReader
  readonly client: Client
  readonly clock: Clock
  readonly logger: Logger
  /** The types that the server brings along. */
  readonly builtIn: Iterable<ResourceType>
}

export class AutoRegister {
  readonly #options: AutoRegisterOptions
  readonly #builtIn: ReadonlyMap<string, Desired>
  readonly #definitions = new Map<string, CustomResourceDefinition>()
  /** By name of the APIService, with the definitions that serve something in it. */
  readonly #custom = new Map<string, { readonly desired: Desired; readonly by: Set<string> }>()
  readonly #atStart = new Set<string>()
  readonly #synced = new Set<string>()
  readonly #queue: WorkQueue

  constructor(options: AutoRegisterOptions) {
    this.#options = options
    this.#builtIn = builtInRegistrations(options.builtIn)
    this.#queue = new WorkQueue({ clock: options.clock, maxBackoff: LONGEST_PAUSE })
  }

  /** Registers what is served now; to be called once the caches are filled and before `run`. */
  async start(): Promise<void> {
    const { objects, logger } = this.#options
    for (const { metadata } of objects.list(APIServices)) this.#atStart.add(metadata.name!)
    objects.onChange(CustomResourceDefinitions, ({ type, object }) => this.define(type === 'deleted', object))
    const names = new Set([...this.#builtIn.keys(), ...this.#custom.keys(), ...this.#atStart])
    await Promise.all(
      [...names].map(name =>
        this.sync(name).catch(error => {
          logger.warn('an APIService could not be registered, trying again', { name, error })
          this.#queue.addRateLimited(name)
        }),
      ),
    )
    objects.onChange(APIServices, ({ object }) => this.#queue.add(object.metadata.name!))
  }

  /** Keeps them so until the signal aborts. */
  run(signal: AbortSignal): Promise<void> {
    const reconcile = async (name: string): Promise<undefined> => {
      await this.sync(name)
    }
    return runWorkers({ queue: this.#queue, logger: this.#options.logger, workers: 5, reconcile }, signal)
  }

  private define(gone: boolean, definition: CustomResourceDefinition): void {
    const name = definition.metadata.name
    const before = this.#definitions.get(name)
    const affected = [before, definition]
    if (before !== undefined) this.withdraw(before)
    if (gone) this.#definitions.delete(name)
    else {
      this.#definitions.set(name, definition)
      this.want(definition)
    }
    for (const each of affected) {
      for (const version of each === undefined ? [] : versionsOf(each)) {
        this.#queue.add(apiServiceName(definition.spec.group, version.name))
      }
    }
  }

  private want(definition: CustomResourceDefinition): void {
    for (const [name, desired] of customRegistrations([definition])) {
      const known = this.#custom.get(name) ?? { desired, by: new Set() }
      known.by.add(definition.metadata.name)
      this.#custom.set(name, known)
    }
  }

  private withdraw(definition: CustomResourceDefinition): void {
    for (const name of customRegistrations([definition]).keys()) {
      const by = this.#custom.get(name)?.by
      by?.delete(definition.metadata.name)
      if (by?.size === 0) this.#custom.delete(name)
    }
  }

  private async sync(name: string): Promise<void> {
    const desired = this.#builtIn.get(name) ?? this.#custom.get(name)?.desired
    const current = this.#options.objects.get(APIServices, name)
    const facts = { atStart: this.#atStart.has(name), synced: this.#synced.has(name) }
    await this.carryOut(planRegistration(desired, current, facts), name, desired, current)
    this.#synced.add(name)
  }

  private async carryOut(
    action: Registration,
    name: string,
    desired: Desired | undefined,
    current: APIService | undefined,
  ): Promise<void> {
    const { client } = this.#options
    const resource = client.resource(APIServices)
    // Fails where there are definitions that cannot be read: one of them may serve what seems to be left over.
    if (action === 'delete') await client.resource(CustomResourceDefinitions).list({ limit: 1 })
    try {
      if (action === 'create') await resource.create(draftOf(name, desired!))
      if (action === 'update') await resource.update({ ...current!, spec: desired!.spec })
      if (action === 'delete') {
        await resource.delete(name, { body: { preconditions: { uid: current!.metadata.uid! } } })
      }
    } catch (error) {
      // Somebody was faster: the change that they made brings us here again.
      if (!['AlreadyExists', 'NotFound', 'Conflict'].some(reason => hasReason(error, reason))) throw error
    }
  }
}

function draftOf(name: string, { management, spec }: Desired): Draft<APIService> {
  return { metadata: { name, labels: { [AUTO_MANAGED]: management } }, spec }
}
