import type { Node, Pod } from '@canopus/api/core/v1'
import { type KubeObject, milliValue } from '@canopus/apimachinery'
import type { ComponentName } from '../control-plane.ts'
import type { Faults, LostAnswer } from '../faults.ts'
import type { HistoryRecord } from '../history.ts'

/**
 * For so long, in milliseconds, a component may go on by what it knew when it decided: several writes in a row, each of
 * which may be slow or be tried again.
 */
export const PONDERING = 15_000

/** The part of the key that names autoscalers. */
export const AUTOSCALERS = 'horizontalpodautoscalers'

/** Who acts, and by which collection it decides. */
export type Source = readonly [component: ComponentName, collection: string]

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

  /** From when on, in milliseconds since the start, what happened to the collection may not have reached the decision. */
  since([component, collection]: Source): number {
    return this.#faults.knowledge.knownUntil(component, collection) - PONDERING
  }

  /** The least that it said as its controller may see it; 0 where it may not have seen it. */
  leastSaid(uid: string, source: Source): number {
    const limits = this.#limits.get(uid) ?? []
    if (limits.length === 0 || limits[0]!.at > this.since(source)) return 0
    return Math.min(...this.#saidSince(limits, this.since(source)))
  }

  /** The most that it allowed as its controller may see it. */
  allowed(uid: string, source: Source): number | undefined {
    const limits = this.#limits.get(uid)
    return limits && Math.max(...this.#saidSince(limits, this.since(source)))
  }

  #saidSince(limits: readonly { at: number; value: number }[], since: number): number[] {
    const first = limits.findLastIndex(each => each.at <= since)
    return limits.slice(Math.max(0, first)).map(each => each.value)
  }

  /** Whether the component may not have noticed that the object with this key went. */
  vanished(key: string, source: Source): boolean {
    return (this.#gone.get(key) ?? Number.NEGATIVE_INFINITY) > this.since(source)
  }

  /** Writes that were done without their author being told: until it sees them by itself it may do them again. */
  lost(source: Source, wanted: (answer: LostAnswer) => boolean): number {
    const since = this.since(source)
    return this.#faults.lostAnswers.filter(each => each.at > since && wanted(each)).length
  }

  /** Of all times, how many pods of this owner were made without its controller being told. */
  unknownPods(ownerUid: string): number {
    return this.#faults.lostAnswers.filter(each => each.method === 'POST' && each.owner === ownerUid).length
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
