/**
 * Group versions of custom resources and of extension servers. Every server knows these by itself, so that what a peer once said of
 * them does not count; nor for a while after they are gone, until peers know that too (k8s.io/apiserver/pkg/util/peerproxy,
 * gv_exclusion_manager.go).
 */
import { APIServices, CustomResourceDefinitions } from '@canopus/api'
import type { Clock } from '@canopus/base'
import type { ObjectReader } from '../security.ts'

const GRACE = 5 * 60_000

export class OwnVersions {
  readonly #clock: Clock
  /** Group versions by who brings them. */
  readonly #there = new Map<string, readonly string[]>()
  /** When they went, by the monotonic clock. */
  readonly #gone = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Follows definitions and APIServices until the function that is returned is called. */
  follow(objects: ObjectReader, changed: () => void): () => void {
    const set = (key: string, versions: readonly string[]): void => {
      const before = this.#there.get(key) ?? []
      if (versions.length > 0) this.#there.set(key, versions)
      else this.#there.delete(key)
      for (const each of before) if (!versions.includes(each)) this.#gone.set(each, this.#clock.monotonic())
      if (before.join() !== versions.join()) changed()
    }
    const stops = [
      objects.onChange(CustomResourceDefinitions, ({ type, object: { metadata, spec } }) => {
        const served = spec.versions.filter(each => each.served).map(({ name }) => `${spec.group}/${name}`)
        set(`definition ${metadata.name}`, type === 'deleted' ? [] : served)
      }),
      objects.onChange(APIServices, ({ type, object: { metadata, spec } }) => {
        const remote = type !== 'deleted' && spec.service !== undefined
        set(`service ${metadata.name}`, remote ? [`${spec.group ?? ''}/${spec.version ?? ''}`] : [])
      }),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }

  /** Whether what peers say of this group version does not count. */
  has(groupVersion: string): boolean {
    const since = this.#gone.get(groupVersion)
    if (since !== undefined && this.#clock.monotonic() - since <= GRACE) return true
    return [...this.#there.values()].some(versions => versions.includes(groupVersion))
  }
}
