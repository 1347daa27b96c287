import { LruCache, type Random, randomInt } from '@canopus/base'
import {
  type ClusterView,
  type Failure,
  isRejection,
  type NodeFilter,
  type NodeRejections,
  type NodeScorer,
  type Profile,
  type Rejection,
} from './framework.ts'
import type { NodeInfo } from './node-info.ts'
import { NodeRanking } from './node-ranking.ts'
import { KnownRejections, noRejections, rejectionsByName, type Verdict } from './node-rejections.ts'
import { PodClasses } from './pod-classes.ts'
import type { PodInfo } from './pod-info.ts'
import { ProfileFigures, preFilterStatus, success, successOrSkip } from './profile-figures.ts'
import {
  check,
  groupedKeyOf,
  isEarly,
  isLocal,
  keepEach,
  keepIf,
  kindOf,
  localKeyOf,
  type NamedFilter,
  type Question,
  questionStatus,
  whileDoing,
} from './question.ts'
import { type Counted, LazyCandidates, scoreAll, takeStatic, type Worth, worthTo } from './scoring.ts'

/** Where a pod goes, or why it can go nowhere. */
export type Decision = { node: NodeInfo; score: number } | { failure: Failure }

/** Of so many kinds of pods it is remembered why nodes do not do for them. */
const KINDS_KEPT = 16

/** For so many kinds of pods it is remembered what nodes are worth. */
const RANKINGS_KEPT = 256

/** With a share of the nodes looked for, no fewer than these. */
const FEWEST_NODES = 100

/**
 * Chooses a node for one pod: filters, scores, picks. Runs without a pause, so that the cache is the snapshot. Unless a
 * percentage says otherwise, all nodes are looked at, every time: with figures in rows (`NodeFigures`) and static verdicts by
 * class (`PodClasses`) that is cheap.
 */
export class SchedulingCycle {
  readonly #cluster: ClusterView
  readonly #random: Random
  readonly #filters: readonly Counted[]
  readonly #scorers: readonly Counted[]
  readonly #figures: ProfileFigures
  readonly #classes: PodClasses
  readonly #known = new LruCache<string, KnownRejections>({ capacity: KINDS_KEPT })
  readonly #rankings = new LruCache<string, NodeRanking>({ capacity: RANKINGS_KEPT })
  readonly #one = new Int32Array(1)
  #slots = new Int32Array(64)
  #scores = new Float64Array(64)
  #totals = new Float64Array(64)
  readonly #percentage: number
  /** Where to begin among the nodes where only a share of them is looked for. */
  #start = 0

  /** `percentage`: of how many nodes enough is known to choose the best one; 0 or 100: of all. */
  constructor(
    profile: Profile,
    cluster: ClusterView,
    random: Random,
    percentage = 0,
    figures: ProfileFigures = new ProfileFigures(),
  ) {
    this.#percentage = percentage
    this.#cluster = cluster
    this.#random = random
    this.#figures = figures
    const counted = profile.map(each => ({ ...each, evaluations: figures.evaluations(each.plugin) }))
    this.#filters = counted.filter(({ plugin }) => plugin.filter !== undefined && plugin.staticKey === undefined)
    this.#scorers = counted.filter(({ plugin, weight }) => plugin.score !== undefined && weight !== 0)
    this.#classes = new PodClasses(counted, cluster)
  }

  /** The node with the highest score; ties are decided by chance. */
  decide(pod: PodInfo): Decision {
    const question = this.#asked(pod)
    if (isEarly(question)) return { failure: { early: question, rejections: noRejections } }
    const nominated = this.#nominated(question)
    if (nominated !== undefined) return { node: nominated, score: 0 }
    this.#makeRoom(question.podClass.count)
    const ranked = this.#ranked(question)
    this.#figures.batched(ranked !== undefined)
    if (ranked !== undefined) return ranked
    const count = this.#figures.point('Filter', () => this.#filter(question), success)
    if (count === 0) return { failure: { rejections: this.#rejections(question) } }
    return this.#best(question, this.#slots.subarray(0, count))
  }

  /** The node that the pod waits for, where that does; it is not compared with others (evaluateNominatedNode upstream). */
  nominated(pod: PodInfo): NodeInfo | undefined {
    const question = this.#question(pod)
    return isEarly(question) ? undefined : this.#nominated(question)
  }

  #nominated(question: Question): NodeInfo | undefined {
    const { pod } = question
    const name = pod.pod.status?.nominatedNodeName || this.#cluster.cache.nominatedNode(pod.key)
    const node = name ? this.#cluster.cache.node(name) : undefined
    if (node === undefined || check(question, node) !== undefined) return undefined
    return this.#checkWithNominated(question, node) === undefined ? node : undefined
  }

  /** All nodes that do, or why there are none. */
  feasible(pod: PodInfo): { nodes: NodeInfo[] } | { failure: Failure } {
    const question = this.#asked(pod)
    if (isEarly(question)) return { failure: { early: question, rejections: noRejections } }
    this.#makeRoom(question.podClass.count)
    const count = this.#figures.point('Filter', () => this.#filter(question), success)
    if (count === 0) return { failure: { rejections: rejectionsByName(this.#rejectionsByName(question)) } }
    const { nodes } = this.#cluster.cache
    return { nodes: Array.from(this.#slots.subarray(0, count), slot => nodes[slot]!) }
  }

  /** The best of some nodes that do. `more` is added to what the plugins say, by the name of the node. */
  choose(pod: PodInfo, nodes: readonly NodeInfo[], more: ReadonlyMap<string, number>): Decision {
    const question = this.#question(pod)
    if (isEarly(question)) return { failure: { early: question, rejections: noRejections } }
    this.#makeRoom(Math.max(question.podClass.count, nodes.length))
    this.#slots.set(nodes.map(each => each.slot))
    return this.#best(question, this.#slots.subarray(0, nodes.length), more)
  }

  /** Why nodes do not do for the pod, by their names. */
  rejections(pod: PodInfo): ReadonlyMap<string, Rejection> {
    const question = this.#question(pod)
    return isEarly(question) ? new Map() : this.#rejectionsByName(question)
  }

  /** Why the pod could not run on the node as things are; nothing where it could. */
  check(pod: PodInfo, node: NodeInfo): Rejection | undefined {
    const question = this.#question(pod)
    return isEarly(question) ? question : check(question, node)
  }

  /** What `check` depends on besides one node and the pods on it; nothing where that cannot be told. */
  localKey(pod: PodInfo): string | undefined {
    const question = this.#question(pod)
    return isEarly(question) ? undefined : localKeyOf(question)
  }

  /** The question of an attempt to schedule the pod. */
  #asked(pod: PodInfo): Question | Rejection {
    const figures = this.#figures
    const work = (): Question | Rejection => this.#question(pod, { isSampled: figures.sample() })
    return figures.point('PreFilter', work, questionStatus)
  }

  /** `attempt`: nothing where it is asked for the sake of something else, which is not counted. */
  #question(pod: PodInfo, attempt?: { isSampled: boolean }): Question | Rejection {
    const isSampled = attempt?.isSampled === true
    const podClass = this.#classes.of(pod)
    if ('reasons' in podClass) return podClass
    const filters: NamedFilter[] = []
    for (const { plugin, evaluations } of this.#filters) {
      const { name } = plugin
      let filter: NodeFilter | Rejection | undefined
      try {
        const work = (): typeof filter => plugin.filter!(pod, this.#cluster)
        filter = isSampled ? this.#figures.plugin(name, 'PreFilter', work, preFilterStatus) : work()
      } catch (error) {
        throw whileDoing(`running PreFilter plugin "${name}"`, error)
      }
      if (filter === undefined) continue
      if (attempt !== undefined) evaluations.PreFilter.add()
      if (isRejection(filter)) return filter
      filters.push({ plugin: name, filter, evaluations })
    }
    return { pod, podClass, filters, isSampled }
  }

  #makeRoom(count: number): void {
    if (this.#slots.length >= count) return
    const size = count * 2
    this.#slots = new Int32Array(size)
    this.#scores = new Float64Array(size)
    this.#totals = new Float64Array(size)
  }

  /** The same by what is remembered of the nodes, where all that is asked about the pod is of that kind. */
  #ranked(question: Question): Decision | undefined {
    const { cache } = this.#cluster
    // Those of whom each plugin is timed go the long way.
    if (question.isSampled || this.#wanted() < question.podClass.count) return undefined
    const grouped = groupedKeyOf(question)
    if (grouped === undefined) return undefined
    const key = `${JSON.stringify(question.pod.scoringRequests)}\n${grouped}`
    const known = this.#rankings.get(key)
    // The first of its kind may be the last one.
    if (known === undefined) this.#rankings.set(key, new NodeRanking())
    const worth = known && this.#worth(question)
    if (known === undefined || worth === undefined) return undefined
    const ranking = worth.key === '' ? known : this.#rankingOf(`${key}\n${worth.key}`)
    const figures = this.#figures
    const refused = figures.point('Filter', () => this.#refreshRanking(question, ranking, worth), success)
    if (refused === undefined) return undefined
    const choose = (): Decision => {
      const best = ranking.best(this.#random, worth)
      if (best === undefined) return { failure: { rejections: this.#rejections(question) } }
      return { node: cache.nodes[best.slot]!, score: best.isOnly ? 0 : best.worth + worth.common }
    }
    return figures.point('Score', () => (refused.length === 0 ? choose() : ranking.without(refused, choose)), success)
  }

  #rankingOf(key: string): NodeRanking {
    let ranking = this.#rankings.get(key)
    if (ranking === undefined) {
      ranking = new NodeRanking()
      this.#rankings.set(key, ranking)
    }
    return ranking
  }

  /** Answers the slots of nodes that others wait for before the pod; nothing where the nodes cannot be ranked. */
  #refreshRanking(question: Question, ranking: NodeRanking, worth: Worth): readonly number[] | undefined {
    const { cache } = this.#cluster
    if (!ranking.refresh(cache.figures, cache.nodes.length, worth)) return undefined
    const waited = cache.nominatedNodes()
    return waited.size === 0 ? [] : this.#refused(question, waited)
  }

  /** What a node is worth to the pod by itself and by its group; nothing where others have a part in that. */
  #worth(question: Question): Worth | undefined {
    const { podClass } = question
    const slots = podClass.feasible.subarray(0, podClass.count)
    const scorers = this.#figures.point('PreScore', () => this.#scorersFor(question, slots), success)
    const local = { ...question, filters: question.filters.filter(isLocal) }
    const does = (slot: number): boolean => {
      this.#one[0] = slot
      return this.#keepEach(local, this.#one, 1) > 0
    }
    return worthTo(question, this.#scorers, scorers, does)
  }

  #keepEach(question: Question, slots: Int32Array, all: number): number {
    return keepEach(question, this.#cluster.cache.nodes, this.#figures, slots, all)
  }

  /** Puts the slots of the nodes that do to the front and answers how many they are. */
  #filter(question: Question): number {
    const { feasible, count } = question.podClass
    const wanted = this.#wanted()
    if (wanted >= count) {
      this.#slots.set(feasible.subarray(0, count))
      return this.#keep(question, this.#slots, count)
    }
    // Piece by piece, each time from where the last search has ended, so that all nodes get their turn.
    let found = 0
    let looked = 0
    const start = this.#start % count
    while (looked < count && found < wanted) {
      const piece = Math.min(wanted - found, count - looked)
      const slots = this.#slots.subarray(found, found + piece)
      for (let i = 0; i < piece; i++) slots[i] = feasible[(start + looked + i) % count]!
      found += this.#keep(question, slots, piece)
      looked += piece
    }
    this.#start = (start + looked) % count
    return found
  }

  /** How many nodes are enough (numFeasibleNodesToFind upstream). */
  #wanted(): number {
    const all = this.#cluster.cache.nodes.length
    if (this.#percentage === 0 || this.#percentage === 100 || all < FEWEST_NODES) return Number.POSITIVE_INFINITY
    return Math.max(FEWEST_NODES, Math.floor((all * this.#percentage) / 100))
  }

  #keep(question: Question, slots: Int32Array, all: number): number {
    const count = this.#keepEach(question, slots, all)
    return count === 0 ? 0 : this.#keepWithNominated(question, slots, count)
  }

  /** Leaves out the nodes that others wait for who are no less important, where they would be in the way. */
  #keepWithNominated(question: Question, slots: Int32Array, count: number): number {
    const { cache } = this.#cluster
    const waited = cache.nominatedNodes()
    if (waited.size === 0) return count
    if (waited.size > count) {
      const isRefused = this.#refusal(question)
      return keepIf(slots, count, slot => {
        const node = cache.nodes[slot]!
        return !waited.has(node.name) || !isRefused(node)
      })
    }
    // Fewer than those that would do: asked first, so that there is mostly nothing to take out.
    const refused = new Set(this.#refused(question, waited))
    return refused.size === 0 ? count : keepIf(slots, count, slot => !refused.has(slot))
  }

  #refused(question: Question, waited: ReturnType<ClusterView['cache']['nominatedNodes']>): number[] {
    const { cache } = this.#cluster
    const isRefused = this.#refusal(question)
    const refused: number[] = []
    for (const name of waited.keys()) {
      const node = cache.node(name)
      if (node !== undefined && isRefused(node)) refused.push(node.slot)
    }
    return refused
  }

  #refusal(question: Question): (node: NodeInfo) => boolean {
    const known = this.#knownOf(question)
    const rejections = known && this.#refresh(question, known)
    return node =>
      (rejections === undefined ? this.#checkWithNominated(question, node) : rejections.of(node)) !== undefined
  }

  /** A node must do with, and also without, the pods that wait for room there and are no less important. */
  #checkWithNominated(question: Question, node: NodeInfo): Rejection | undefined {
    const { pod, filters } = question
    const { cache } = this.#cluster
    const waiting = cache.nominatedOn(node.name, pod)
    if (waiting.length === 0) return undefined
    // Filters that look at the node alone need not be made anew.
    const isLocal = filters.every(each => each.filter.isLocal === true) && !waiting.some(each => each.hasAffinity)
    if (isLocal) return node.imagine(waiting, () => check(question, node))
    return cache.imagine(node, [], waiting, () => this.check(pod, node))
  }

  /** Why each node does not do. Only asked where none does. */
  #rejections(question: Question): NodeRejections {
    const key = kindOf(question)
    if (key === undefined) return rejectionsByName(this.#rejectionsByName(question))
    let known = this.#known.get(key)
    if (known === undefined) {
      known = new KnownRejections()
      this.#known.set(key, known)
    }
    return this.#refresh(question, known)
  }

  /** What was found out before about pods of this kind. */
  #knownOf(question: Question): KnownRejections | undefined {
    const key = this.#known.size === 0 ? undefined : kindOf(question)
    return key === undefined ? undefined : this.#known.get(key)
  }

  #refresh(question: Question, known: KnownRejections): NodeRejections {
    const { pod } = question
    const { cache } = this.#cluster
    const name = cache.nominatedNode(pod.key)
    const own = name === undefined ? undefined : cache.node(name)
    const look = (node: NodeInfo): Verdict => {
      const rejection = this.#rejectionOf(question, node)
      // That it waits for the node itself is not in the pod's way, but would be in that of others.
      const isFleeting = node === own || cache.nominatedOn(node.name, pod).some(each => each.hasAffinity)
      return { rejection, isFleeting }
    }
    return known.refresh(cache.nodes, cache.figures, own, look)
  }

  #rejectionsByName(question: Question): Map<string, Rejection> {
    const rejections = new Map<string, Rejection>()
    for (const node of this.#cluster.cache.nodes) {
      const rejection = this.#rejectionOf(question, node)
      if (rejection !== undefined) rejections.set(node.name, rejection)
    }
    return rejections
  }

  #rejectionOf(question: Question, node: NodeInfo): Rejection | undefined {
    return check(question, node) ?? this.#checkWithNominated(question, node)
  }

  #best(question: Question, slots: Int32Array, more?: ReadonlyMap<string, number>): Decision {
    const { nodes } = this.#cluster.cache
    if (slots.length === 1) return { node: nodes[slots[0]!]!, score: 0 }
    const figures = this.#figures
    const scorers = figures.point('PreScore', () => this.#scorersFor(question, slots), success)
    const totals = figures.point('Score', () => this.#score(question, scorers, slots), success)
    if (more !== undefined) for (let i = 0; i < totals.length; i++) totals[i]! += more.get(nodes[slots[i]!]!.name) ?? 0
    const best = this.#highest(totals)
    return { node: nodes[slots[best]!]!, score: totals[best]! }
  }

  /** What scores the nodes, but for static plugins, whose scores are known. */
  #scorersFor({ pod, isSampled }: Question, slots: Int32Array): readonly (NodeScorer | undefined)[] {
    const candidates = new LazyCandidates(this.#cluster.cache.nodes, slots)
    return this.#scorers.map(({ plugin, evaluations }) => {
      if (plugin.staticKey !== undefined) return undefined
      const work = (): NodeScorer | undefined => plugin.score!(pod, this.#cluster, candidates)
      const scorer = isSampled ? this.#figures.plugin(plugin.name, 'PreScore', work, successOrSkip) : work()
      if (scorer !== undefined) evaluations.PreScore.add()
      return scorer
    })
  }

  #score(
    { podClass, isSampled }: Question,
    scorers: readonly (NodeScorer | undefined)[],
    slots: Int32Array,
  ): Float64Array {
    const { nodes } = this.#cluster.cache
    const totals = this.#totals.subarray(0, slots.length)
    totals.fill(0)
    const scores = this.#scores.subarray(0, slots.length)
    for (const [index, { plugin, weight, evaluations }] of this.#scorers.entries()) {
      if (plugin.staticKey !== undefined) {
        if (!takeStatic(podClass, plugin, slots, scores)) continue
      } else {
        const scorer = scorers[index]
        if (scorer === undefined) continue
        evaluations.Score.add(slots.length)
        const score = (): void => scoreAll(scorer, nodes, slots, scores)
        const normalise = (): void => scorer.normalise?.(scores)
        if (isSampled) {
          this.#figures.plugin(plugin.name, 'Score', score, success)
          this.#figures.plugin(plugin.name, 'ScoreExtensionNormalize', normalise, success)
        } else {
          score()
          normalise()
        }
      }
      for (let i = 0; i < totals.length; i++) totals[i]! += weight * scores[i]!
    }
    return totals
  }

  /** Place of the highest score; one of them by chance where several are. */
  #highest(totals: Float64Array): number {
    let best = Number.NEGATIVE_INFINITY
    let ties = 0
    for (let i = 0; i < totals.length; i++) {
      if (totals[i]! > best) {
        best = totals[i]!
        ties = 1
      } else if (totals[i] === best) ties++
    }
    let chosen = ties === 1 ? 0 : randomInt(this.#random, ties)
    for (let i = 0; i < totals.length; i++) if (totals[i] === best && chosen-- === 0) return i
    return 0
  }
}
