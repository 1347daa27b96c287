import { Pods } from '@canopus/api'
import type { Pod, PodCondition } from '@canopus/api/core/v1'
import { findCondition, formatTime, hasReason } from '@canopus/apimachinery'
import type { ResourceClient } from '@canopus/client'
import type { PluginContext } from './framework.ts'
import { type PodInfo, told } from './pod-info.ts'

type WriterContext = Pick<PluginContext, 'client' | 'clock' | 'events'>

/** What the scheduler writes beside bindings: conditions, nominations, evictions. */
export class PodWriter {
  readonly #pods: ResourceClient<Pod>
  readonly #context: WriterContext

  constructor(context: WriterContext) {
    this.#pods = context.client.resource(Pods)
    this.#context = context
  }

  /**
   * Says on the pod why it has no node, and which node it shall wait for (an empty text takes that back; nothing leaves it
   * as it is). Writes only what changed.
   */
  async setUnscheduled(pod: PodInfo, reason: string, message: string, nominated: string | undefined): Promise<void> {
    const { status } = pod.pod
    const condition = changedCondition(pod.pod, {
      type: 'PodScheduled',
      status: 'False',
      reason,
      message,
      ...observedGeneration(pod.pod),
    })
    const renominated = nominated !== undefined && nominated !== (status?.nominatedNodeName ?? '')
    if (condition === undefined && !renominated) return
    // What was written a moment ago the pod may not show yet.
    const takenBack = nominated === ''
    await this.#patchStatus(pod, {
      ...(condition === undefined ? {} : { conditions: [this.#stamped(pod.pod, condition)] }),
      ...(takenBack ? { nominatedNodeName: null } : renominated ? { nominatedNodeName: nominated } : {}),
    })
  }

  /** Says which node the pod will go to. */
  async nominate(pod: PodInfo, node: string): Promise<void> {
    if (pod.pod.status?.nominatedNodeName !== node) await this.#patchStatus(pod, { nominatedNodeName: node })
  }

  /** Takes the promise of a node back. */
  async clearNomination(pod: PodInfo): Promise<void> {
    await this.#patchStatus(pod, { nominatedNodeName: null })
  }

  /** Takes a pod off its node for a more important one: first says why, then deletes it. */
  async evict(victim: PodInfo, preemptor: PodInfo, node: string): Promise<void> {
    if (victim.pod.metadata.deletionTimestamp !== undefined) return
    const { name } = victim.pod.metadata
    const { namespace, uid } = victim
    const scheduler = preemptor.pod.spec?.schedulerName ?? 'default-scheduler'
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: `${scheduler}: preempting to accommodate a higher priority pod`,
      ...observedGeneration(victim.pod),
    }
    try {
      await this.#patchStatus(victim, { conditions: [this.#stamped(victim.pod, condition)] })
      await this.#pods.delete(name, { namespace, body: { preconditions: { uid } } })
    } catch (error) {
      if (hasReason(error, 'NotFound')) return
      throw error
    }
    this.tellPreempted(victim, preemptor, node)
  }

  /** Says of a pod that it had to make room; `how` ends the sentence. */
  tellPreempted(victim: PodInfo, preemptor: PodInfo, node: string, how = ''): void {
    const message = `Preempted by pod ${preemptor.uid} on node ${node}${how}`
    const details = { ...told(preemptor, 'Preempting'), related: preemptor.pod }
    this.#context.events.event(victim.pod, 'Normal', 'Preempted', message, details)
  }

  #stamped(pod: Pod, condition: PodCondition): PodCondition {
    const old = findCondition(pod.status?.conditions, condition.type)
    const kept = old?.status === condition.status ? old.lastTransitionTime : undefined
    return { ...condition, lastTransitionTime: kept ?? formatTime(this.#context.clock.now()) }
  }

  async #patchStatus(pod: PodInfo, status: Record<string, unknown>): Promise<void> {
    // The uid keeps the patch off a pod of the same name made meanwhile.
    const patch = { metadata: { uid: pod.uid }, status }
    await this.#pods.patch(pod.pod.metadata.name, 'strategic', patch, {
      namespace: pod.namespace,
      subresource: 'status',
    })
  }
}

/** Which spec of the pod a condition is about (pkg/api/v1/pod: CalculatePodConditionObservedGeneration). */
const observedGeneration = ({ metadata }: Pod): { observedGeneration?: number } =>
  metadata.generation ? { observedGeneration: metadata.generation } : {}

/** The condition, where it says something that the pod's does not say yet. */
function changedCondition(pod: Pod, condition: PodCondition): PodCondition | undefined {
  const old = findCondition(pod.status?.conditions, condition.type)
  const same =
    old?.status === condition.status && old.reason === condition.reason && (old.message ?? '') === condition.message
  return same ? undefined : condition
}
