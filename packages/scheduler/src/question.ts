import { messageOf } from '@canopus/base'
import type { NodeFilter, Rejection } from './framework.ts'
import type { NodeInfo } from './node-info.ts'
import type { PodClass } from './pod-classes.ts'
import type { PodInfo } from './pod-info.ts'
import { type Evaluations, type ProfileFigures, type Status, statusOf } from './profile-figures.ts'

/** What there is to ask about one pod: the static filters by its class, the others anew for each decision. */
export interface Question {
  readonly pod: PodInfo
  readonly podClass: PodClass
  readonly filters: readonly NamedFilter[]
  /** Each plugin is timed. */
  readonly isSampled: boolean
}

export interface NamedFilter {
  readonly plugin: string
  readonly filter: NodeFilter
  readonly evaluations: Evaluations
}

/** What the verdict on a node depends on besides the node and the pods on it; nothing where that cannot be told. */
export function localKeyOf(question: Question): string | undefined {
  return question.filters.every(isLocal) ? keyOf(question) : undefined
}

/** The same where besides there are verdicts on groups of nodes that are alike. */
export function groupedKeyOf(question: Question): string | undefined {
  const isKept = (each: NamedFilter): boolean => isLocal(each) || each.filter.alike !== undefined
  return question.filters.every(isKept) ? keyOf(question) : undefined
}

export const isLocal = ({ filter }: NamedFilter): boolean => filter.isLocal === true

const keyOf = ({ pod, podClass }: Question): string =>
  [podClass.key, JSON.stringify(pod.requests), JSON.stringify(pod.hostPorts)].join('\n')

/** What pods have in common for which the same nodes do, where that can be told: also who waits for nodes before them. */
export function kindOf(question: Question): string | undefined {
  const local = localKeyOf(question)
  return local === undefined ? undefined : `${question.pod.priority}\n${local}`
}

export const isEarly = (question: Question | Rejection): question is Rejection => 'reasons' in question

export function check({ podClass, filters }: Question, node: NodeInfo): Rejection | undefined {
  const rejection = podClass.verdict(node)
  if (rejection !== undefined) return rejection
  let asked = ''
  try {
    for (const { plugin, filter } of filters) {
      asked = plugin
      const other = filter.check(node)
      if (other !== undefined) return other
    }
  } catch (error) {
    throw whileDoing(`running "${asked}" filter plugin`, error)
  }
  return undefined
}

/** The error with what was being done when it came up. */
export function whileDoing(what: string, error: unknown): Error {
  return new Error(`${what}: ${messageOf(error)}`, { cause: error })
}

export function keepIf(slots: Int32Array, count: number, does: (slot: number) => boolean): number {
  let kept = 0
  for (let i = 0; i < count; i++) if (does(slots[i]!)) slots[kept++] = slots[i]!
  return kept
}

/**
 * Moves the slots of nodes that do by themselves to the front and answers how many they are. Throws what a filter throws.
 */
export function keepEach(
  { filters, isSampled }: Question,
  nodes: readonly NodeInfo[],
  figures: ProfileFigures,
  slots: Int32Array,
  all: number,
): number {
  let count = all
  let asked = ''
  try {
    for (const { plugin, filter, evaluations } of filters) {
      asked = plugin
      evaluations.Filter.add(count)
      const before = count
      const work = (): number =>
        filter.keep?.(slots, before) ?? keepIf(slots, before, slot => filter.check(nodes[slot]!) === undefined)
      count = isSampled ? figures.plugin(plugin, 'Filter', work, keptStatus) : work()
    }
  } catch (error) {
    throw whileDoing(`running "${asked}" filter plugin`, error)
  }
  return count
}

export const questionStatus = (question: Question | Rejection): Status =>
  isEarly(question) ? statusOf(question) : 'Success'
const keptStatus = (kept: number): Status => (kept > 0 ? 'Success' : 'Unschedulable')
