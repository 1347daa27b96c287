import type { Logger } from '@canopus/base'
import type { ClusterCache } from './cache.ts'
import type { ExtenderConfiguration } from './config/extender-configuration.ts'
import type { Decision, SchedulingCycle } from './cycle.ts'
import { Answer } from './extender-answer.ts'
import { preemptionArgs, preemptionCandidates } from './extender-preemption.ts'
import type { PreemptionCandidate, Rejection } from './framework.ts'
import type { NodeInfo } from './node-info.ts'
import { rejectionsByName } from './node-rejections.ts'
import type { PodInfo } from './pod-info.ts'

/** POSTs a body to an extender and answers what came back. Throws where that fails or takes longer than it may. */
export type AskExtender = (
  extender: ExtenderConfiguration,
  verb: string,
  body: unknown,
  signal: AbortSignal,
) => Promise<unknown>

/** Scores of extenders go from 0 to 10, those of plugins from 0 to 100. */
const SCORE_FACTOR = 10

/** Programs that are asked over HTTP which nodes do, and how good they are (pkg/scheduler/extender.go). */
export class Extenders {
  readonly #all: readonly ExtenderConfiguration[]
  readonly #ask: AskExtender
  readonly #cache: ClusterCache
  readonly #logger: Logger

  constructor(
    all: readonly ExtenderConfiguration[],
    ask: AskExtender | undefined,
    cache: ClusterCache,
    logger: Logger,
  ) {
    if (all.length > 0 && ask === undefined) throw new Error('extenders: there is no way to ask them')
    this.#all = all
    this.#ask = ask ?? (() => Promise.reject(new Error('there is no way to ask extenders')))
    this.#cache = cache
    this.#logger = logger
  }

  /** Whether any extender has a say about nodes for the pod. */
  interestedIn(pod: PodInfo): boolean {
    return this.#all.some(each => (each.filterVerb ?? each.prioritizeVerb) !== undefined && isInterested(each, pod))
  }

  /** Where the pod goes by the plugins and the extenders together. */
  async decide(pod: PodInfo, cycle: SchedulingCycle, signal: AbortSignal): Promise<Decision> {
    const rejections = new Map<string, Rejection>()
    const filtered = async (given: readonly NodeInfo[]): Promise<readonly NodeInfo[]> => {
      let left = given
      for (const extender of this.#all) {
        if (extender.filterVerb === undefined || left.length === 0 || !isInterested(extender, pod)) continue
        left = await this.#filter(extender, extender.filterVerb, pod, left, rejections, signal)
      }
      return left
    }
    const nominated = cycle.nominated(pod)
    if (nominated !== undefined && (await filtered([nominated])).length > 0) return { node: nominated, score: 0 }
    const found = cycle.feasible(pod)
    if ('failure' in found) return found
    const nodes = await filtered(found.nodes)
    if (nodes.length === 0) {
      const all = [...cycle.rejections(pod), ...rejections]
      return { failure: { rejections: rejectionsByName(new Map(all)) } }
    }
    const scores = await this.#prioritize(pod, nodes, signal)
    // Nodes may have gone while the extenders were asked.
    const still = nodes.filter(each => this.#cache.node(each.name) === each)
    if (still.length === 0) throw new Error('all nodes that would do have gone')
    return cycle.choose(pod, still, scores)
  }

  async #filter(
    extender: ExtenderConfiguration,
    verb: string,
    pod: PodInfo,
    nodes: readonly NodeInfo[],
    rejections: Map<string, Rejection>,
    signal: AbortSignal,
  ): Promise<readonly NodeInfo[]> {
    let answer: Answer
    let kept: readonly NodeInfo[]
    try {
      answer = new Answer(await this.#ask(extender, verb, argsFor(extender, pod, nodes), signal))
      if (answer.text('Error')) throw new Error(answer.text('Error'))
      kept = keptNodes(extender, answer, nodes)
    } catch (error) {
      if (!extender.ignorable) throw error
      this.#logger.warn('an extender is left out', { extender: extender.urlPrefix, error })
      return nodes
    }
    const note = (field: string, unresolvable: boolean): void => {
      for (const [name, reason] of Object.entries(answer.record(field))) {
        rejections.set(name, { plugin: extender.urlPrefix, reasons: [String(reason)], unresolvable })
      }
    }
    note('FailedNodes', false)
    note('FailedAndUnresolvableNodes', true)
    return kept
  }

  async #prioritize(pod: PodInfo, nodes: readonly NodeInfo[], signal: AbortSignal): Promise<Map<string, number>> {
    const scores = new Map<string, number>()
    const asked = this.#all.filter(each => each.prioritizeVerb !== undefined && isInterested(each, pod))
    const answers = asked.map(async extender => {
      try {
        const list = await this.#ask(extender, extender.prioritizeVerb!, argsFor(extender, pod, nodes), signal)
        return { extender, list: Array.isArray(list) ? list : [] }
      } catch (error) {
        // Upstream goes on without the scores too.
        this.#logger.warn('an extender gave no scores', { extender: extender.urlPrefix, error })
        return { extender, list: [] }
      }
    })
    for (const { extender, list } of await Promise.all(answers)) {
      for (const each of list) {
        const answer = new Answer(each)
        const host = answer.text('Host') ?? ''
        scores.set(host, (scores.get(host) ?? 0) + answer.number('Score') * extender.weight * SCORE_FACTOR)
      }
    }
    return scores
  }

  /**
   * Lets the extenders that have a say about preemption choose among candidates, one after the other. Nothing where none has.
   *
   * @throws Error (the promise) where one that may not be left out fails, or names what is not there.
   */
  preempt(
    pod: PodInfo,
    candidates: readonly PreemptionCandidate[],
  ): Promise<readonly PreemptionCandidate[]> | undefined {
    const asked = this.#all.filter(each => each.preemptVerb !== undefined && isInterested(each, pod))
    return asked.length === 0 ? undefined : this.#preempt(asked, pod, candidates)
  }

  async #preempt(
    asked: readonly ExtenderConfiguration[],
    pod: PodInfo,
    candidates: readonly PreemptionCandidate[],
  ): Promise<readonly PreemptionCandidate[]> {
    let left = candidates
    for (const extender of asked) {
      try {
        const body = preemptionArgs(pod, left, extender.nodeCacheCapable)
        // The loop that decides waits for the answer; how long is up to the extender's own timeout.
        const answer = await this.#ask(extender, extender.preemptVerb!, body, new AbortController().signal)
        left = preemptionCandidates(extender, answer, name => this.#cache.node(name))
      } catch (error) {
        if (!extender.ignorable) throw error
        this.#logger.warn('an extender is left out', { extender: extender.urlPrefix, error })
      }
      if (left.length === 0) break
    }
    return left
  }

  /** Has the extender that binds do it, where one does; answers whether it has. */
  async bind(pod: PodInfo, node: string, signal: AbortSignal): Promise<boolean> {
    const { name: PodName, namespace: PodNamespace, uid: PodUID } = pod.pod.metadata
    const body = { PodName, PodNamespace, PodUID, Node: node }
    for (const binder of this.#all.filter(each => each.bindVerb !== undefined && isInterested(each, pod))) {
      try {
        const answer = new Answer(await this.#ask(binder, binder.bindVerb!, body, signal))
        if (answer.text('Error')) throw new Error(answer.text('Error'))
        return true
      } catch (error) {
        if (!binder.ignorable) throw error
        this.#logger.warn('an extender is left out', { extender: binder.urlPrefix, error })
      }
    }
    return false
  }
}

/** The nodes that the extender leaves, in its order. */
function keptNodes(
  { urlPrefix, nodeCacheCapable }: ExtenderConfiguration,
  answer: Answer,
  nodes: readonly NodeInfo[],
): NodeInfo[] {
  const known = new Map(nodes.map(each => [each.name, each]))
  return answer.nodeNames(nodeCacheCapable).map(name => {
    const node = known.get(name)
    if (node !== undefined) return node
    throw new Error(
      `extender "${urlPrefix}" claims a filtered node "${name}" which is not found in the input node list`,
    )
  })
}

/** Whether the pod asks for what the extender manages. */
function isInterested({ managedResources }: ExtenderConfiguration, { pod }: PodInfo): boolean {
  if (managedResources.length === 0) return true
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]
  return containers.some(({ resources }) =>
    managedResources.some(({ name }) => name in (resources?.requests ?? {}) || name in (resources?.limits ?? {})),
  )
}

function argsFor({ nodeCacheCapable }: ExtenderConfiguration, { pod }: PodInfo, nodes: readonly NodeInfo[]): unknown {
  if (nodeCacheCapable) return { Pod: pod, Nodes: null, NodeNames: nodes.map(each => each.name) }
  return { Pod: pod, Nodes: { metadata: {}, items: nodes.map(each => each.node) }, NodeNames: null }
}
