import type { PluginContext, PostFilterResult } from '../framework.ts'
import type { PodInfo } from '../pod-info.ts'
import { PodWriter } from '../pod-writer.ts'

const IN_MEMORY = ' (in kube-scheduler memory).'

/** Evicts victims in the background, while other pods are scheduled (KEP-4832). */
export class Evictions {
  readonly #context: PluginContext
  readonly #writer: PodWriter
  readonly #underWay = new Set<string>()

  constructor(context: PluginContext) {
    this.#context = context
    this.#writer = new PodWriter(context)
  }

  /** Whether victims are being evicted for the pod. */
  isUnderWay(pod: PodInfo): boolean {
    return this.#underWay.has(pod.uid)
  }

  start(pod: PodInfo, { node, victims }: NonNullable<PostFilterResult['nomination']>): void {
    const { cluster, logger } = this.#context
    const outrun = cluster.cache.nominatedBelow(node, pod)
    this.#context.metrics?.preemptionVictims.observe(victims.length)
    this.#underWay.add(pod.uid)
    void Promise.all([...victims.map(each => this.#evict(each, pod, node)), ...outrun.map(each => this.#outrun(each))])
      .then(() => true)
      .catch(error => {
        logger.warn('victims could not be evicted', { pod: pod.key, node, error })
        return false
      })
      .then(done => {
        this.#underWay.delete(pod.uid)
        // Where it went well, the end of the victims wakes the pod, unless they were gone before anybody looked.
        const awaited = done && victims.some(each => cluster.cache.has(each.key))
        if (!awaited) this.#context.activate(pod)
      })
  }

  /** A pod that is not bound yet need not go: it looks for another node. */
  async #evict(victim: PodInfo, preemptor: PodInfo, node: string): Promise<void> {
    if (this.#context.cancelBinding?.(victim)) this.#writer.tellPreempted(victim, preemptor, node, IN_MEMORY)
    else await this.#writer.evict(victim, preemptor, node)
  }

  /** Less important pods that waited for the same node look for another one. */
  async #outrun(pod: PodInfo): Promise<void> {
    this.#context.cluster.cache.nominate(pod, undefined)
    await this.#writer.clearNomination(pod).catch(error => {
      this.#context.logger.debug('a nomination could not be taken back', { pod: pod.key, error })
    })
  }
}
