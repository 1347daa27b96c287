import { type Clock, type Deferred, deferred, Heap, type Timer } from '@canopus/base'
import type { ClusterChange, ClusterEvent, Profile, QueueOrder, Rejection, SchedulerPlugin } from './framework.ts'
import type { PodInfo } from './pod-info.ts'
import { type ProfileFigures, statusOf, success } from './profile-figures.ts'
import { eventLabel, type QueueEvent } from './queue-events.ts'
import { caresFor, helps, type QueueObserver } from './queue-hints.ts'
import type { RejectingPlugin } from './scheduler-metrics.ts'

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
  /** Set where the pod was kept out after it had been tried in vain: who had rejected it then. */
  triedInVainFor: ReadonlySet<string> | undefined
  /** How many changes the queue had heard of when a node was looked for last, and when that was. */
  seen: number
  begunAt: number
  /** When a node could be looked for first, by a clock that only goes forward. */
  readyAt?: number
  /** Set where nothing but time has brought it back. */
  flushed?: boolean
}

export interface QueueOptions {
  clock: Clock
  profile: Profile
  /** Of the schedulers with other profiles, by the names that pods know them by. */
  profiles?: ReadonlyMap<string, Profile>
  /** Where it is noted what their plugins take. */
  figures?: ReadonlyMap<string, ProfileFigures>
  /** Milliseconds of the first back-off and of the longest. Defaults 1 s and 10 s, as upstream. */
  initialBackoff?: number
  maxBackoff?: number
  /** After so many milliseconds an unschedulable pod is tried again whatever happened. Default 5 minutes. */
  maxUnschedulable?: number
  /** Whether a back-off may be cut short where there is nothing else to do (SchedulerPopFromBackoffQ). Default true. */
  popFromBackoff?: boolean
  /** Hears which queue a pod comes into, and what for. */
  incoming?: Incoming
  /** Hears how long it takes to take note of changes. */
  observer?: QueueObserver
}

/** `unschedulable`: where pods wait for something to happen, gated ones too. */
export type Incoming = (queue: 'active' | 'backoff' | 'unschedulable', event: string) => void

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
  readonly #earlyAttempts: number
  readonly #pods = new Map<string, QueuedPod>()
  /** Those of them that wait for something to happen, by who rejected them: most events are of no interest to most groups. */
  readonly #stuck = new Map<string, StuckGroup>()
  /** The last change of each kind, and when it came, counted in changes. */
  readonly #latest = new Map<ClusterEvent, { at: number; change: ClusterChange }>()
  #changes = 0
  /** May hold pods that have left meanwhile; popping skips them. */
  readonly #active: Heap<QueuedPod>
  /** Back-off that may be cut short, and back-off that may not: after errors, and for pods tried many times in vain. */
  readonly #backoff = new Heap<Waiting>((a, b) => a.until - b.until || a.entry.sequence - b.entry.sequence)
  readonly #penalty = new Heap<Waiting>((a, b) => a.until - b.until || a.entry.sequence - b.entry.sequence)
  readonly #profiles: ReadonlyMap<string, Profile>
  readonly #figures: ReadonlyMap<string, ProfileFigures>
  readonly #plugins = new Map<Profile, ReadonlyMap<string, SchedulerPlugin>>()
  #sequence = 0
  #waiting: Deferred<QueuedPod | undefined> | undefined
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #closed = false
  readonly #incoming: Incoming
  readonly #observer: QueueObserver | undefined

  constructor(options: QueueOptions) {
    this.#clock = options.clock
    this.#incoming = options.incoming ?? (() => undefined)
    this.#observer = options.observer
    this.#profile = options.profile
    this.#initialBackoff = options.initialBackoff ?? 1000
    this.#maxBackoff = options.maxBackoff ?? 10_000
    this.#maxUnschedulable = options.maxUnschedulable ?? 5 * 60_000
    this.#earlyAttempts = options.popFromBackoff === false ? 0 : EARLY_ATTEMPTS
    const sorter = options.profile.find(each => each.plugin.compare !== undefined)?.plugin
    this.#active = new Heap((a, b) => sorter?.compare?.(a, b) ?? a.sequence - b.sequence)
    this.#profiles = options.profiles ?? new Map()
    this.#figures = options.figures ?? new Map()
    for (const profile of [options.profile, ...this.#profiles.values()]) {
      this.#plugins.set(profile, new Map(profile.map(({ plugin }) => [plugin.name, plugin])))
    }
  }

  #profileOf(pod: PodInfo): Profile {
    return this.#profiles.get(schedulerNameOf(pod)) ?? this.#profile
  }

  /** How many pods are in each state. */
  sizes(): Record<QueuedPod['state'], number> {
    const sizes = { active: 0, backoff: 0, unschedulable: 0, gated: 0, inFlight: 0 }
    for (const entry of this.#pods.values()) sizes[entry.state]++
    return sizes
  }

  /** Who rejected how many of the pods that wait. */
  rejecting(): RejectingPlugin[] {
    const counts = new Map<string, RejectingPlugin>()
    for (const { pod, state, rejectedBy, triedInVainFor } of this.#pods.values()) {
      if (state === 'inFlight') continue
      const profile = schedulerNameOf(pod)
      for (const plugin of triedInVainFor?.union(rejectedBy) ?? rejectedBy) {
        const id = `${plugin}/${profile}`
        counts.set(id, { profile, plugin, pods: (counts.get(id)?.pods ?? 0) + 1 })
      }
    }
    return [...counts.values()]
  }

  /**
   * What is kept for the sake of pods that are being worked on, by upstream's names: those pods, and each kind of change since a node
   * was looked for for the first of them.
   */
  inFlightEvents(): ReadonlyMap<string, number> {
    const seen = [...this.#pods.values()].filter(each => each.state === 'inFlight').map(each => each.seen)
    const events = new Map([['PodPopped', seen.length]])
    const first = Math.min(...seen)
    for (const { at, change } of this.#latest.values()) if (at > first) events.set(eventLabel(change), 1)
    return events
  }

  get(key: string): QueuedPod | undefined {
    return this.#pods.get(key)
  }

  /** A pod without a node was seen, new or changed. */
  set(pod: PodInfo): void {
    const entry = this.#pods.get(pod.key)
    if (entry === undefined || entry.pod.uid !== pod.uid) {
      this.remove(pod.key)
      this.#enqueue(this.#newEntry(pod), 'UnschedulablePodAdd')
      return
    }
    const oldPod = entry.pod
    entry.pod = pod
    if (!specChanged(oldPod, pod)) return
    if (entry.state === 'gated') this.#enqueue(entry, 'UnschedulablePodUpdate')
    else if (entry.state === 'unschedulable' && this.#canHelp(entry, { event: 'PodUpdate', pod, oldPod })) {
      this.#activate(entry, 'UnschedulablePodUpdate')
    }
  }

  remove(key: string): void {
    const entry = this.#pods.get(key)
    if (entry === undefined) return
    this.#pods.delete(key)
    this.#enter(entry, 'inFlight')
  }

  #enter(entry: QueuedPod, state: QueuedPod['state'], rejectedBy: ReadonlySet<string> = entry.rejectedBy): void {
    if (isStuck(entry)) {
      const id = this.#groupId(entry)
      const group = this.#stuck.get(id)
      group?.pods.delete(entry)
      if (group?.pods.size === 0) this.#stuck.delete(id)
    }
    entry.state = state
    entry.rejectedBy = rejectedBy
    if (state !== 'gated') entry.triedInVainFor = undefined
    if (!isStuck(entry)) return
    const id = this.#groupId(entry)
    let group = this.#stuck.get(id)
    if (group === undefined) {
      group = { pods: new Set(), helpers: this.#helpersOf(entry) }
      this.#stuck.set(id, group)
    }
    group.pods.add(entry)
  }

  #groupId({ pod, rejectedBy }: QueuedPod): string {
    return `${pod.pod.spec?.schedulerName ?? ''}/${[...rejectedBy].sort().join()}`
  }

  /** The plugins that rejected the pod; nothing where one of them is not known, so that everything may help. */
  #helpersOf({ pod, rejectedBy }: QueuedPod): readonly SchedulerPlugin[] | undefined {
    const known = this.#plugins.get(this.#profileOf(pod))
    const plugins = [...rejectedBy].map(name => known?.get(name))
    return plugins.length === 0 || plugins.includes(undefined) ? undefined : plugins.filter(each => each !== undefined)
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
      if (!this.#isWaiting(next)) continue
      this.#incoming('active', 'PopFromBackoffQ' satisfies QueueEvent)
      return this.#take(next.entry)
    }
    return undefined
  }

  #take(entry: QueuedPod): QueuedPod {
    this.#enter(entry, 'inFlight', nobody)
    entry.attempts++
    entry.seen = this.#changes
    return entry
  }

  /** A node is looked for now: what happened so far is known, what happens from now on may change the answer. */
  begin(entry: QueuedPod): void {
    entry.seen = this.#changes
    entry.begunAt = this.#clock.monotonic()
  }

  #isWaiting({ entry, until }: Waiting): boolean {
    return this.#isCurrent(entry) && entry.state === 'backoff' && entry.until === until
  }

  /** The pod found no node because of these plugins: it waits until something happens that they care about. */
  unschedulable(entry: QueuedPod, rejectedBy: ReadonlySet<string>): void {
    if (!this.#isCurrent(entry)) return
    entry.flushed = false
    entry.until = this.#clock.now()
    if (this.#keepOut(entry, rejectedBy)) {
      this.#incoming('unschedulable', 'ScheduleAttemptFailure' satisfies QueueEvent)
      return
    }
    this.#enter(entry, 'unschedulable', rejectedBy)
    if (this.#missedHelp(entry)) this.#delay(entry, this.#placeFor(entry), 'ScheduleAttemptFailure')
    else {
      this.#incoming('unschedulable', 'ScheduleAttemptFailure' satisfies QueueEvent)
      this.#wakeAt(entry.until + this.#maxUnschedulable)
    }
  }

  /** Keeps a pod that was tried in vain out of the queue, where a plugin wants that; answers whether one does. */
  #keepOut(entry: QueuedPod, rejectedBy: ReadonlySet<string>): boolean {
    const gate = this.#gate(entry.pod)
    if (gate === undefined) return false
    entry.triedInVainFor = rejectedBy
    this.#enter(entry, 'gated', new Set([gate.plugin]))
    return true
  }

  /** The plugin that kept the pod out may let it in now: it waits for what those care about who had rejected it. */
  release(key: string): void {
    const entry = this.#pods.get(key)
    if (entry?.state !== 'gated' || this.#gate(entry.pod) !== undefined) return
    const rejectedBy = entry.triedInVainFor
    if (rejectedBy === undefined) {
      this.#activate(entry, 'ForceActivate')
      return
    }
    this.#enter(entry, 'unschedulable', rejectedBy)
    this.#wakeAt(this.#clock.now() + this.#maxUnschedulable)
  }

  /** Whether something that may help happened after the pod was looked at, while its binding was under way. */
  #missedHelp(entry: QueuedPod): boolean {
    if (this.#changes === entry.seen) return false
    const helpers = this.#helpersOf(entry)
    for (const [event, { at }] of this.#latest) {
      if (at > entry.seen && (helpers === undefined || helpers.some(each => caresFor(each, event)))) return true
    }
    return false
  }

  #placeFor(entry: QueuedPod): Heap<Waiting> {
    return entry.attempts > this.#earlyAttempts ? this.#penalty : this.#backoff
  }

  /** Something failed that may go well the next time. */
  retry(entry: QueuedPod): void {
    entry.flushed = false
    if (this.#isCurrent(entry)) this.#delay(entry, this.#penalty, 'ScheduleAttemptFailure')
  }

  /** The pod has its node. */
  done(entry: QueuedPod): void {
    if (this.#isCurrent(entry)) this.#pods.delete(entry.pod.key)
  }

  /** Something happened in the cluster: pods that it may help, but for one, are tried again, after their back-off. */
  move(what: ClusterEvent | ClusterChange, except?: QueuedPod): void {
    const change = typeof what === 'string' ? { event: what } : what
    if (this.#observer === undefined) this.#move(change, except)
    else this.#observer.handle(change, observing => this.#move(change, except, observing))
  }

  #move(change: ClusterChange, except: QueuedPod | undefined, observing?: QueueObserver): void {
    const at = ++this.#changes
    const latest = this.#latest.get(change.event)
    if (latest === undefined) this.#latest.set(change.event, { at, change })
    else {
      latest.at = at
      latest.change = change
    }
    let label: string | undefined
    for (const { pods, helpers } of [...this.#stuck.values()]) {
      if (helpers !== undefined && !helpers.some(each => caresFor(each, change.event))) continue
      for (const entry of [...pods]) {
        if (entry === except || !helps(helpers, entry.pod, change, observing)) continue
        label ??= eventLabel(change)
        if (entry.state === 'gated') this.#enqueue(entry, label)
        else if (!this.#keepOut(entry, entry.rejectedBy)) this.#delay(entry, this.#placeFor(entry), label)
      }
    }
  }

  /** Tries this pod again at once, whatever it waits for; but not where a plugin keeps it out. */
  activate(key: string): void {
    const entry = this.#pods.get(key)
    if (entry?.state === 'unschedulable' || entry?.state === 'backoff') this.#activate(entry, 'ForceActivate')
    else if (entry?.state === 'gated' && this.#gate(entry.pod) === undefined) this.#activate(entry, 'ForceActivate')
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
      state: 'inFlight',
      until: queuedAt,
      rejectedBy: new Set(),
      triedInVainFor: undefined,
      seen: 0,
      begunAt: 0,
    }
    this.#pods.set(pod.key, entry)
    return entry
  }

  #enqueue(entry: QueuedPod, event: string): void {
    const gate = this.#gate(entry.pod)
    if (gate !== undefined) {
      if (!isStuck(entry)) this.#incoming('unschedulable', event)
      this.#enter(entry, 'gated', new Set([gate.plugin]))
    } else if (entry.triedInVainFor === undefined) this.#activate(entry, event)
    else this.#delay(entry, this.#placeFor(entry), event)
  }

  #gate(pod: PodInfo): Rejection | undefined {
    const figures = this.#figures.get(schedulerNameOf(pod))
    const work = (): Rejection | undefined => gateOf(pod, this.#profileOf(pod), figures)
    // Upstream notes success whatever they say.
    return figures === undefined ? work() : figures.point('PreEnqueue', work, success)
  }

  #activate(entry: QueuedPod, event: string): void {
    this.#incoming('active', event)
    this.#enter(entry, 'active')
    entry.readyAt ??= this.#clock.monotonic()
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

  #delay(entry: QueuedPod, place: Heap<Waiting>, event: string): void {
    const wait = Math.min(this.#initialBackoff * 2 ** Math.max(0, entry.attempts - 1), this.#maxBackoff)
    // Since it was tried in vain.
    const since = isStuck(entry) ? entry.until : this.#clock.now()
    if (since + wait <= this.#clock.now()) {
      this.#activate(entry, event)
      return
    }
    this.#incoming('backoff', event)
    this.#enter(entry, 'backoff')
    entry.until = since + wait
    place.push({ entry, until: entry.until })
    this.#wakeAt(entry.until)
    if (place === this.#backoff) this.#serve()
  }

  #canHelp(entry: QueuedPod, change: ClusterChange): boolean {
    return helps(this.#helpersOf(entry), entry.pod, change)
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
        if (this.#isWaiting(next)) this.#activate(next.entry, 'BackoffComplete')
      }
    }
    let waiting = false
    for (const { pods } of [...this.#stuck.values()]) {
      for (const entry of [...pods]) {
        if (entry.state !== 'unschedulable') continue
        if (entry.until + this.#maxUnschedulable <= now) {
          entry.flushed = true
          this.#activate(entry, 'UnschedulableTimeout')
        } else waiting = true
      }
    }
    for (const place of [this.#backoff, this.#penalty]) {
      const next = place.peek()
      if (next !== undefined) this.#wakeAt(next.until)
    }
    if (waiting) this.#wakeAt(now + FLUSH_INTERVAL)
  }
}

const nobody: ReadonlySet<string> = new Set()

const schedulerNameOf = ({ pod }: PodInfo): string => pod.spec?.schedulerName ?? 'default-scheduler'

function gateOf(pod: PodInfo, profile: Profile, figures: ProfileFigures | undefined): Rejection | undefined {
  const isSampled = figures?.sample() === true
  for (const { plugin } of profile) {
    if (plugin.preEnqueue === undefined) continue
    const work = (): Rejection | undefined => plugin.preEnqueue!(pod)
    const rejection = isSampled ? figures.plugin(plugin.name, 'PreEnqueue', work, statusOf) : work()
    if (rejection !== undefined) return rejection
  }
  return undefined
}

interface StuckGroup {
  readonly pods: Set<QueuedPod>
  readonly helpers: readonly SchedulerPlugin[] | undefined
}

const isStuck = ({ state }: QueuedPod): boolean => state === 'unschedulable' || state === 'gated'

/** Whether anything changed that scheduling looks at: of the status only the names of resource claims. */
function specChanged(old: PodInfo, pod: PodInfo): boolean {
  const relevant = ({ pod: { metadata, spec, status } }: PodInfo): string =>
    JSON.stringify([metadata.labels, spec, status?.resourceClaimStatuses])
  return old.pod !== pod.pod && relevant(old) !== relevant(pod)
}
