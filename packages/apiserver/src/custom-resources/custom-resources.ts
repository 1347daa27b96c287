/**
 * Serves what CustomResourceDefinitions define: follows them in the cache, keeps their status, and makes and withdraws kinds
 * before anybody can see that a definition is established or gone.
 */
import { CustomResourceDefinitions, type Kind } from '@canopus/api'
import type { CustomResourceDefinition } from '@canopus/api/apiextensions/v1'
import { customKinds, customStoragePrefix, versionsOf } from '@canopus/apiextensions'
import {
  formatTime,
  hasReason,
  isConditionTrue,
  methodNotSupportedError,
  type ResourceType,
} from '@canopus/apimachinery'
import type { WriteCall } from '../registry/call.ts'
import { KindStore } from '../registry/kind-store.ts'
import { trackUpdate } from '../registry/owners.ts'
import type { Resources } from '../registry/resources.ts'
import { updateObject } from '../registry/update.ts'
import type { ObjectReader } from '../security.ts'
import type { WebhookCaller } from '../webhook/client.ts'
import { cleanUp } from './clean-up.ts'
import { conversionWebhook } from './conversion-webhook.ts'
import { CLEANUP_FINALIZER } from './delete-definition.ts'
import { statusOf } from './names.ts'

/** A definition as it is served. */
interface Served {
  definition: CustomResourceDefinition
  /** What the kinds were made of. */
  readonly spec: string
  readonly kinds: ReadonlyMap<string, Kind>
  /** Of every version, served or not. */
  readonly stores: ReadonlyMap<string, KindStore>
  /** Versions that have endpoints. */
  readonly open: Set<string>
}

const OWN_WRITES: WriteCall = {
  user: { name: 'system:apiserver', groups: ['system:masters'] },
  dryRun: false,
  options: { kind: 'UpdateOptions', apiVersion: 'meta.k8s.io/v1' },
  subresource: 'status',
  manager: 'kube-apiserver',
  warnings: [],
}

export class CustomResources {
  readonly #resources: Resources
  readonly #changed: (type: ResourceType) => void
  readonly #served = new Map<string, Served>()
  /** The same by group, then by name: names are taken within a group. */
  readonly #groups = new Map<string, Map<string, Served>>()
  readonly #cleaning = new Set<string>()
  readonly #webhooks: WebhookCaller
  #states = 0

  /** `changed` hears of every group version whose kinds came, went or changed; `webhooks` calls those that convert. */
  constructor(resources: Resources, webhooks: WebhookCaller, changed: (type: ResourceType) => void) {
    this.#resources = resources
    this.#webhooks = webhooks
    this.#changed = changed
  }

  follow(objects: ObjectReader): void {
    objects.onChange(CustomResourceDefinitions, ({ type, object }) => {
      // What somebody else wrote into the store may be of no form at all; it must not keep the rest from being served.
      try {
        if (type === 'deleted') this.forget(object)
        else this.take(object)
      } catch (error) {
        this.#resources.context.logger.error('a definition cannot be served', { name: object.metadata.name, error })
      }
    })
  }

  private definitionsOf(group: string): CustomResourceDefinition[] {
    return Array.from(this.#groups.get(group)?.values() ?? [], ({ definition }) => definition)
  }

  private take(definition: CustomResourceDefinition): void {
    const served = this.serve(definition)
    const name = definition.metadata.name
    if (definition.metadata.deletionTimestamp !== undefined) {
      if ((definition.metadata.finalizers ?? []).includes(CLEANUP_FINALIZER)) this.cleanUp(name, served)
      return
    }
    const status = statusOf(definition, this.definitionsOf(definition.spec.group), '')
    if (status !== definition.status) void this.writeStatus(name)
  }

  /** Makes the kinds of this state of the definition, and opens and closes endpoints. */
  private serve(definition: CustomResourceDefinition): Served {
    const { name } = definition.metadata
    const before = this.#served.get(name)
    const spec = JSON.stringify([definition.metadata.uid, definition.spec])
    const served = before !== undefined && before.spec === spec ? before : this.make(definition, spec)
    served.definition = definition
    this.#served.set(name, served)
    const { group } = definition.spec
    const peers = this.#groups.get(group) ?? new Map<string, Served>()
    this.#groups.set(group, peers.set(name, served))
    const established = isConditionTrue(definition.status?.conditions, 'Established')
    if (before !== undefined && before !== served) this.close(before)
    for (const version of versionsOf(definition)) {
      const store = served.stores.get(version.name)!
      const open = established && version.served
      if (open === served.open.has(version.name)) continue
      if (!open) this.#resources.withdrawCustom(store.kind.type)
      else if (!this.#resources.serveCustom(store)) continue
      if (open) served.open.add(version.name)
      else served.open.delete(version.name)
      this.#changed(store.kind.type)
    }
    return served
  }

  private make(definition: CustomResourceDefinition, spec: string): Served {
    const { context } = this.#resources
    context.cache.addKind(customStoragePrefix(definition), definition.spec.scope === 'Namespaced')
    const convert = conversionWebhook(definition, { webhooks: this.#webhooks, random: context.random })
    const kinds = customKinds(definition, String(++this.#states), convert, context.timeRules)
    const stores = new Map<string, KindStore>()
    for (const [version, kind] of kinds) {
      stores.set(
        version,
        new KindStore(kind, context, { allocate: (_, old) => this.refuseWhileEnding(kind, definition, old) }),
      )
    }
    return { definition, spec, kinds, stores, open: new Set() }
  }

  /** Withdraws an older state; what stays is opened anew at once. Watches end, so that clients see the objects as they are from now on. */
  private close(before: Served): void {
    for (const version of before.open) {
      const { kind } = before.stores.get(version)!
      this.#resources.withdrawCustom(kind.type)
      this.#changed(kind.type)
    }
    for (const { cache } of before.stores.values()) cache.hub.endAll()
  }

  private refuseWhileEnding({ type }: Kind, { metadata }: CustomResourceDefinition, old: unknown): () => void {
    const now = this.#served.get(metadata.name)?.definition.status?.conditions
    if (old === undefined && isConditionTrue(now, 'Terminating')) {
      const error = methodNotSupportedError({ group: type.group, resource: type.plural }, 'create')
      error.status.message = 'create not allowed while custom resource definition is terminating'
      throw error
    }
    return () => {}
  }

  private forget(definition: CustomResourceDefinition): void {
    const { name } = definition.metadata
    const served = this.#served.get(name)
    if (served === undefined) return
    this.#served.delete(name)
    const { group } = definition.spec
    const peers = this.#groups.get(group)
    peers?.delete(name)
    if (peers?.size === 0) this.#groups.delete(group)
    this.close(served)
    if (this.hasStorage(definition)) this.#resources.context.cache.removeKind(customStoragePrefix(definition))
    // Names that it held may be free for others now.
    for (const other of this.definitionsOf(group)) {
      if (!isConditionTrue(other.status?.conditions, 'NamesAccepted')) this.take(other)
    }
  }

  /** Whether its objects would lie where those of no built-in kind do (definitions themselves, say). */
  private hasStorage(definition: CustomResourceDefinition): boolean {
    const prefix = customStoragePrefix(definition)
    return !this.#resources.kinds.some(({ custom, storagePrefix }) => custom === undefined && storagePrefix === prefix)
  }

  private async writeStatus(name: string): Promise<void> {
    await this.change(name, definition => {
      const now = formatTime(this.#resources.context.clock.now())
      return { ...definition, status: statusOf(definition, this.definitionsOf(definition.spec.group), now) }
    })
  }

  private cleanUp(name: string, { definition, stores }: Served): void {
    if (this.#cleaning.has(name)) return
    this.#cleaning.add(name)
    const versions = versionsOf(definition)
    const storage = versions.find(each => each.storage) ?? versions[0]
    const store = storage === undefined ? undefined : stores.get(storage.name)
    const change = (edit: (current: CustomResourceDefinition) => CustomResourceDefinition): Promise<void> =>
      this.change(name, edit)
    const { clock } = this.#resources.context
    void cleanUp(this.hasStorage(definition) ? store : undefined, clock, change)
      .catch(error => this.#resources.context.logger.error('custom objects could not be removed', { name, error }))
      .finally(() => this.#cleaning.delete(name))
  }

  /** Writes what only the server writes; a definition that is gone needs it no more. */
  private async change(
    name: string,
    edit: (current: CustomResourceDefinition) => CustomResourceDefinition,
  ): Promise<void> {
    const store = this.#resources.storeOf(CustomResourceDefinitions)!
    try {
      await updateObject(store, OWN_WRITES, '', name, {
        unconditional: true,
        admitted: true,
        produce: current => {
          const definition = current as CustomResourceDefinition
          const edited = edit({ ...definition, metadata: { ...definition.metadata } })
          trackUpdate(store, OWN_WRITES, edited, definition, definition.metadata.managedFields)
          return edited
        },
        tracked: true,
        prepare: () => {},
        validate: () => [],
      })
    } catch (error) {
      if (hasReason(error, 'NotFound')) return
      this.#resources.context.logger.error('the status of a definition could not be written', { name, error })
    }
  }
}
