/** One informer per kind that can be collected, following what the server serves. */

import { allResourceTypes } from '@canopus/api'
import { apiVersionOf, groupResourceOf, type KubeObject, type ResourceType } from '@canopus/apimachinery'
import {
  createDiscovery,
  createInformerFactory,
  type Discovered,
  type Informer,
  withoutManagedFields,
} from '@canopus/client'
import type { ControllerContext } from '@canopus/operator'

/** Nobody owns by or through events, and there are many. */
const IGNORED = new Set(['events', 'events.events.k8s.io'])

export interface MonitorHandler {
  observed(object: KubeObject, type: ResourceType): void
  gone(object: KubeObject): void
}

interface Monitor {
  type: ResourceType
  informer: Informer<KubeObject>
  stop(): void
}

export class Monitors {
  readonly #context: ControllerContext
  readonly #handler: MonitorHandler
  readonly #monitors = new Map<string, Monitor>()
  readonly #discover: (signal: AbortSignal) => Promise<Discovered>
  #types: readonly ResourceType[] = []

  constructor(context: ControllerContext, handler: MonitorHandler) {
    this.#context = context
    this.#discover = createDiscovery(context.client.transport)
    this.#handler = handler
  }

  /** The kind that an owner reference speaks of; any served version of the group will do. */
  typeOf(apiVersion: string, kind: string): ResourceType | undefined {
    const group = apiVersion.includes('/') ? apiVersion.split('/')[0]! : ''
    return (
      this.#types.find(type => type.kind === kind && apiVersionOf(type) === apiVersion) ??
      this.#types.find(type => type.kind === kind && type.group === group)
    )
  }

  /** Asks what is served, starts what is new and stops what is gone. */
  async refresh(signal: AbortSignal): Promise<void> {
    const { types, stale } = await this.#discover(signal)
    // A group whose server is down for a moment has not gone away.
    const staleGroups = new Set(stale.map(each => each.split('/')[0]))
    const kept = this.#types.filter(type => staleGroups.has(type.group))
    this.#types = [
      ...types,
      ...kept.filter(type => !types.some(each => groupResourceOf(each) === groupResourceOf(type))),
    ]
    const wanted = new Map<string, ResourceType>()
    for (const type of this.#types) {
      const name = groupResourceOf(type)
      const isCollectable = ['list', 'watch', 'delete'].every(verb => type.verbs.includes(verb))
      if (isCollectable && !IGNORED.has(name)) wanted.set(name, type)
    }
    for (const [name, monitor] of this.#monitors) {
      if (wanted.has(name)) continue
      monitor.stop()
      this.#monitors.delete(name)
    }
    for (const [name, type] of wanted) {
      if (!this.#monitors.has(name)) this.#monitors.set(name, this.#start(type, signal))
    }
  }

  /** Resolves once all kinds have been listed. */
  async waitForSync(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#monitors.values()].map(monitor => monitor.informer.waitForSync(signal)))
  }

  stop(): void {
    for (const monitor of this.#monitors.values()) monitor.stop()
    this.#monitors.clear()
  }

  #start(served: ResourceType, signal: AbortSignal): Monitor {
    const builtIn = allResourceTypes.find(
      type => groupResourceOf(type) === groupResourceOf(served) && type.version === served.version,
    )
    const type = builtIn ?? served
    const stop = new AbortController()
    let informers = this.#context.informers
    if (!builtIn) {
      // Custom kinds come and go: theirs are informers of our own, which can be stopped.
      informers = createInformerFactory({ ...this.#context, transform: withoutManagedFields })
      informers.start(AbortSignal.any([signal, stop.signal]))
    }
    const informer = informers.informer(type)
    const remove = informer.addHandler({
      added: object => this.#handler.observed(object, type),
      updated: (_old, object) => this.#handler.observed(object, type),
      deleted: object => this.#handler.gone(object),
    })
    return {
      type,
      informer,
      stop: () => {
        remove()
        stop.abort()
        if (!builtIn) for (const object of informer.lister.list()) this.#handler.gone(object)
      },
    }
  }
}
