/** Every resource that is served, by group, version and plural. */
import type { Kind } from '@canopus/api'
import { parseApiVersion, type ResourceType } from '@canopus/apimachinery'
import { deleteDefinition } from '../custom-resources/delete-definition.ts'
import type { Encoders } from '../encoding/encoders.ts'
import { type DeleteVerb, Endpoint } from './endpoint.ts'
import { type KindHooks, KindStore, type RegistryContext } from './kind-store.ts'
import { deleteNamespace, namespaceHooks } from './namespace.ts'

export interface ResourcesOptions {
  readonly context: RegistryContext
  readonly encoders: Encoders
  readonly kinds: readonly Kind[]
  readonly virtualKinds: readonly Kind[]
  /** Whether clients find a resource; all where missing. The server itself has those that they do not find. */
  readonly isServed?: (type: ResourceType) => boolean
  /** Where a kind is stored; where the context says, where missing. */
  readonly placeOf?: (kind: Kind) => Pick<RegistryContext, 'store' | 'cache'>
  /** By `group/plural`. */
  readonly hooks?: Readonly<Record<string, KindHooks>>
}

const HOOKS: Readonly<Record<string, KindHooks>> = {
  '/namespaces': namespaceHooks,
}

const DELETE_VERBS: Readonly<Record<string, DeleteVerb>> = {
  '/namespaces': deleteNamespace,
  'apiextensions.k8s.io/customresourcedefinitions': deleteDefinition,
}

export class Resources {
  readonly encoders: Encoders
  readonly context: RegistryContext
  readonly #endpoints = new Map<string, Map<string, Endpoint>>()
  readonly #virtual = new Map<string, Map<string, Kind>>()
  /** Those that clients do not find. */
  readonly #hidden = new Map<string, Map<string, Endpoint>>()
  /** Group versions that are this server's own, whatever else may be defined in them. */
  readonly #builtIn: ReadonlySet<string>

  constructor(options: ResourcesOptions) {
    this.encoders = options.encoders
    this.context = options.context
    const hooks = { ...HOOKS, ...options.hooks }
    const { isServed = () => true, placeOf = () => options.context } = options
    for (const kind of options.kinds) {
      const into = isServed(kind.type) ? this.#endpoints : this.#hidden
      this.add(into, this.stored(kind, placeOf(kind), hooks[`${kind.type.group}/${kind.type.plural}`]))
    }
    for (const kind of options.virtualKinds) if (isServed(kind.type)) put(this.#virtual, kind.type, kind)
    this.#builtIn = new Set([...this.#endpoints.keys(), ...this.#virtual.keys()])
  }

  get kinds(): Kind[] {
    const stored = [...this.#endpoints.values()].flatMap(each => [...each.values()].map(({ kind }) => kind))
    return [...stored, ...[...this.#virtual.values()].flatMap(each => [...each.values()])]
  }

  get types(): ResourceType[] {
    return this.kinds.map(({ type }) => type)
  }

  endpoint(group: string, version: string, plural: string): Endpoint | undefined {
    return this.#endpoints.get(`${group}/${version}`)?.get(plural)
  }

  virtual(group: string, version: string, plural: string): Kind | undefined {
    return this.#virtual.get(`${group}/${version}`)?.get(plural)
  }

  /** Whether versions of a group are this server's own. */
  isBuiltIn(group: string): boolean {
    for (const each of this.#builtIn) if (each.startsWith(`${group}/`)) return true
    return false
  }

  /** The stored resource that serves a kind. */
  ofKind(apiVersion: string, kind: string): ResourceType | undefined {
    const { group, version } = parseApiVersion(apiVersion)
    const endpoints = this.#endpoints.get(`${group}/${version}`)?.values() ?? []
    for (const endpoint of endpoints) if (endpoint.kind.type.kind === kind) return endpoint.kind.type
    return undefined
  }

  storeOf({ group, version, plural }: ResourceType): KindStore | undefined {
    const found = this.endpoint(group, version, plural) ?? this.#hidden.get(`${group}/${version}`)?.get(plural)
    return found?.store
  }

  /** Every served version of the objects of a kind. */
  servedVersions({ storagePrefix }: Kind): KindStore[] {
    const endpoints = [...this.#endpoints.values()].flatMap(each => [...each.values()])
    return endpoints.filter(({ kind }) => kind.storagePrefix === storagePrefix).map(({ store }) => store)
  }

  /** Serves a kind made at run time, in place of an older state of it. Built-in group versions take no others: false. */
  serveCustom(store: KindStore): boolean {
    const { group, version } = store.kind.type
    if (this.#builtIn.has(`${group}/${version}`)) return false
    put(this.#endpoints, store.kind.type, new Endpoint(store, this.encoders))
    return true
  }

  /** Stops serving a kind made at run time. */
  withdrawCustom({ group, version, plural }: ResourceType): void {
    const key = `${group}/${version}`
    const inner = this.#endpoints.get(key)
    if (inner?.get(plural)?.kind.custom === undefined) return
    inner.delete(plural)
    if (inner.size === 0) this.#endpoints.delete(key)
  }

  /** Versions of the same objects know each other. */
  private introduce(store: KindStore): void {
    const known = [...this.#endpoints.values()].flatMap(each => [...each.values()].map(endpoint => endpoint.store))
    const siblings = known.filter(each => each.kind.storagePrefix === store.kind.storagePrefix)
    store.siblings = siblings
    for (const each of siblings) each.siblings = [...each.siblings, store]
  }

  private stored(kind: Kind, { store, cache }: Pick<RegistryContext, 'store' | 'cache'>, hooks?: KindHooks): KindStore {
    const isElsewhere = cache !== this.context.cache
    return new KindStore(kind, isElsewhere ? { ...this.context, store, cache } : this.context, hooks)
  }

  private add(into: Map<string, Map<string, Endpoint>>, store: KindStore): void {
    const { kind } = store
    this.introduce(store)
    put(into, kind.type, new Endpoint(store, this.encoders, DELETE_VERBS[`${kind.type.group}/${kind.type.plural}`]))
  }
}

function put<T>(into: Map<string, Map<string, T>>, { group, version, plural }: ResourceType, value: T): void {
  const key = `${group}/${version}`
  const inner = into.get(key) ?? new Map<string, T>()
  into.set(key, inner.set(plural, value))
}
