import { type Clock, type Deferred, deferred, Heap, type Timer } from '@canopus/base'
import type { ClusterEvent, Profile, QueueOrder, Rejection } from './framework.ts'
import type { PodInfo } from './pod-info.ts'

/** A pod that waits for a node, or is being worked on. */
export interface QueuedPod extends QueueOrder {
  pod: PodInfo
  readonly queuedAt: number
  readonly sequence: number
  /** How often a node was looked for. */
  attempts: number
  state: 'active' | 'backoff' | 'unschedulable' | 'gated' | 'inFlight'
  /** When it came to the state; in back-off, when that ends. */
  until: number
  rejectedBy: ReadonlySet<string>
}

export interface QueueOptions {
  clock: Clock
  profile: Profile
  /** Milliseconds of the first back-off and of the longest. Defaults 1 s and 10 s, as upstream. */
  initialBackoff?: number
  maxBackoff?: number
  /** After so many milliseconds an unschedulable pod is tried again whatever happened. Default 5 minutes. */
  maxUnschedulable?: number
}

const FLUSH_INTERVAL = 30_000
/** How often a pod's back-off may be cut short: many hopeless pods must not keep the process busy with every event. */
const EARLY_ATTEMPTS = 5

/** A pod in back-off; void where the pod has left that state, or has come to it again. */
interface Waiting {
  entry: QueuedPod
  until: number
}

/**
 * Where pods wait for the scheduler, in three places: active (next to be tried, most important first), back-off (tried in
 * vain; the wait doubles from 1 s to 10 s, but the first ones end at once when there is nothing else to do),
 * unschedulable (nothing that could help has happened yet). Gated pods are in none.
 */
export class SchedulingQueue {
  readonly #clock: Clock
  readonly #profile: Profile
  readonly #initialBackoff: number
  readonly #maxBackoff: number
  readonly #maxUnschedulable: number
  readonly #pods = new Map<string, QueuedPod>()
  /** Those of them that are unschedulable, so that events need not look at all. */
  readonly #stuck = new Set<QueuedPod>()
  /** May hold pods that have left meanwhile; popping skips them. */
  readonly #active: Heap<QueuedPod>
  /** Back-off that may be cut short, and back-off that may not: after errors, and for pods tried many times in vain. */
  readonly #backoff = new Heap<Waiting>((a, b) => a.until - b.until || a.entry.sequence - b.entry.sequence)
  readonly #penalty = new Heap<Waiting>((a, b) => a.until - b.until || a.entry.sequence - b.entry.sequence)
  readonly #helps = new Map<string, ReadonlySet<ClusterEvent> | undefined>()
  #sequence = 0
  #waiting: Deferred<QueuedPod | undefined> | undefined
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #closed = false

  constructor(options: QueueOptions) {
    this.#clock = options.clock
    this.#profile = options.profile
    this.#initialBackoff = options.initialBackoff ?? 1000
    this.#maxBackoff = options.maxBackoff ?? 10_000
    this.#maxUnschedulable = options.maxUnschedulable ?? 5 * 60_000
    const sorter = options.profile.find(each => each.plugin.compare !== undefined)?.plugin
    this.#active = new Heap((a, b) => sorter?.compare?.(a, b) ?? a.sequence - b.sequence)
    for (const { plugin } of options.profile) {
      this.#helps.set(plugin.name, plugin.events === undefined ? undefined : new Set(plugin.events))
    }
  }

  /** How many pods are in each state. */
  sizes(): Record<QueuedPod['state'], number> {
    const sizes = { active: 0, backoff: 0, unschedulable: 0, gated: 0, inFlight: 0 }
    for (const entry of this.#pods.values()) sizes[entry.state]++
    return sizes
  }

  get(key: string): QueuedPod | undefined {
    return this.#pods.get(key)
  }

  /** A pod without a node was seen, new or changed. */
  set(pod: PodInfo): void {
    const entry = this.#pods.get(pod.key)
    if (entry === undefined || entry.pod.uid !== pod.uid) {
      this.remove(pod.key)
      this.#enqueue(this.#newEntry(pod))
      return
    }
    const changed = specChanged(entry.pod, pod)
    entry.pod = pod
    if (!changed) return
    if (entry.state === 'gated') this.#enqueue(entry)
    else if (entry.state === 'unschedulable' && this.#canHelp(entry, 'PodUpdate')) this.#activate(entry)
  }

  remove(key: string): void {
    const entry = this.#pods.get(key)
    if (entry === undefined) return
    this.#pods.delete(key)
    this.#enter(entry, 'inFlight')
  }

  #enter(entry: QueuedPod, state: QueuedPod['state']): void {
    entry.state = state
    if (state === 'unschedulable') this.#stuck.add(entry)
    else this.#stuck.delete(entry)
  }

  /** The next pod to be tried; waits for one. Nothing once the queue is closed. */
  pop(): Promise<QueuedPod | undefined> {
    const entry = this.#next()
    if (entry !== undefined || this.#closed) return Promise.resolve(entry)
    this.#waiting = deferred()
    return this.#waiting.promise
  }

  /** The next pod to be tried, if one is there; with nothing else to do, one whose back-off is not over yet. */
  #next(): QueuedPod | undefined {
    for (let entry = this.#active.pop(); entry !== undefined; entry = this.#active.pop()) {
      if (entry.state === 'active' && this.#isCurrent(entry)) return this.#take(entry)
    }
    for (let next = this.#backoff.pop(); next !== undefined; next = this.#backoff.pop()) {
      if (this.#isWaiting(next)) return this.#take(next.entry)
    }
    return undefined
  }

  #take(entry: QueuedPod): QueuedPod {
    this.#enter(entry, 'inFlight')
    entry.attempts++
    return entry
  }

  #isWaiting({ entry, until }: Waiting): boolean {
    return this.#isCurrent(entry) && entry.state === 'backoff' && entry.until === until
  }

  /** The pod found no node because of these plugins: it waits until something happens that they care about. */
  unschedulable(entry: QueuedPod, rejectedBy: ReadonlySet<string>): void {
    if (!this.#isCurrent(entry)) return
    entry.rejectedBy = rejectedBy
    this.#enter(entry, 'unschedulable')
    entry.until = this.#clock.now()
    this.#wakeAt(entry.until + this.#maxUnschedulable)
  }

  /** Something failed that may go well the next time. */
  retry(entry: QueuedPod): void {
    if (this.#isCurrent(entry)) this.#delay(entry, this.#penalty)
  }

  /** The pod has its node. */
  done(entry: QueuedPod): void {
    if (this.#isCurrent(entry)) this.#pods.delete(entry.pod.key)
  }

  /** Something happened in the cluster: pods that it may help are tried again, after their back-off. */
  move(event: ClusterEvent): void {
    for (const entry of [...this.#stuck])
      if (this.#canHelp(entry, event))
        this.#delay(entry, entry.attempts > EARLY_ATTEMPTS ? this.#penalty : this.#backoff)
  }

  /** Tries this pod again at once, whatever it waits for. */
  activate(key: string): void {
    const entry = this.#pods.get(key)
    if (entry?.state === 'unschedulable' || entry?.state === 'backoff') this.#activate(entry)
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#waiting?.resolve(undefined)
    this.#waiting = undefined
  }

  #newEntry(pod: PodInfo): QueuedPod {
    const queuedAt = this.#clock.now()
    const sequence = this.#sequence++
    const entry: QueuedPod = {
      pod,
      queuedAt,
      sequence,
      attempts: 0,
      state: 'gated',
      until: queuedAt,
      rejectedBy: new Set(),
    }
    this.#pods.set(pod.key, entry)
    return entry
  }

  #enqueue(entry: QueuedPod): void {
    const gate = this.#gate(entry.pod)
    if (gate === undefined) this.#activate(entry)
    else {
      this.#enter(entry, 'gated')
      entry.rejectedBy = new Set([gate.plugin])
    }
  }

  #gate(pod: PodInfo): Rejection | undefined {
    for (const { plugin } of this.#profile) {
      const rejection = plugin.preEnqueue?.(pod)
      if (rejection !== undefined) return rejection
    }
    return undefined
  }

  #activate(entry: QueuedPod): void {
    this.#enter(entry, 'active')
    entry.until = this.#clock.now()
    this.#active.push(entry)
    this.#serve()
  }

  /** Hands the next pod to whoever waits for one. */
  #serve(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    const entry = this.#next()
    if (entry === undefined) return
    this.#waiting = undefined
    waiting.resolve(entry)
  }

  #delay(entry: QueuedPod, place: Heap<Waiting>): void {
    const wait = Math.min(this.#initialBackoff * 2 ** Math.max(0, entry.attempts - 1), this.#maxBackoff)
    const since = entry.state === 'unschedulable' ? entry.until : this.#clock.now()
    if (since + wait <= this.#clock.now()) {
      this.#activate(entry)
      return
    }
    this.#enter(entry, 'backoff')
    entry.until = since + wait
    place.push({ entry, until: entry.until })
    this.#wakeAt(entry.until)
    if (place === this.#backoff) this.#serve()
  }

  #canHelp(entry: QueuedPod, event: ClusterEvent): boolean {
    if (entry.rejectedBy.size === 0) return true
    for (const plugin of entry.rejectedBy) {
      const events = this.#helps.get(plugin)
      if (events === undefined || events.has(event)) return true
    }
    return false
  }

  #isCurrent(entry: QueuedPod): boolean {
    return this.#pods.get(entry.pod.key) === entry
  }

  #wakeAt(at: number): void {
    if (at >= this.#timerAt || this.#closed) return
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = this.#clock.setTimer(at - this.#clock.now(), () => this.#wake())
  }

  #wake(): void {
    const now = this.#clock.now()
    this.#timerAt = Number.POSITIVE_INFINITY
    for (const place of [this.#backoff, this.#penalty]) {
      for (let next = place.peek(); next !== undefined && next.until <= now; next = place.peek()) {
        place.pop()
        if (this.#isWaiting(next)) this.#activate(next.entry)
      }
    }
    for (const entry of [...this.#stuck]) {
      if (entry.until + this.#maxUnschedulable <= now) this.#activate(entry)
    }
    for (const place of [this.#backoff, this.#penalty]) {
      const next = place.peek()
      if (next !== undefined) this.#wakeAt(next.until)
    }
    if (this.#stuck.size > 0) this.#wakeAt(now + FLUSH_INTERVAL)
  }
}

/** Whether anything changed that scheduling looks at; a new status alone does not. */
function specChanged(old: PodInfo, pod: PodInfo): boolean {
  const relevant = ({ pod: { metadata, spec } }: PodInfo): string => JSON.stringify([metadata.labels, spec])
  return old.pod !== pod.pod && relevant(old) !== relevant(pod)
}
