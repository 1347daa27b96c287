import type { KubeObject, ResourceType } from '@canopus/apimachinery'
import type { Informer, InformerFactory } from '@canopus/client'

type Scope = { namespace?: string; fieldSelector?: string; labelSelector?: string }

/** An informer factory that remembers what it was asked for. */
export class NotingInformers implements InformerFactory {
  readonly #informers: InformerFactory
  readonly #waits = new Map<unknown, (signal?: AbortSignal) => Promise<void>>()

  constructor(informers: InformerFactory) {
    this.#informers = informers
  }

  informer<T extends KubeObject>(type: ResourceType<T>, scope?: Scope): Informer<T> {
    const informer = this.#informers.informer(type, scope)
    this.#waits.set(type, signal => informer.waitForSync(signal))
    return informer
  }

  /** Whether somebody wants to know of objects of the type. */
  has(type: unknown): boolean {
    return this.#waits.has(type)
  }

  start(signal: AbortSignal): void {
    this.#informers.start(signal)
  }

  async waitForSync(signal?: AbortSignal): Promise<void> {
    await Promise.all([...this.#waits.values()].map(wait => wait(signal)))
  }
}
