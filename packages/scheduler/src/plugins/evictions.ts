import { Pods } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import type { PluginContext, PostFilterResult } from '../framework.ts'
import type { PodInfo } from '../pod-info.ts'
import { PodWriter } from '../pod-writer.ts'

const IN_MEMORY = ' (in kube-scheduler memory).'

/** Evictions for the sake of one pod. */
interface Preemption {
  readonly pod: PodInfo
  /** Those who are neither gone nor leaving yet, by uid. */
  readonly left: Set<string>
}

/**
 * Evicts victims in the background, while other pods are scheduled (KEP-4832). The pod that they make room for is not tried
 * again before the informer has seen each of them gone or leaving: tried earlier it would look in vain, and evict more.
 */
export class Evictions {
  readonly #context: PluginContext
  readonly #writer: PodWriter
  readonly #underWay = new Map<string, Preemption>()
  /** For whose sake a pod is evicted, by its uid. */
  readonly #victims = new Map<string, Set<Preemption>>()

  constructor(context: PluginContext) {
    this.#context = context
    this.#writer = new PodWriter(context)
  }

  /** Follows what becomes of victims. Answers how to stop that. */
  connect(): () => void {
    return this.#context.informers.informer(Pods).addHandler({
      updated: (old, pod) => {
        if (old.metadata.uid !== pod.metadata.uid) this.#leaves(old)
        if (pod.metadata.deletionTimestamp !== undefined) this.#leaves(pod)
      },
      deleted: pod => this.#leaves(pod),
    })
  }

  /** Whether victims are being evicted for the pod. */
  isUnderWay(pod: PodInfo): boolean {
    return this.#underWay.has(pod.uid)
  }

  start(pod: PodInfo, { node, victims: all }: NonNullable<PostFilterResult['nomination']>): void {
    const { clock, cluster, metrics } = this.#context
    const begun = clock.monotonic()
    const outrun = cluster.cache.nominatedBelow(node, pod)
    // Who leaves already need not be told.
    const victims = all.filter(each => each.pod.metadata.deletionTimestamp === undefined)
    if (victims.length > 0) metrics?.preemptionVictims.observe(all.length)
    const preemption: Preemption = { pod, left: new Set(victims.map(each => each.uid)) }
    if (victims.length > 0) this.#underWay.set(pod.uid, preemption)
    for (const { uid } of victims) {
      const others = this.#victims.get(uid)
      if (others === undefined) this.#victims.set(uid, new Set([preemption]))
      else others.add(preemption)
    }
    const work = [
      ...victims.map(each => this.#evict(each, preemption, node)),
      ...outrun.map(each => this.#outrun(each)),
    ]
    const note = (result: 'success' | 'error'): void => {
      if (victims.length === 0) return
      metrics?.evictionDuration.with(result).observe((clock.monotonic() - begun) / 1000)
      metrics?.evictions.with(result).add()
    }
    void Promise.all(work).then(
      () => {
        note('success')
        this.#done(preemption, victims)
      },
      error => {
        note('error')
        this.#failed(preemption, node, error)
      },
    )
  }

  /** A pod that is not bound yet need not go: it looks for another node. */
  async #evict(victim: PodInfo, preemption: Preemption, node: string): Promise<void> {
    if (this.#context.cancelBinding?.(victim)) {
      this.#writer.tellPreempted(victim, preemption.pod, node, IN_MEMORY)
      this.#strike(victim.uid, preemption)
    } else await this.#writer.evict(victim, preemption.pod, node)
  }

  #leaves({ metadata: { uid } }: Pod): void {
    for (const preemption of [...(this.#victims.get(uid) ?? [])]) this.#strike(uid, preemption)
  }

  #strike(uid: string, preemption: Preemption): void {
    const others = this.#victims.get(uid)
    others?.delete(preemption)
    if (others?.size === 0) this.#victims.delete(uid)
    preemption.left.delete(uid)
    if (preemption.left.size > 0 || this.#underWay.get(preemption.pod.uid) !== preemption) return
    this.#underWay.delete(preemption.pod.uid)
    this.#context.release(preemption.pod)
  }

  /** All are told. Those who were gone before anybody looked nobody will see go. */
  #done(preemption: Preemption, victims: readonly PodInfo[]): void {
    const { cache } = this.#context.cluster
    const unseen = victims.filter(({ uid, key }) => preemption.left.has(uid) && !cache.has(key))
    for (const { uid } of unseen) this.#strike(uid, preemption)
    if (unseen.length > 0) this.#context.activate(preemption.pod)
  }

  /** Not all could be told: the pod looks for another way at once. */
  #failed(preemption: Preemption, node: string, error: unknown): void {
    const { pod } = preemption
    this.#context.logger.warn('victims could not be evicted', { pod: pod.key, node, error })
    this.#underWay.delete(pod.uid)
    for (const uid of [...preemption.left]) this.#strike(uid, preemption)
    this.#context.activate(pod)
  }

  /** Less important pods that waited for the same node look for another one. */
  async #outrun(pod: PodInfo): Promise<void> {
    this.#context.cluster.cache.nominate(pod, undefined)
    await this.#writer.clearNomination(pod).catch(error => {
      this.#context.logger.debug('a nomination could not be taken back', { pod: pod.key, error })
    })
  }
}
