/** How good nodes are for a pod that is to be spread as evenly as can be (scoring.go of upstream's podtopologyspread). */
import { type Alike, type ClusterView, MAX_SCORE, type NodeScorer } from '../framework.ts'
import type { PodInfo } from '../pod-info.ts'
import { type Constraint, type Counted, countsFor, domainsOf, kindsOf, type Labelled } from './spread-constraints.ts'

export const HOSTNAME = 'kubernetes.io/hostname'

type RawScore = (slot: number) => number

/** Scores the nodes in `slots`, those that `labelled` does not have as not a number. */
export function spreadScorer(
  pod: PodInfo,
  cluster: ClusterView,
  constraints: readonly Constraint[],
  labelled: Labelled,
  slots: Int32Array,
): NodeScorer {
  const counts = constraints.map(each => countsFor(pod, each, labelled))
  // Much is counted for this, so not before somebody wants to know.
  let known: readonly Counted[] | undefined
  const counted = (): readonly Counted[] => {
    known ??= constraints.map((constraint, index) => {
      const column = cluster.cache.topology.column(constraint.topologyKey)
      return { constraint, column, domains: domainsOf(pod, cluster, constraint, counts[index]) }
    })
    return known
  }
  let at: RawScore | undefined
  const scoreOf = (): RawScore => {
    at ??= rawScore(counted(), labelled, slots)
    return at
  }
  const isSimple = counts.every(each => each === undefined)
  return {
    score: node => scoreOf()(node.slot),
    scoreAll: (some, scores) => fill(scoreOf(), some, scores),
    normalise: invert,
    ...(isSimple ? { alike: alike(pod, counted(), labelled) } : {}),
  }
}

function alike(pod: PodInfo, counted: readonly Counted[], labelled: Labelled): Alike {
  return {
    ...kindsOf(pod, counted),
    score(slots, sizes) {
      const scores = new Float64Array(slots.length)
      fill(rawScore(counted, labelled, slots, sizes), slots, scores)
      invert(scores)
      return scores
    },
  }
}

function fill(at: RawScore, slots: Int32Array, scores: Float64Array): void {
  for (let i = 0; i < scores.length; i++) scores[i] = at(slots[i]!)
}

/** `sizes`: for how many candidates each of the slots stands; without, each for itself. */
function rawScore(counted: readonly Counted[], labelled: Labelled, slots: Int32Array, sizes?: Int32Array): RawScore {
  const rules = counted.map(each => ({
    ids: each.domains.ids,
    pods: each.domains.pods,
    weight: Math.log(domainsAmong(each, labelled, slots, sizes) + 2),
    rest: each.constraint.maxSkew - 1,
  }))
  return slot => {
    if (!labelled.has(slot)) return Number.NaN
    let sum = 0
    for (const { ids, pods, weight, rest } of rules) {
      const id = ids[slot]!
      if (id >= 0) sum += pods[id]! * weight + rest
    }
    return Math.round(sum)
  }
}

/** How many domains the candidates are in: the more there are, the more a pod in one of them weighs. Every host is one. */
function domainsAmong(
  { constraint, column, domains: { ids } }: Counted,
  labelled: Labelled,
  slots: Int32Array,
  sizes: Int32Array | undefined,
): number {
  const isHost = constraint.topologyKey === HOSTNAME
  const isOwn = isHost || column.distinct
  const known = new Uint8Array(isOwn ? 0 : column.names.length)
  let domains = 0
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i]!
    if (!labelled.has(slot)) continue
    const id = ids[slot]!
    if (isOwn) {
      if (isHost || id >= 0) domains += sizes?.[i] ?? 1
    } else if (id >= 0 && known[id] === 0) {
      known[id] = 1
      domains++
    }
  }
  return domains
}

/** The fewer pods the better; nodes that do not count (not a number) get nothing. */
function invert(scores: Float64Array): void {
  let lowest = Number.POSITIVE_INFINITY
  let highest = 0
  for (const score of scores) {
    if (Number.isNaN(score)) continue
    if (score < lowest) lowest = score
    if (score > highest) highest = score
  }
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!
    if (Number.isNaN(score)) scores[i] = 0
    else scores[i] = highest === 0 ? MAX_SCORE : Math.floor((MAX_SCORE * (highest + lowest - score)) / highest)
  }
}
