/** Runs one pod of a template on every node that it suits (kubernetes pkg/controller/daemon). */

import { ControllerRevisions, DaemonSets, Nodes, Pods } from '@canopus/api'
import type { DaemonSet } from '@canopus/api/apps/v1'
import type { Pod, PodTemplateSpec } from '@canopus/api/core/v1'
import { clone, hasReason, labelSelector, matches, semanticEqual } from '@canopus/apimachinery'
import { Backoff, messageOf } from '@canopus/base'
import { keyOf, splitKey } from '@canopus/client'
import {
  again,
  type Controller,
  type ControllerContext,
  claim,
  defineController,
  Expectations,
  OwnWrites,
  on,
  patchStatus,
  slowStart,
} from '@canopus/operator'
import { Gathering } from '../common/gathering.ts'
import { ownerTrigger, podTrigger } from '../common/pod-trigger.ts'
import { claimablePods, nextAvailable, podFromTemplate, podInformer } from '../common/pods.ts'
import { claimRevisions, ensureRevision, hashOf, REVISION_LABEL, truncateHistory } from '../common/revisions.ts'
import { staleSyncSkips } from '../common/stale-sync-skips.ts'
import { podTemplateHash } from '../common/template-hash.ts'
import { isNamespaceTerminating } from '../replica-set.ts'
import { withoutDuplicates } from './duplicates.ts'
import { daemonTolerations, pinnedTo, placementOn, targetNode } from './placement.ts'
import { type DaemonSetState, planPlacement, planUpdate, statusOf } from './plan.ts'
import { revisionTrigger } from './revision-trigger.ts'

const GENERATION = 'deprecated.daemonset.template.generation'
const BURST = 250

export function createDaemonSetController(context: ControllerContext): Controller {
  const sets = context.informers.informer(DaemonSets)
  const nodes = context.informers.informer(Nodes)
  const pods = podInformer(context.informers)
  context.informers.informer(ControllerRevisions)
  const expectations = new Expectations(context.clock)
  const gathering = new Gathering()
  const ownWrites = new OwnWrites([sets, pods], staleSyncSkips(context, 'daemonset_controller', 'DaemonSet'))
  const shell = new Shell(context, expectations, ownWrites)
  return defineController(context, {
    name: 'daemonset-controller',
    triggers: [
      ownerTrigger(DaemonSets, gathering),
      podTrigger({
        context,
        owner: DaemonSets,
        expectations,
        gathering,
        selectorOf: set => labelSelector(set.spec.selector),
      }),
      revisionTrigger(context),
      on(Nodes, ({ object, old, deleted, initial }, enqueue) => {
        if (initial) return
        for (const set of sets.lister.list()) {
          const before = old && placementOn(set, old)
          const after = placementOn(set, object)
          if (deleted || !before || before.run !== after.run || before.stay !== after.stay) enqueue(keyOf(set))
        }
      }),
    ],
    async reconcile(key) {
      const { name, namespace } = splitKey(key)
      ownWrites.ensureSeen(key)
      expectations.creationsSeen(key)
      const set = sets.lister.get(name, namespace)
      if (!set) {
        expectations.forget(key)
        gathering.note(key, 0)
        return undefined
      }
      if (semanticEqual(set.spec.selector, {})) {
        const text = 'This daemon set is selecting all pods. A non-empty selector is required.'
        context.events.event(set, 'Warning', 'SelectingAll', text)
        return undefined
      }
      if (set.metadata.deletionTimestamp) return undefined
      const selector = labelSelector(set.spec.selector)
      // Asked before the pods are listed: what is observed while this waits is not in the list.
      const isSettled = expectations.satisfied(key)
      const claimed = await claim<Pod>({
        owner: set,
        ownerType: DaemonSets,
        candidates: claimablePods(pods, set),
        matches: pod => matches(selector, pod.metadata.labels),
        client: context.client.resource(Pods),
        freshOwner: () => context.client.resource(DaemonSets).get(name, { namespace: namespace! }),
      })
      gathering.note(key, claimed.length)
      const history = { revisions: await claimRevisions(context, set, DaemonSets, 'released'), pods: claimed }
      const { revisions: known, pods: own } = await withoutDuplicates(context, set, history)
      const { revisions, update, collisionCount } = await ensureRevision(
        context,
        set,
        DaemonSets,
        known,
        set.status?.collisionCount,
        { label: REVISION_LABEL, hash: (_data, collisions) => podTemplateHash(set.spec.template, collisions) },
      )
      const hash = hashOf(update)
      const state: DaemonSetState = { set, nodes: nodes.lister.list(), pods: own, hash, now: context.clock.now() }
      try {
        if (isSettled) await shell.apply(state)
        if (isSettled && expectations.satisfied(key)) {
          const inUse = new Set([...own.map(pod => pod.metadata.labels?.[REVISION_LABEL] ?? ''), hash])
          await truncateHistory(context, set, revisions, inUse)
        }
      } finally {
        const status = statusOf(state, collisionCount)
        const written = await patchStatus(
          context.client.resource(DaemonSets),
          set,
          latest => (semanticEqual(latest.status, status) ? undefined : { ...latest, status }),
          { clock: context.clock },
        )
        ownWrites.wrote(key, DaemonSets, written)
      }
      const available = nextAvailable(own, set.spec.minReadySeconds ?? 0, state.now)
      return again(available, shell.nextRetry(own), expectations.patience(key))
    },
  })
}

class Shell {
  readonly #context: ControllerContext
  readonly #expectations: Expectations
  readonly #ownWrites: OwnWrites
  /** A daemon that fails again and again on a node is not restarted ever faster. */
  readonly #backoffs = new Map<string, { backoff: Backoff; until: number }>()

  constructor(context: ControllerContext, expectations: Expectations, ownWrites: OwnWrites) {
    this.#context = context
    this.#expectations = expectations
    this.#ownWrites = ownWrites
  }

  async apply(state: DaemonSetState): Promise<void> {
    const placement = planPlacement(state)
    const held = new Set(placement.ended.filter(pod => pod.status?.phase === 'Failed' && !this.#mayRetry(pod)))
    for (const pod of placement.ended) if (!held.has(pod)) this.#tellEnded(state.set, pod)
    const doomed = placement.delete.filter(pod => !held.has(pod))
    await this.#sync(state, { create: placement.create, delete: doomed })
    const isRolling = state.set.spec.updateStrategy?.type !== 'OnDelete'
    if (!isRolling || !this.#expectations.satisfied(keyOf(state.set))) return
    const pods = state.pods.filter(pod => !doomed.includes(pod))
    await this.#sync(state, planUpdate({ ...state, pods }))
  }

  /** Milliseconds until a pod that ended may be replaced. */
  nextRetry(pods: readonly Pod[]): number | undefined {
    const now = this.#context.clock.monotonic()
    const waits = pods
      .map(pod => this.#backoffs.get(this.#idOf(pod))?.until ?? 0)
      .filter(until => until > now)
      .map(until => until - now)
    return waits.length === 0 ? undefined : Math.min(...waits)
  }

  #idOf(pod: Pod): string {
    return `${pod.metadata.ownerReferences?.find(each => each.controller)?.uid}/${targetNode(pod)}`
  }

  #mayRetry(pod: Pod): boolean {
    const id = this.#idOf(pod)
    const now = this.#context.clock.monotonic()
    const entry = this.#backoffs.get(id) ?? { backoff: new Backoff({ initial: 1_000, max: 900_000 }), until: 0 }
    if (now < entry.until) return false
    // Fifteen quiet minutes beyond the delay forgive everything.
    if (entry.until > 0 && now > entry.until + 1_800_000) entry.backoff.reset()
    entry.until = now + entry.backoff.next()
    this.#backoffs.set(id, entry)
    return true
  }

  #tellEnded(set: DaemonSet, pod: Pod): void {
    const where = `${pod.metadata.namespace}/${pod.metadata.name} on node ${targetNode(pod)}`
    const { events } = this.#context
    if (pod.status?.phase === 'Failed') {
      events.event(set, 'Warning', 'FailedDaemonPod', `Found failed daemon pod ${where}, will try to kill it`)
    } else {
      events.event(set, 'Normal', 'SucceededDaemonPod', `Found succeeded daemon pod ${where}, will try to delete it`)
    }
  }

  async #sync({ set, hash }: DaemonSetState, plan: { create: string[]; delete: Pod[] }): Promise<void> {
    const key = keyOf(set)
    const create = plan.create.slice(0, BURST)
    const doomed = plan.delete.slice(0, BURST)
    const { client, events } = this.#context
    if (create.length > 0) this.#expectations.expectCreations(key, create.length)
    this.#expectations.expectDeletions(
      key,
      doomed.map(pod => pod.metadata.uid),
    )
    const { succeeded, error } = await slowStart(create.length, async index => {
      try {
        const pod = await client.resource(Pods).create(daemonPod(set, create[index]!, hash))
        this.#ownWrites.wrote(key, Pods, pod)
        events.event(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
      } catch (failure) {
        if (!isNamespaceTerminating(failure)) {
          const text = messageOf(failure)
          events.event(set, 'Warning', 'FailedCreate', `Error creating: ${text}`)
        }
        throw failure
      }
    })
    if (succeeded < create.length) this.#expectations.lowerCreations(key, create.length - succeeded)
    await Promise.all(doomed.map(pod => this.#delete(set, pod)))
    if (error !== undefined && !isNamespaceTerminating(error)) throw error
  }

  async #delete(set: DaemonSet, pod: Pod): Promise<void> {
    const { name, namespace, uid } = pod.metadata
    const { client, events } = this.#context
    try {
      await client.resource(Pods).delete(name, { namespace: namespace!, body: { preconditions: { uid } } })
      events.event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`)
    } catch (error) {
      this.#expectations.deletionObserved(keyOf(set), uid)
      if (hasReason(error, 'NotFound')) return
      events.event(set, 'Warning', 'FailedDelete', `Error deleting: ${error instanceof Error ? error.message : error}`)
      throw error
    }
  }
}

function daemonPod(set: DaemonSet, node: string, hash: string): Pod {
  const template: PodTemplateSpec = clone(set.spec.template)
  const generation = set.metadata.annotations?.[GENERATION]
  const pod = podFromTemplate(set, DaemonSets, template)
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: {
        ...pod.metadata.labels,
        ...(generation ? { 'pod-template-generation': generation } : {}),
        [REVISION_LABEL]: hash,
      },
    },
    spec: {
      ...template.spec,
      affinity: pinnedTo(template.spec.affinity, node),
      tolerations: daemonTolerations(template.spec),
    },
  }
}
