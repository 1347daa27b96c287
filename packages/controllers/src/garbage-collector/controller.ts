/**
 * Deletes what has lost its owners, in the background, in the foreground or not at all, as the owner's deletion asked.
 * Behaviour: kubernetes pkg/controller/garbagecollector/garbagecollector.go.
 */

import { CustomResourceDefinitions } from '@canopus/api'
import {
  apiVersionOf,
  FOREGROUND_FINALIZER,
  hasFinalizer,
  hasReason,
  type KubeObject,
  type ObjectMeta,
  ORPHAN_FINALIZER,
  type OwnerReference,
  type ResourceType,
  semanticEqual,
  withoutFinalizer,
} from '@canopus/apimachinery'
import { type Counter, type Logger, perRegistry, sleep, TimeoutError, withTimeout } from '@canopus/base'
import { type Controller, type ControllerContext, runWorkers, WorkQueue } from '@canopus/operator'
import { blockingDependents, type GraphNode, type Identity, OwnerGraph } from './graph.ts'
import { Monitors } from './monitors.ts'
import { type OwnerState, planItem } from './plan.ts'

const DISCOVERY_PERIOD_MS = 30_000
/** Sooner after a failure: without an answer nothing is collected, and a server that starts at the same time is there soon. */
const DISCOVERY_RETRY_MS = 1_000
/** How long the start waits for the lists of all kinds. */
const INITIAL_SYNC_TIMEOUT_MS = 30_000
const WORKERS = 20

const syncErrors = perRegistry(registry =>
  registry
    .counter(
      'garbagecollector_controller_resources_sync_error_total',
      '[ALPHA] Number of garbage collector resources sync errors',
    )
    .with(),
)

export function createGarbageCollector(context: ControllerContext): Controller {
  context.informers.informer(CustomResourceDefinitions)
  return {
    name: 'garbage-collector-controller',
    run: signal => new GarbageCollector(context).run(signal),
  }
}

class GarbageCollector {
  readonly #context: ControllerContext
  readonly #logger: Logger
  readonly #graph: OwnerGraph
  readonly #queue: WorkQueue<string>
  readonly #monitors: Monitors
  /** How often it could not be followed what the server serves. */
  readonly #syncErrors: Counter | undefined

  constructor(context: ControllerContext) {
    this.#context = context
    this.#syncErrors = context.metrics && syncErrors(context.metrics)
    this.#logger = context.logger.child({ controller: 'garbage-collector-controller' })
    this.#queue = new WorkQueue({ clock: context.clock })
    this.#graph = new OwnerGraph(({ identity, uid }, owner) => {
      const { apiVersion, kind, name, namespace = '' } = identity
      const about = { apiVersion, kind, metadata: { name, uid, ...(namespace ? { namespace } : {}) } }
      const reference = `[${owner.apiVersion}/${owner.kind}, namespace: ${namespace}, name: ${owner.name}, uid: ${owner.uid}]`
      const text = `ownerRef ${reference} does not exist in namespace ${JSON.stringify(namespace)}`
      context.events.event(about, 'Warning', 'OwnerRefInvalidNamespace', text)
    })
    this.#monitors = new Monitors(context, {
      observed: (object, type) => this.#wake(this.#graph.observe(object, identityOf(object, type))),
      gone: object => this.#wake(this.#graph.remove(object.metadata.uid)),
    })
  }

  async run(signal: AbortSignal): Promise<void> {
    const following = this.#followServer(signal)
    const changed = this.#context.informers.informer(CustomResourceDefinitions).addHandler({
      updated: (old, object) => {
        if (old.status?.conditions?.length !== object.status?.conditions?.length) this.#refreshSoon?.()
      },
      deleted: () => this.#refreshSoon?.(),
    })
    try {
      await following.ready
      await this.#initialSync(signal)
      await runWorkers(
        {
          queue: this.#queue,
          logger: this.#logger,
          workers: this.#context.workers ?? WORKERS,
          reconcile: uid => this.#look(uid),
        },
        signal,
      )
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      changed()
      this.#queue.close()
      this.#monitors.stop()
      await following.ended
    }
  }

  /** One kind that cannot be listed, for example since its conversion fails, does not keep the others from being collected. */
  async #initialSync(signal: AbortSignal): Promise<void> {
    const wait = (within: AbortSignal): Promise<void> => this.#monitors.waitForSync(within)
    try {
      await withTimeout(this.#context.clock, INITIAL_SYNC_TIMEOUT_MS, 'listing all kinds', wait, signal)
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error
      this.#syncErrors?.add()
      this.#logger.warn('not all kinds could be listed, going on without', { error })
    }
  }

  #refreshSoon: (() => void) | undefined

  /** Keeps the monitors in step with what is served. `ready` resolves after the first time. */
  #followServer(signal: AbortSignal): { ready: Promise<void>; ended: Promise<void> } {
    const { clock } = this.#context
    let isReady = (): void => {}
    const ready = new Promise<void>((resolve, reject) => {
      isReady = resolve
      if (signal.aborted) reject(signal.reason)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    ready.catch(() => {})
    const loop = async (): Promise<void> => {
      while (!signal.aborted) {
        let period = DISCOVERY_PERIOD_MS
        try {
          await this.#monitors.refresh(signal)
          isReady()
        } catch (error) {
          if (signal.aborted) return
          period = DISCOVERY_RETRY_MS
          this.#syncErrors?.add()
          this.#logger.warn('could not follow what the server serves', { error })
        }
        const early = new AbortController()
        this.#refreshSoon = () => early.abort()
        await sleep(clock, period, AbortSignal.any([signal, early.signal])).catch(() => {})
        this.#refreshSoon = undefined
        // What a definition announces is served a moment later.
        if (early.signal.aborted) await sleep(clock, 1_000, signal).catch(() => {})
      }
    }
    return { ready, ended: loop() }
  }

  #wake(nodes: readonly GraphNode[]): void {
    for (const node of nodes) this.#queue.add(node.uid)
  }

  async #look(uid: string): Promise<undefined> {
    const node = this.#graph.get(uid)
    if (!node) return
    if (node.orphaningDependents) return this.#orphan(node)
    if (node.beingDeleted && !node.deletingDependents) return
    const type = this.#typeOf(node.identity)
    const live = await this.#get(type, node.identity, uid)
    if (!live) {
      this.#wake(this.#graph.remove(uid))
      return
    }
    if (node.virtual) throw new Error(`${node.identity.kind} ${node.identity.name} has not been seen yet`)
    if (node.deletingDependents) return this.#finishForeground(node, type)
    await this.#judge(node, type, live)
    return undefined
  }

  async #judge(node: GraphNode, type: ResourceType, live: KubeObject): Promise<void> {
    const states = new Map<string, OwnerState>()
    for (const reference of live.metadata.ownerReferences ?? []) {
      states.set(reference.uid, await this.#stateOf(reference, live.metadata.namespace))
    }
    const verdict = planItem({
      object: live,
      stateOf: reference => states.get(reference.uid) ?? 'solid',
      hasDependents: node.dependents.size > 0,
      hasWaitingDependents: [...node.dependents].some(dependent => dependent.deletingDependents),
    })
    switch (verdict.type) {
      case 'keep':
        return
      case 'dropReferences':
        return this.#changeMetadata(type, node.identity, node.uid, withoutOwners(verdict.uids))
      case 'delete':
        // A circle of owners that all wait for each other is cut here.
        if (verdict.unblock) await this.#changeMetadata(type, node.identity, node.uid, unblocked)
        return this.#delete(type, node, live, verdict.policy)
    }
  }

  async #stateOf(reference: OwnerReference, namespace: string | undefined): Promise<OwnerState> {
    const type = this.#typeOf(reference)
    if (type.namespaced && !namespace) return 'impossible'
    const owner = await this.#get(type, { ...reference, namespace }, reference.uid)
    if (!owner) return 'absent'
    const isWaiting = owner.metadata.deletionTimestamp !== undefined && hasFinalizer(owner, FOREGROUND_FINALIZER)
    return isWaiting ? 'waiting' : 'solid'
  }

  async #finishForeground(node: GraphNode, type: ResourceType): Promise<undefined> {
    const blocking = blockingDependents(node)
    if (blocking.length === 0) {
      return this.#changeMetadata(type, node.identity, node.uid, withoutFinalizerNamed(FOREGROUND_FINALIZER))
    }
    this.#wake(blocking.filter(dependent => !dependent.deletingDependents))
    return undefined
  }

  async #orphan(owner: GraphNode): Promise<undefined> {
    await Promise.all(
      [...owner.dependents].map(dependent =>
        this.#changeMetadata(
          this.#typeOf(dependent.identity),
          dependent.identity,
          dependent.uid,
          withoutOwners([owner.uid]),
        ),
      ),
    )
    const type = this.#typeOf(owner.identity)
    return this.#changeMetadata(type, owner.identity, owner.uid, withoutFinalizerNamed(ORPHAN_FINALIZER))
  }

  #typeOf({ apiVersion, kind }: { apiVersion: string; kind: string }): ResourceType {
    const type = this.#monitors.typeOf(apiVersion, kind)
    if (!type) throw new Error(`no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`)
    return type
  }

  /** The object as the server has it; nothing where it is gone or another one has its name. */
  async #get(
    type: ResourceType,
    { name, namespace }: Omit<Identity, 'apiVersion' | 'kind'>,
    uid: string,
  ): Promise<KubeObject | undefined> {
    try {
      const object = await this.#context.client.resource(type).get(name, inScope(type, namespace))
      return object.metadata.uid === uid ? object : undefined
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined
      throw error
    }
  }

  /**
   * Deletes what has been judged, unless its owners have changed since: one of them may have adopted it. Other changes do
   * not matter; an object whose status is written all the time would never go.
   */
  async #delete(type: ResourceType, node: GraphNode, judged: KubeObject, propagationPolicy: string): Promise<void> {
    const { identity, uid } = node
    const { name, namespace } = identity
    const { resourceVersion, ownerReferences } = judged.metadata
    const resource = this.#context.client.resource(type)
    const remove = (preconditions: Record<string, string>): Promise<unknown> =>
      resource.delete(name, { ...inScope(type, namespace), body: { preconditions, propagationPolicy } })
    try {
      await remove({ uid, resourceVersion }).catch(async error => {
        const live = hasReason(error, 'Conflict') ? await this.#get(type, identity, uid) : undefined
        if (!live || live.metadata.resourceVersion === resourceVersion) throw error
        if (!semanticEqual(live.metadata.ownerReferences, ownerReferences)) throw error
        await remove({ uid })
      })
    } catch (error) {
      // On a conflict it is another object, or it has other owners now: the next look sees which.
      if (!hasReason(error, 'NotFound')) throw error
    }
  }

  async #changeMetadata(
    type: ResourceType,
    identity: Identity,
    uid: string,
    change: (metadata: ObjectMeta) => Record<string, unknown> | undefined,
  ): Promise<undefined> {
    const live = await this.#get(type, identity, uid)
    const patch = live && change(live.metadata)
    if (!patch) return
    const { resourceVersion, name } = live.metadata
    try {
      // With its resourceVersion: where somebody was faster, the next look decides anew.
      const body = { metadata: { ...patch, uid, resourceVersion } }
      await this.#context.client.resource(type).patch(name, 'merge', body, inScope(type, identity.namespace))
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error
    }
  }
}

const inScope = (type: ResourceType, namespace: string | undefined): { namespace?: string } =>
  type.namespaced && namespace ? { namespace } : {}

function identityOf(object: KubeObject, type: ResourceType): Identity {
  const { name, namespace } = object.metadata
  return { apiVersion: apiVersionOf(type), kind: type.kind, name, namespace }
}

const withoutOwners =
  (uids: readonly string[]) =>
  ({ ownerReferences = [] }: ObjectMeta): Record<string, unknown> | undefined => {
    const left = ownerReferences.filter(reference => !uids.includes(reference.uid))
    if (left.length === ownerReferences.length) return undefined
    return { ownerReferences: left.length > 0 ? left : null }
  }

const withoutFinalizerNamed =
  (name: string) =>
  ({ finalizers }: ObjectMeta): Record<string, unknown> | undefined => {
    if (!finalizers?.includes(name)) return undefined
    const left = withoutFinalizer(finalizers, name)
    return { finalizers: left.length > 0 ? left : null }
  }

function unblocked({ ownerReferences = [] }: ObjectMeta): Record<string, unknown> | undefined {
  if (!ownerReferences.some(reference => reference.blockOwnerDeletion)) return undefined
  return { ownerReferences: ownerReferences.map(reference => ({ ...reference, blockOwnerDeletion: false })) }
}
