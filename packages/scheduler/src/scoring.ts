import type { Candidates, NodeScorer, SchedulerPlugin } from './framework.ts'
import type { NodeInfo } from './node-info.ts'
import { UNFIT } from './node-ranking.ts'
import type { CountedPlugin, PodClass } from './pod-classes.ts'

/** What nodes are worth to a pod: each by itself, and all alike. */
export interface Worth {
  ofSlot(slot: number): number
  readonly common: number
}

export interface Counted extends CountedPlugin {
  readonly weight: number
}

/**
 * What a node is worth to pods of the class by itself; nothing where others have a part in that. `scorers` are those of the
 * plugins, but for static ones; `does`: whether the filters that are not static let a node pass.
 */
export function worthTo(
  podClass: PodClass,
  plugins: readonly Counted[],
  scorers: readonly (NodeScorer | undefined)[],
  does: (slot: number) => boolean,
): Worth | undefined {
  const parts: ((slot: number) => number)[] = []
  let common = 0
  for (const [index, { plugin, weight, evaluations }] of plugins.entries()) {
    if (plugin.staticKey === undefined) {
      const scorer = scorers[index]
      if (scorer === undefined) continue
      const { bySlot } = scorer
      if (bySlot === undefined || !Number.isInteger(weight)) return undefined
      parts.push(slot => {
        evaluations.Score.add()
        return weight * bySlot(slot)
      })
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
    for (const part of parts) sum += part(slot)
    return sum
  }
  return { ofSlot, common }
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
