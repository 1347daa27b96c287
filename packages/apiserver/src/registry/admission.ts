/** Runs the admission chain: who changes an object first, and who may refuse it at the end. */

import type { Kind } from '@canopus/api'
import type { GroupVersionKind, KubeObject } from '@canopus/apimachinery'
import type { AdmissionAttributes, AdmissionPlugin, Operation, Reinvocation } from '../security.ts'
import type { WriteCall } from './call.ts'
import type { KindStore } from './kind-store.ts'
import { KindVersions } from './versions.ts'

export interface AdmissionTarget {
  readonly kind: Kind
  readonly operation: Operation
  readonly namespace: string
  readonly name: string
  readonly object: KubeObject | undefined
  readonly oldObject: KubeObject | undefined
  /** Kind of `object` where it is not the resource's own. */
  readonly objectKind?: GroupVersionKind
}

type ServedVersions = (kind: Kind) => readonly KindStore[]

/** There is a second round at most. */
class OneReinvocation implements Reinvocation {
  isReinvoke = false
  #requested = false
  #states: Map<string, unknown> | undefined

  request(): void {
    this.#requested = true
  }

  state<T>(name: string, create: () => T): T {
    this.#states ??= new Map()
    if (!this.#states.has(name)) this.#states.set(name, create())
    return this.#states.get(name) as T
  }

  /** Whether the second round is to be run now. */
  startOver(): boolean {
    if (!this.#requested || this.isReinvoke) return false
    this.isReinvoke = true
    return true
  }
}

export class AdmissionChain {
  #plugins: readonly AdmissionPlugin[] = []
  readonly #selected = new Map<string, { mutating: AdmissionPlugin[]; validating: AdmissionPlugin[] }>()
  #served: ServedVersions = () => []

  /** Who knows which versions of a kind are served. */
  setServed(served: ServedVersions): void {
    this.#served = served
  }

  /** The plugins are made after the registry, since they read objects through it. */
  setPlugins(plugins: readonly AdmissionPlugin[]): void {
    this.#plugins = plugins
    this.#selected.clear()
  }

  async mutate(call: WriteCall, target: AdmissionTarget): Promise<void> {
    const { mutating } = this.select(call, target)
    if (mutating.length === 0) return
    const reinvocation = new OneReinvocation()
    const attributes = attributesOf(call, target, reinvocation, this.#served)
    for (;;) {
      for (const plugin of mutating) {
        const pending = plugin.mutate!(attributes)
        if (pending instanceof Promise) await pending
      }
      if (!reinvocation.startOver()) return
    }
  }

  async validate(call: WriteCall, target: AdmissionTarget): Promise<void> {
    const { validating } = this.select(call, target)
    if (validating.length === 0) return
    const attributes = attributesOf(call, target, new OneReinvocation(), this.#served)
    for (const plugin of validating) {
      const pending = plugin.validate!(attributes)
      if (pending instanceof Promise) await pending
    }
  }

  private select(
    call: WriteCall,
    { kind, operation }: AdmissionTarget,
  ): {
    mutating: AdmissionPlugin[]
    validating: AdmissionPlugin[]
  } {
    const { group, plural } = kind.type
    const resource = `${group}/${plural}${call.subresource === '' ? '' : `/${call.subresource}`}`
    const id = `${operation} ${resource}`
    let selected = this.#selected.get(id)
    if (selected === undefined) {
      const concerned = this.#plugins.filter(
        plugin =>
          plugin.operations.includes(operation) &&
          (plugin.resources === undefined || plugin.resources.includes(resource)),
      )
      selected = {
        mutating: concerned.filter(plugin => plugin.mutate !== undefined),
        validating: concerned.filter(plugin => plugin.validate !== undefined),
      }
      this.#selected.set(id, selected)
    }
    return selected
  }
}

function attributesOf(
  call: WriteCall,
  target: AdmissionTarget,
  reinvocation: Reinvocation,
  served: ServedVersions,
): AdmissionAttributes {
  const { kind, operation, namespace, name, object, oldObject } = target
  const { group, version, plural } = kind.type
  return {
    operation,
    type: kind.type,
    resource: { group, version, resource: plural },
    kind: target.objectKind ?? { group, version, kind: kind.type.kind },
    subresource: call.subresource,
    namespace,
    name,
    object,
    oldObject,
    options: call.options,
    dryRun: call.dryRun,
    user: call.user,
    warn: text => {
      call.warnings.push(text)
    },
    annotate: (key, value, level) => call.audit?.annotate(key, value, level),
    reinvocation,
    get versions() {
      return new KindVersions(kind, call.subresource, served(kind))
    },
  }
}
