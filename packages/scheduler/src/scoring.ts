import type { Counter } from '@canopus/base'
import type { Alike, AlikeVerdict, Candidates, NodeKinds, NodeScorer, SchedulerPlugin } from './framework.ts'
import type { NodeInfo } from './node-info.ts'
import { type GroupWorth, type NodeWorth, UNFIT } from './node-ranking.ts'
import type { CountedPlugin, PodClass } from './pod-classes.ts'
import { isLocal, type NamedFilter, type Question } from './question.ts'

/** What nodes are worth to a pod: each by itself, by the groups that they are in, and all alike. */
export interface Worth extends NodeWorth, GroupWorth {
  /** What the names of groups depend on besides the node and the pods on it. */
  readonly key: string
  readonly common: number
}

export interface Counted extends CountedPlugin {
  readonly weight: number
}

/** A scorer with its weight, and how often it is asked. */
interface Weighed<T> {
  readonly scorer: T
  readonly weight: number
  readonly asked: Counter
}

/** A verdict on groups, and how often it is asked for. */
interface Judging {
  readonly verdict: AlikeVerdict
  readonly asked: Counter
}

/**
 * What a node is worth to pods like the one asked about, by itself and by its group; nothing where others have a part in that.
 * `scorers` are those of the plugins, but for static ones; `does`: whether the filters that are local let a node pass.
 */
export function worthTo(
  { podClass, filters }: Question,
  plugins: readonly Counted[],
  scorers: readonly (NodeScorer | undefined)[],
  does: (slot: number) => boolean,
): Worth | undefined {
  const own: Weighed<(slot: number) => number>[] = []
  const shared: Weighed<Alike>[] = []
  let common = 0
  for (const [index, { plugin, weight, evaluations }] of plugins.entries()) {
    if (plugin.staticKey === undefined) {
      const scorer = scorers[index]
      if (scorer === undefined) continue
      const { bySlot, alike } = scorer
      if (!Number.isInteger(weight)) return undefined
      if (bySlot !== undefined) own.push({ scorer: bySlot, weight, asked: evaluations.Score })
      else if (alike !== undefined) shared.push({ scorer: alike, weight, asked: evaluations.Score })
      else return undefined
      continue
    }
    const known = podClass.scoresOf(plugin)
    if (known === undefined) continue
    if (!known.isUniform) return undefined
    const score = Float64Array.of(known.raw[podClass.feasible[0] ?? 0]!)
    known.scorer.normalise?.(score)
    common += weight * score[0]!
  }
  const ofSlot = (slot: number): number => {
    if (!podClass.passes(slot) || !does(slot)) return UNFIT
    let sum = 0
    for (const { scorer, weight, asked } of own) {
      asked.add()
      sum += weight * scorer(slot)
    }
    return sum
  }
  return { ofSlot, common, ...byGroup(shared, judging(filters)) }
}

/** The filters that judge groups of nodes. */
function judging(filters: readonly NamedFilter[]): readonly Judging[] {
  return filters.flatMap(each => {
    const verdict = isLocal(each) ? undefined : each.filter.alike
    return verdict === undefined ? [] : [{ verdict, asked: each.evaluations.Filter }]
  })
}

function byGroup(scorers: readonly Weighed<Alike>[], judges: readonly Judging[]): Omit<Worth, 'ofSlot' | 'common'> {
  const kinds: readonly NodeKinds[] = [...judges.map(each => each.verdict), ...scorers.map(each => each.scorer)]
  const [first] = kinds
  if (first === undefined) return { key: '' }
  return {
    key: kinds.map(each => each.key).join('\n'),
    groupOf: slot => (kinds.length === 1 ? first.of(slot) : kinds.map(each => each.of(slot)).join('/')),
    does: slot =>
      judges.every(({ verdict, asked }) => {
        asked.add()
        return verdict.does(slot)
      }),
    ofGroups(slots, sizes) {
      const totals = new Float64Array(slots.length)
      for (const { scorer, weight, asked } of scorers) {
        asked.add(slots.length)
        const scores = scorer.score(slots, sizes)
        for (let i = 0; i < totals.length; i++) totals[i]! += weight * scores[i]!
      }
      return totals
    },
  }
}

export function scoreAll(
  scorer: NodeScorer,
  nodes: readonly NodeInfo[],
  slots: Int32Array,
  scores: Float64Array,
): void {
  if (scorer.scoreAll !== undefined) scorer.scoreAll(slots, scores)
  else for (let i = 0; i < scores.length; i++) scores[i] = scorer.score(nodes[slots[i]!]!)
}

/** The nodes are made of their slots when somebody wants them. */
export class LazyCandidates implements Candidates {
  readonly slots: Int32Array
  readonly #all: readonly NodeInfo[]
  #nodes: readonly NodeInfo[] | undefined

  constructor(all: readonly NodeInfo[], slots: Int32Array) {
    this.slots = slots
    this.#all = all
  }

  get nodes(): readonly NodeInfo[] {
    this.#nodes ??= Array.from(this.slots, slot => this.#all[slot]!)
    return this.#nodes
  }
}

/** Fills in the remembered scores, normalised over these nodes; false where the plugin has no opinion. */
export function takeStatic(
  podClass: PodClass,
  plugin: SchedulerPlugin,
  slots: Int32Array,
  scores: Float64Array,
): boolean {
  const known = podClass.scoresOf(plugin)
  if (known === undefined) return false
  for (let i = 0; i < slots.length; i++) scores[i] = known.raw[slots[i]!]!
  known.scorer.normalise?.(scores)
  return true
}
