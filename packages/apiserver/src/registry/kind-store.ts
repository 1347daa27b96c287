/** Everything that the verbs of one kind share: where its objects are, and how they are read. */

import type { Kind, StrategyContext } from '@canopus/api'
import type { TimeRules } from '@canopus/apiextensions'
import {
  apiVersionOf,
  clone,
  type ErrorTarget,
  encodeJson,
  formatTime,
  internalError,
  type KubeObject,
  notFoundError,
  type StatusError,
  tooLargeResourceVersionError,
} from '@canopus/apimachinery'
import type { Clock, Histogram, Logger, Random } from '@canopus/base'
import type { KeyValue, Store } from '@canopus/store'
import type { KindCache } from '../cache/kind-cache.ts'
import { isStamped, ObjectVersion, sourceOf, stampedBytes, wereMadeOf } from '../cache/object-version.ts'
import type { WatchCache } from '../cache/watch-cache.ts'
import type { Maybe, User } from '../security.ts'
import type { AdmissionChain } from './admission.ts'
import type { WriteCall } from './call.ts'
import { RemoteConversion } from './remote-conversion.ts'
import { checkSize } from './size-limit.ts'

/** What the registry needs of the server. */
export interface RegistryContext {
  readonly store: Store
  readonly cache: WatchCache
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly admission: AdmissionChain
  /** Watches that do not say last so many seconds to twice that (`--min-request-timeout`). */
  readonly minRequestTimeout: number
  /** Whether watches may begin with the state (feature WatchList). */
  readonly watchLists: boolean
  /** Whether clients may be shown what a cache has, which may be behind; else they are shown what is stored, as far as they can tell. */
  isCached(kind: Kind): boolean
  /** How many objects of a collection are deleted at once; one where missing. */
  readonly deleteWorkers?: number | undefined
  /** Whether deletions say nothing of dependents, whatever clients ask for. */
  readonly leavesDependents?: boolean | undefined
  /** Around the rules of custom resources, for the metrics. */
  readonly timeRules: TimeRules
  /** Makes stamped JSON of stored bytes of another form. */
  normalise(bytes: Uint8Array, revision: number): Uint8Array
}

/** Undoes a reservation. */
export type Release = () => void

/** What a kind does in the server beyond its strategy, since it needs more than the object. */
export interface KindHooks {
  /**
   * Reserves what the object needs of the cluster (addresses, ports) and writes it into the object, before validation.
   * Called for dry runs too. The result undoes it, and is called where the write fails or was a dry run.
   */
  allocate?(object: KubeObject, old: KubeObject | undefined, dryRun: boolean): Maybe<Release>
  /**
   * Told after every change that was written, or turned out to be none, and (without `object`) after the object is gone; the
   * answer waits for it.
   */
  settled?(object: KubeObject | undefined, old: KubeObject): Maybe<void>
  /** Notes in a new object who made it, whatever the object says (certificate signing requests). */
  identify?(object: KubeObject, user: User): void
  /** Whether an object marked for deletion has nothing left to wait for besides its metadata.finalizers. */
  readyToVanish?(object: KubeObject): boolean
}

export class KindStore {
  readonly kind: Kind
  readonly context: RegistryContext
  readonly cache: KindCache
  readonly hooks: KindHooks
  readonly apiVersion: string
  /** Set where objects of other versions have to be sent away to be converted. */
  readonly remote: RemoteConversion | undefined
  /** Other versions of the same objects. */
  siblings: readonly KindStore[] = []
  /** How long lists by watch took, by the scope that was asked for. */
  readonly watchLists = new Map<string, Histogram>()

  constructor(kind: Kind, context: RegistryContext, hooks: KindHooks = {}) {
    this.kind = kind
    this.context = context
    this.hooks = hooks
    this.cache = context.cache.kind(kind.storagePrefix, kind.type.namespaced)
    this.apiVersion = apiVersionOf(kind.type)
    this.remote = kind.storedAs?.convert === undefined ? undefined : new RemoteConversion(kind)
  }

  target(name: string): ErrorTarget {
    return { group: this.kind.type.group, resource: this.kind.type.plural, name }
  }

  /** As `Invalid` errors name the object: by kind. */
  invalidTarget(name: string): ErrorTarget {
    const { type, findingsGroup = type.group } = this.kind
    return { group: findingsGroup, resource: type.kind, name }
  }

  notFound(name: string): StatusError {
    return notFoundError(this.target(name))
  }

  now(): StrategyContext {
    return { now: formatTime(this.context.clock.now()) }
  }

  /** The newest version. Throws StatusError 404. */
  async get(namespace: string, name: string): Promise<ObjectVersion> {
    const version = await this.find(namespace, name)
    if (version === undefined) throw this.notFound(name)
    return version
  }

  async find(namespace: string, name: string): Promise<ObjectVersion | undefined> {
    await this.context.cache.fresh()
    return this.cached(namespace, name)
  }

  /** Whether clients may be shown a state that has passed. */
  get isCached(): boolean {
    return this.context.isCached(this.kind)
  }

  /**
   * Waits until the cache shows at least this revision, which may be 0, or all that is stored where clients are not to see a cache.
   * Throws StatusError 504 where it does not.
   */
  atLeast(revision: number): Maybe<unknown> {
    const { cache } = this.context
    if (this.isCached) return revision === 0 ? undefined : cache.waitFor(revision)
    const check = (current: number): void => {
      if (current < revision) throw tooLargeResourceVersionError(revision, current, 0)
    }
    const fresh = cache.fresh()
    return fresh instanceof Promise ? fresh.then(check) : check(fresh)
  }

  /** What the cache shows now, fit to be viewed. */
  cached(namespace: string, name: string): Maybe<ObjectVersion | undefined> {
    if (this.cache.unreadable.size > 0) return this.reread(namespace, name).then(() => this.shown(namespace, name))
    return this.shown(namespace, name)
  }

  private shown(namespace: string, name: string): Maybe<ObjectVersion | undefined> {
    const version = this.cache.get(namespace, name)
    return version === undefined || this.remote === undefined ? version : this.remote.one(version)
  }

  /** What the store holds, fit to be viewed; `written` is what it was written from just now. */
  taken(kv: KeyValue, written?: KubeObject): Maybe<ObjectVersion> {
    const version = this.cachedVersion(kv) ?? this.versionOf(kv)
    // Only the answers of kinds with several forms are made of the object: the others' are the bytes.
    if (written !== undefined && this.kind.storedAs !== undefined) version.wasWrittenFrom(written)
    return this.remote === undefined ? version : this.remote.one(version)
  }

  /**
   * The bytes to be stored. Where readers in this process will ask for the object, it is remembered until they do. Throws
   * TooLargeError.
   */
  stamped(object: KubeObject, revision: number): Uint8Array {
    const bytes = stampedBytes(object, revision)
    checkSize(this.kind, object, bytes)
    if (this.cache.hub.readInProcess) wereMadeOf(bytes, object)
    return bytes
  }

  /** The cache mostly has it already: what is made of a version is then made once. */
  private cachedVersion({ key, revision }: KeyValue): ObjectVersion | undefined {
    const { namespace, name } = this.cache.parseKey(key)
    const version = this.cache.get(namespace, name)
    return version?.revision === revision ? version : undefined
  }

  /**
   * Tries once more to read what could not be read: one object, those of a namespace, or all (a plugin may be back that was not
   * there when the server started). Throws StatusError 500 where that is still so, since an object that is there and cannot be
   * read must not be taken for one that does not exist.
   */
  async reread(namespace?: string, name?: string): Promise<void> {
    const { unreadable } = this.cache
    const recovered: ObjectVersion[] = []
    let failure: unknown
    for (const key of [...unreadable.keys()]) {
      const parsed = this.cache.parseKey(key)
      if (namespace !== undefined && parsed.namespace !== namespace) continue
      if (name !== undefined && parsed.name !== name) continue
      const kv = await this.context.store.get(key)
      try {
        if (kv !== undefined) recovered.push(this.versionOf(kv))
      } catch (error) {
        failure ??= error
      }
    }
    this.cache.recover(recovered.filter(each => unreadable.has(each.key)))
    if (failure !== undefined) throw failure
  }

  /** A version as the cache would make it of what the store holds. Throws StatusError 500 where that cannot be read. */
  versionOf(kv: KeyValue): ObjectVersion {
    const { namespace, name } = this.cache.parseKey(kv.key)
    if (kv.unreadable !== undefined) throw internalError(kv.unreadable)
    const bytes = isStamped(kv.value, kv.revision) ? kv.value : this.normalised(kv)
    return new ObjectVersion(kv.key, namespace, name, bytes, kv.revision)
  }

  private normalised({ key, value, revision }: KeyValue): Uint8Array {
    try {
      return this.context.normalise(value, revision)
    } catch (error) {
      throw internalError(`unable to decode ${JSON.stringify(key)}: ${(error as Error).message}`)
    }
  }

  /**
   * The object in this endpoint's version; shared. Where conversion is remote, `version` must come from one of the methods above
   * that see to it.
   */
  view(version: ObjectVersion): KubeObject {
    const { storedAs } = this.kind
    return storedAs === undefined ? version.object : storedAs.fromStored(version.object)
  }

  /** The same, the caller's own. */
  privateView(version: ObjectVersion): KubeObject {
    const { storedAs } = this.kind
    const object = version.parsePrivate()
    return storedAs === undefined ? object : storedAs.fromStored(object)
  }

  /** What is stored of an object of this endpoint's version, remote conversion included. */
  toStored(object: KubeObject): Maybe<KubeObject> {
    return this.remote === undefined ? this.stored(object) : this.remote.toStored(object)
  }

  /** The object as an endpoint of another version has it; a new one. */
  convertTo(other: KindStore, object: KubeObject): Maybe<KubeObject> {
    if (this.remote !== undefined) return this.remote.convert(object, other.kind)
    const stored = clone(this.stored(object))
    const { storedAs } = other.kind
    return storedAs === undefined ? stored : storedAs.fromStored(stored)
  }

  /** Whether the bytes are of the version that is stored today. */
  isCurrent(version: ObjectVersion): boolean {
    if (this.kind.custom === undefined) return true
    return sourceOf(version).object.apiVersion === apiVersionOf(this.kind.storedAs?.type ?? this.kind.type)
  }

  /** What is stored of an object of this endpoint's version, where that takes no remote conversion. */
  stored(object: KubeObject): KubeObject {
    const { storedAs } = this.kind
    return storedAs === undefined ? object : storedAs.toStored(object)
  }

  /** A version of what would have been stored. */
  dryRunVersion(object: KubeObject, revision: number | undefined): ObjectVersion {
    const stored = this.remote === undefined ? this.stored(object) : object
    const { namespace = '', name } = object.metadata
    const bytes = revision === undefined ? Buffer.from(encodeJson(stored)) : stampedBytes(stored, revision)
    return new ObjectVersion(this.cache.keyOf(namespace, name), namespace, name, bytes, revision ?? 0)
  }

  /** Sends what the strategy has to remark: of parts that are written by themselves only what is said of them. */
  warn(call: WriteCall, object: KubeObject, old: KubeObject | undefined): void {
    const { strategy } = this.kind
    if (strategy.subresources?.[call.subresource] !== undefined) return
    const texts = call.subresource === 'status' ? strategy.statusWarnings?.(object) : strategy.warnings?.(object, old)
    if (texts !== undefined) call.warnings.push(...texts)
  }
}
