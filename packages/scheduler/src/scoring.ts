import type { Counter } from '@canopus/base'
import type { Alike, Candidates, NodeScorer, SchedulerPlugin } from './framework.ts'
import type { NodeInfo } from './node-info.ts'
import { type GroupWorth, type NodeWorth, UNFIT } from './node-ranking.ts'
import type { CountedPlugin, PodClass } from './pod-classes.ts'

/** What nodes are worth to a pod: each by itself, by the groups that they are in, and all alike. */
export interface Worth extends NodeWorth {
  /** What the names of groups depend on besides the node and the pods on it. */
  readonly key: string
  readonly ofGroups: GroupWorth | undefined
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

/**
 * What a node is worth to pods of the class by itself and by its group; nothing where others have a part in that. `scorers`
 * are those of the plugins, but for static ones; `does`: whether the filters that are not static let a node pass.
 */
export function worthTo(
  podClass: PodClass,
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
  return { ofSlot, common, ...byGroup(shared) }
}

function byGroup(scorers: readonly Weighed<Alike>[]): Pick<Worth, 'groupOf' | 'ofGroups' | 'key'> {
  const [first] = scorers
  if (first === undefined) return { key: '', ofGroups: undefined }
  const groupOf = (slot: number): string | number =>
    scorers.length === 1 ? first.scorer.of(slot) : scorers.map(({ scorer }) => scorer.of(slot)).join('/')
  return {
    key: scorers.map(({ scorer }) => scorer.key).join('\n'),
    groupOf,
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
