/** Every resource that is served, by group, version and plural. */
import type { Kind } from '@canopus/api'
import type { ResourceType } from '@canopus/apimachinery'
import type { Encoders } from '../encoding/encoders.ts'
import { certificateSigningRequestHooks } from './certificate-signing-request.ts'
import { Endpoint } from './endpoint.ts'
import { type KindHooks, KindStore, type RegistryContext } from './kind-store.ts'
import { deleteNamespace, namespaceHooks } from './namespace.ts'

export interface ResourcesOptions {
  readonly context: RegistryContext
  readonly encoders: Encoders
  readonly kinds: readonly Kind[]
  readonly virtualKinds: readonly Kind[]
  /** By `group/plural`. */
  readonly hooks?: Readonly<Record<string, KindHooks>>
}

const HOOKS: Readonly<Record<string, KindHooks>> = {
  '/namespaces': namespaceHooks,
  'certificates.k8s.io/certificatesigningrequests': certificateSigningRequestHooks,
}

export class Resources {
  readonly encoders: Encoders
  readonly context: RegistryContext
  readonly #endpoints = new Map<string, Map<string, Endpoint>>()
  readonly #virtual = new Map<string, Map<string, Kind>>()

  constructor(options: ResourcesOptions) {
    this.encoders = options.encoders
    this.context = options.context
    const hooks = { ...HOOKS, ...options.hooks }
    for (const kind of options.kinds) this.add(kind, hooks[`${kind.type.group}/${kind.type.plural}`])
    for (const kind of options.virtualKinds) {
      put(this.#virtual, kind.type, kind)
    }
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

  storeOf(type: ResourceType): KindStore | undefined {
    return this.endpoint(type.group, type.version, type.plural)?.store
  }

  private add(kind: Kind, hooks: KindHooks | undefined): void {
    const isNamespace = hooks === namespaceHooks
    const store = new KindStore(kind, this.context, hooks)
    put(this.#endpoints, kind.type, new Endpoint(store, this.encoders, isNamespace ? deleteNamespace : undefined))
  }
}

function put<T>(into: Map<string, Map<string, T>>, { group, version, plural }: ResourceType, value: T): void {
  const key = `${group}/${version}`
  const inner = into.get(key) ?? new Map<string, T>()
  into.set(key, inner.set(plural, value))
}
