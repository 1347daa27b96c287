import { ConfigMaps, Secrets } from '@canopus/api'
import type { ConfigMap, Pod, Secret } from '@canopus/api/core/v1'
import type { KubeObject, ResourceType } from '@canopus/apimachinery'
import { type Clock, type Logger, type Random, sleep } from '@canopus/base'
import { type Client, createInformerFactory, type Informer, withoutManagedFields } from '@canopus/client'
import type { ReferencedObjects } from '../env/environment.ts'
import { type Reference, referencesOf } from './references.ts'

type Referenced = ConfigMap | Secret

export interface ObjectWatchesOptions {
  client: Client
  clock: Clock
  random: Random
  logger: Logger
  /** Told of a pod that refers to an object which has changed. */
  changed(uid: string): void
}

interface Watch {
  readonly reference: Reference
  /** Uids of the pods that refer to it. */
  readonly pods: Set<string>
  readAt: number
  /** While it is watched. */
  live: { informer: Informer<Referenced>; controller: AbortController } | undefined
  /** An object that never changes and need not be watched. */
  immutable: Referenced | undefined
}

/** Whoever asks for an object waits so long for its first state. */
const SYNC_WITHIN = 1_000
/** Objects that nobody read for so long are watched no more, until somebody does. */
const IDLE_AFTER = 300_000

const TYPES: Readonly<Record<Reference['kind'], ResourceType<Referenced>>> = {
  configMap: ConfigMaps as ResourceType<Referenced>,
  secret: Secrets as ResourceType<Referenced>,
}

/**
 * The config maps and secrets that this node's pods refer to: each has a watch of its own, since a node may see nothing else,
 * for as long as a pod refers to it. Immutable ones are read once (upstream pkg/kubelet/util/manager/watch_based_manager.go).
 */
export class ObjectWatches implements ReferencedObjects {
  readonly #options: ObjectWatchesOptions
  readonly #signal: AbortSignal
  readonly #watches = new Map<string, Watch>()
  readonly #byPod = new Map<string, ReadonlySet<string>>()

  /** Everything ends with the signal. */
  constructor(options: ObjectWatchesOptions, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
  }

  /** A pod is there, or has changed: what it refers to is watched from now on. */
  register(pod: Pod): void {
    const { uid } = pod.metadata
    const wanted = new Map(referencesOf(pod).map(reference => [keyOf(reference), reference]))
    for (const key of this.#byPod.get(uid) ?? []) if (!wanted.has(key)) this.#drop(key, uid)
    for (const [key, reference] of wanted) {
      const watch = this.#watches.get(key) ?? this.#begin(key, reference)
      watch.pods.add(uid)
    }
    this.#byPod.set(uid, new Set(wanted.keys()))
  }

  /** A pod is over: what it alone referred to is watched no more. */
  unregister(uid: string): void {
    for (const key of this.#byPod.get(uid) ?? []) this.#drop(key, uid)
    this.#byPod.delete(uid)
  }

  configMap(namespace: string, name: string): Promise<ConfigMap | undefined> {
    return this.#get({ kind: 'configMap', namespace, name }) as Promise<ConfigMap | undefined>
  }

  secret(namespace: string, name: string): Promise<Secret | undefined> {
    return this.#get({ kind: 'secret', namespace, name }) as Promise<Secret | undefined>
  }

  /** Ends the watches of what nobody has read in a while: objects that are for a container's start only. */
  prune(): void {
    const limit = this.#options.clock.monotonic() - IDLE_AFTER
    for (const watch of this.#watches.values())
      if (watch.live?.informer.synced && watch.readAt < limit) this.#end(watch)
  }

  /** How many objects are being watched. */
  get size(): number {
    return [...this.#watches.values()].filter(watch => watch.live !== undefined).length
  }

  #begin(key: string, reference: Reference): Watch {
    const { clock } = this.#options
    const watch: Watch = {
      reference,
      pods: new Set(),
      readAt: clock.monotonic(),
      live: undefined,
      immutable: undefined,
    }
    this.#watches.set(key, watch)
    this.#follow(watch)
    return watch
  }

  /** Starts the watch where it does not run. */
  #follow(watch: Watch): Informer<Referenced> {
    if (watch.live) return watch.live.informer
    const { namespace, name, kind } = watch.reference
    const factory = createInformerFactory({ ...this.#options, transform: withoutManagedFields })
    const informer = factory.informer(TYPES[kind], { namespace, fieldSelector: `metadata.name=${name}` })
    const controller = new AbortController()
    watch.live = { informer, controller }
    informer.addHandler({
      added: object => this.#seen(watch, object),
      updated: (_, object) => this.#seen(watch, object),
      deleted: () => this.#tell(watch),
    })
    factory.start(AbortSignal.any([controller.signal, this.#signal]))
    return informer
  }

  #seen(watch: Watch, object: Referenced): void {
    // its first state is what somebody waits for already
    if (watch.live?.informer.synced) this.#tell(watch)
    if (!object.immutable) return
    watch.immutable = object
    this.#end(watch)
  }

  #tell(watch: Watch): void {
    for (const uid of watch.pods) this.#options.changed(uid)
  }

  #end(watch: Watch): void {
    watch.live?.controller.abort()
    watch.live = undefined
  }

  #drop(key: string, uid: string): void {
    const watch = this.#watches.get(key)
    watch?.pods.delete(uid)
    if (watch === undefined || watch.pods.size > 0) return
    this.#end(watch)
    this.#watches.delete(key)
  }

  /** Throws where the object's state is not known in time, or no pod refers to it. */
  async #get(reference: Reference): Promise<KubeObject | undefined> {
    const { namespace, name, kind } = reference
    const watch = this.#watches.get(keyOf(reference))
    if (watch === undefined)
      throw new Error(`object ${JSON.stringify(namespace)}/${JSON.stringify(name)} not registered`)
    watch.readAt = this.#options.clock.monotonic()
    if (watch.immutable) return watch.immutable
    const informer = this.#follow(watch)
    if (!informer.synced && !(await this.#synced(informer)))
      throw new Error(`failed to sync ${kind.toLowerCase()} cache: timed out waiting for the condition`)
    return watch.immutable ?? informer.lister.get(name, namespace)
  }

  async #synced(informer: Informer<Referenced>): Promise<boolean> {
    const over = new AbortController()
    const limit = sleep(this.#options.clock, SYNC_WITHIN, AbortSignal.any([over.signal, this.#signal]))
    try {
      await Promise.race([informer.waitForSync(this.#signal), limit])
      return informer.synced
    } finally {
      limit.catch(() => {})
      over.abort()
    }
  }
}

const keyOf = ({ kind, namespace, name }: Reference): string => `${kind}/${namespace}/${name}`
