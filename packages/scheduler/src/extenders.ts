import type { Logger } from '@canopus/base'
import type { ClusterCache } from './cache.ts'
import type { ExtenderConfiguration } from './config/extender-configuration.ts'
import type { Decision, SchedulingCycle } from './cycle.ts'
import type { Rejection } from './framework.ts'
import type { NodeInfo } from './node-info.ts'
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
    const found = cycle.feasible(pod)
    if ('failure' in found) return found
    const rejections = new Map<string, Rejection>()
    let nodes: readonly NodeInfo[] = found.nodes
    for (const extender of this.#all) {
      if (extender.filterVerb === undefined || nodes.length === 0 || !isInterested(extender, pod)) continue
      nodes = await this.#filter(extender, extender.filterVerb, pod, nodes, rejections, signal)
    }
    if (nodes.length === 0) {
      const all = [...cycle.rejections(pod), ...rejections]
      return { failure: { rejections: new Map(all) } }
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
    try {
      answer = new Answer(await this.#ask(extender, verb, argsFor(extender, pod, nodes), signal))
      if (answer.text('Error')) throw new Error(answer.text('Error'))
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
    const kept = new Set(answer.nodeNames(extender.nodeCacheCapable))
    return nodes.filter(each => kept.has(each.name))
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

  /** Has the extender that binds do it, where one does; answers whether it has. */
  async bind(pod: PodInfo, node: string, signal: AbortSignal): Promise<boolean> {
    const binder = this.#all.find(each => each.bindVerb !== undefined && isInterested(each, pod))
    if (binder === undefined) return false
    const { name: PodName, namespace: PodNamespace, uid: PodUID } = pod.pod.metadata
    const body = { PodName, PodNamespace, PodUID, Node: node }
    const answer = new Answer(await this.#ask(binder, binder.bindVerb!, body, signal))
    if (answer.text('Error')) throw new Error(answer.text('Error'))
    return true
  }
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

/** An answer whose fields have names in any case: that is how programs in Go read and write them. */
class Answer {
  readonly #fields: ReadonlyMap<string, unknown>

  constructor(value: unknown) {
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : []
    this.#fields = new Map(entries.map(([name, each]) => [name.toLowerCase(), each]))
  }

  text(name: string): string | undefined {
    const value = this.#fields.get(name.toLowerCase())
    return typeof value === 'string' ? value : undefined
  }

  number(name: string): number {
    const value = this.#fields.get(name.toLowerCase())
    return typeof value === 'number' ? value : 0
  }

  record(name: string): Readonly<Record<string, unknown>> {
    const value = this.#fields.get(name.toLowerCase())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  }

  nodeNames(byName: boolean): string[] {
    const names = this.#fields.get('nodenames')
    if (byName && Array.isArray(names)) return names.map(String)
    const { items } = this.record('Nodes')
    if (!Array.isArray(items)) return []
    return items.map(each => String((each as { metadata?: { name?: unknown } }).metadata?.name))
  }
}
