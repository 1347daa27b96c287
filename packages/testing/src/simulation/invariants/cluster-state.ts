import type { Node, Pod } from '@canopus/api/core/v1'
import { type KubeObject, milliValue } from '@canopus/apimachinery'
import type { Faults } from '../faults.ts'
import type { HistoryRecord } from '../history.ts'

/**
 * For so long, in milliseconds, a component may act on what was true: a broken watch is begun again after up to a minute
 * of back-off (reflector.go), and what it brings may be late.
 */
export const STALENESS = 90_000

/** One write, understood. */
export interface Change {
  readonly at: number
  /** The part of the key that names the kind, for example `pods` or `services/specs`. */
  readonly kind: string
  readonly key: string
  readonly object: KubeObject | undefined
  readonly before: KubeObject | undefined
}

/** The state of the store as writes make it, with some of its past. */
export class ClusterState {
  readonly #kinds = new Map<string, Map<string, KubeObject>>()
  readonly #podsByOwner = new Map<string, Set<string>>()
  readonly #podsByNode = new Map<string, Set<string>>()
  /** By uid, what a workload allowed and from when on. */
  readonly #limits = new Map<string, { at: number; value: number }[]>()
  readonly #faults: Faults
  readonly #gone = new Map<string, number>()
  readonly uids = new Set<string>()
  now = 0

  constructor(faults: Faults) {
    this.#faults = faults
  }

  /** What the write changed; nothing for kinds that no invariant is about. */
  apply(record: HistoryRecord): Change | undefined {
    const kind = kindOf(record.key)
    if (kind === undefined) return undefined
    this.now = record.at
    const objects = this.#of(kind)
    const before = objects.get(record.key)
    const object = record.type === 'put' ? (JSON.parse(DECODER.decode(record.value)) as KubeObject) : undefined
    if (object) objects.set(record.key, object)
    else {
      objects.delete(record.key)
      this.#gone.set(record.key, record.at)
    }
    if (before && before.metadata.uid !== object?.metadata.uid) this.uids.delete(before.metadata.uid)
    if (object) this.uids.add(object.metadata.uid)
    if (kind === 'pods') this.#index(record.key, before as Pod | undefined, object as Pod | undefined)
    return { at: record.at, kind, key: record.key, object, before }
  }

  list<T extends KubeObject>(kind: string): T[] {
    return [...this.#of(kind).values()] as T[]
  }

  get<T extends KubeObject>(kind: string, namespace: string, name: string): T | undefined {
    return this.#of(kind).get(`/registry/${kind}/${namespace === '' ? '' : `${namespace}/`}${name}`) as T | undefined
  }

  /** Every object of every kind. */
  *all(): Generator<{ kind: string; key: string; object: KubeObject }> {
    for (const [kind, objects] of this.#kinds) for (const [key, object] of objects) yield { kind, key, object }
  }

  podsOf(ownerUid: string): Pod[] {
    return this.#pods(this.#podsByOwner.get(ownerUid))
  }

  podsOn(node: string): Pod[] {
    return this.#pods(this.#podsByNode.get(node))
  }

  node(name: string): Node | undefined {
    return this.get<Node>('minions', '', name)
  }

  /** Remembers what a workload allows from now on. */
  allow(uid: string, value: number): void {
    const limits = this.#limits.get(uid) ?? []
    if (limits.at(-1)?.value === value) return
    limits.push({ at: this.now, value })
    this.#limits.set(uid, limits)
  }

  /** The least that it said within that time; 0 where it is younger. */
  leastSaid(uid: string): number {
    const limits = this.#limits.get(uid) ?? []
    if (limits.length === 0 || limits[0]!.at > this.now - STALENESS) return 0
    let least = limits.at(-1)!.value
    for (let index = limits.length - 1; index > 0 && limits[index]!.at > this.now - STALENESS; index--)
      least = Math.min(least, limits[index - 1]!.value)
    return least
  }

  /** The most that it allowed within the time that a component may be behind. */
  allowed(uid: string): number | undefined {
    const limits = this.#limits.get(uid)
    if (limits === undefined) return undefined
    let most = limits.at(-1)!.value
    for (let index = limits.length - 1; index > 0 && limits[index]!.at > this.now - STALENESS; index--)
      most = Math.max(most, limits[index - 1]!.value)
    return most
  }

  /**
   * Whether watches had trouble lately. Then what one watch brought may be newer than what another did, and whoever puts
   * both together sees what never was.
   */
  get watchesDisturbed(): boolean {
    return this.#faults.watchDisturbedAt > this.now - STALENESS
  }

  /** Whether an object with this key went within the time that a component may be behind. */
  vanished(key: string): boolean {
    return (this.#gone.get(key) ?? Number.NEGATIVE_INFINITY) > this.now - STALENESS
  }

  /** Writes whose authors do not know yet (or did not know once) that they were done: they may have done them again. */
  lost(method: string, path: string, ever = false): number {
    let count = 0
    const { lostAnswers } = this.#faults
    for (let index = lostAnswers.length - 1; index >= 0; index--) {
      const lost = lostAnswers[index]!
      if (!ever && lost.at < this.now - 2 * STALENESS) break
      if (lost.method === method && lost.path.includes(path)) count++
    }
    return count
  }

  #of(kind: string): Map<string, KubeObject> {
    let objects = this.#kinds.get(kind)
    if (objects === undefined) {
      objects = new Map()
      this.#kinds.set(kind, objects)
    }
    return objects
  }

  #pods(keys: ReadonlySet<string> | undefined): Pod[] {
    const pods = this.#of('pods')
    return [...(keys ?? [])].map(key => pods.get(key) as Pod)
  }

  #index(key: string, before: Pod | undefined, after: Pod | undefined): void {
    move(this.#podsByOwner, key, before && controllerOf(before), after && controllerOf(after))
    move(this.#podsByNode, key, before?.spec.nodeName, after?.spec.nodeName)
  }
}

const DECODER = new TextDecoder()

/** Heartbeats and events are the bulk of all writes, and nothing is said about them. */
function kindOf(key: string): string | undefined {
  const [, , first = '', second = ''] = key.split('/')
  if (first === 'leases' || first === 'events') return undefined
  return first === 'services' || first.includes('.') ? `${first}/${second}` : first
}

function move(index: Map<string, Set<string>>, key: string, from: string | undefined, to: string | undefined): void {
  if (from === to) return
  if (from !== undefined) index.get(from)?.delete(key)
  if (to === undefined) return
  const keys = index.get(to)
  if (keys) keys.add(key)
  else index.set(to, new Set([key]))
}

/** Uid of the controller that owns the object. */
export const controllerOf = (object: KubeObject): string | undefined =>
  object.metadata.ownerReferences?.find(owner => owner.controller)?.uid

export const isEnded = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
export const isActive = (pod: Pod): boolean => !isEnded(pod) && pod.metadata.deletionTimestamp === undefined
export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(each => each.type === 'Ready' && each.status === 'True') ?? false

/** What the pod's containers ask for of a resource, in thousandths. */
export function requested(pod: Pod, resource: string): number {
  return pod.spec.containers.reduce((sum, { resources }) => sum + milli(resources?.requests?.[resource]), 0)
}

export const milli = (quantity: string | undefined): number => (quantity === undefined ? 0 : milliValue(quantity))
