import {
  CSIDrivers,
  CSIStorageCapacities,
  PersistentVolumeClaims,
  PersistentVolumes,
  StorageClasses,
} from '@canopus/api'
import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import { deferred } from '@canopus/base'
import { AssumeCache, versionOf } from '../assume-cache.ts'
import type { ClusterChange, PluginContext, Rejection, SchedulerPlugin } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import type { PodInfo } from '../pod-info.ts'
import { reaches, type Storage, sortClaims, type VolumePlan, VolumePlanner } from '../volumes/binder.ts'
import { boundTo, claimClass, isFullyBound, SELECTED_NODE, selectedFor } from '../volumes/claims.ts'

const name = 'VolumeBinding'
const BIND_TIMEOUT = 600_000

export interface VolumeBindingOptions {
  /** Milliseconds to wait for volumes to be bound. Default 10 minutes. */
  bindTimeout?: number
}

const rejection = (...reasons: string[]): Rejection => ({ plugin: name, reasons, unresolvable: true })

/**
 * Volumes and claims (pkg/scheduler/framework/plugins/volumebinding): the node must reach the volumes that are bound; for
 * claims that wait for their first consumer it chooses volumes, or asks for new ones, and the pod waits until they are bound.
 */
export function volumeBinding(context: PluginContext, options: VolumeBindingOptions = {}): SchedulerPlugin {
  const { informers } = context
  const storage: Storage = {
    claims: new AssumeCache(informers.informer(PersistentVolumeClaims).lister),
    volumes: new AssumeCache(informers.informer(PersistentVolumes).lister),
    classes: informers.informer(StorageClasses).lister,
    drivers: informers.informer(CSIDrivers).lister,
    capacities: informers.informer(CSIStorageCapacities).lister,
  }
  return new VolumeBinding(context, storage, options.bindTimeout ?? BIND_TIMEOUT)
}

class VolumeBinding implements SchedulerPlugin {
  readonly name = name
  readonly events = [
    'NodeAdd',
    'NodeLabel',
    'PersistentVolume',
    'PersistentVolumeClaim',
    'StorageClass',
    'CSIDriver',
    'CSIStorageCapacity',
  ] as const
  readonly #context: PluginContext
  readonly #storage: Storage
  readonly #timeout: number
  /** What is assumed for pods whose binding is under way. */
  readonly #plans = new Map<string, VolumePlan>()
  /** Whoever waits for volumes looks again at every change of them. */
  readonly #waiting = new Set<() => void>()

  constructor(context: PluginContext, storage: Storage, timeout: number) {
    this.#context = context
    this.#storage = storage
    this.#timeout = timeout
  }

  connect(): () => void {
    const wake = (): void => {
      for (const each of [...this.#waiting]) each()
    }
    const handler = { added: wake, updated: wake, deleted: wake }
    const { informers } = this.#context
    const stops = [
      informers.informer(PersistentVolumeClaims).addHandler(handler),
      informers.informer(PersistentVolumes).addHandler(handler),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }

  /** Only claims of the pod's own namespace, and classes that one of its claims asks for, are of any use to it. */
  hint(pod: PodInfo, { event, object, oldObject }: ClusterChange): boolean {
    const about = object ?? oldObject
    if (event === 'PersistentVolumeClaim') {
      return about?.metadata.namespace === pod.namespace && pod.claims.some(each => each.name === about.metadata.name)
    }
    if (event !== 'StorageClass') return true
    return pod.claims.some(each => {
      const claim = this.#storage.claims.get(each.name, pod.namespace)
      return claim !== undefined && claimClass(claim) === about?.metadata.name
    })
  }

  filter(pod: PodInfo): { check(node: NodeInfo): Rejection | undefined } | Rejection | undefined {
    if (pod.claims.length === 0) return undefined
    const planner = this.#planner(pod)
    if ('reasons' in planner) return planner
    if (planner.isIdle) return undefined
    return {
      check(node) {
        const plan = planner.on(node)
        return 'bindings' in plan ? undefined : rejection(...plan)
      },
    }
  }

  #planner(pod: PodInfo): VolumePlanner | Rejection {
    const claims = sortClaims(pod, this.#storage)
    if (typeof claims === 'string') return rejection(claims)
    if (claims.immediate.length > 0) return rejection('pod has unbound immediate PersistentVolumeClaims')
    return new VolumePlanner(claims, this.#storage)
  }

  reserve(pod: PodInfo, node: NodeInfo): Rejection | undefined {
    if (pod.claims.length === 0) return undefined
    const planner = this.#planner(pod)
    if ('reasons' in planner) return planner
    const plan = planner.on(node)
    if (!('bindings' in plan)) return rejection(...plan)
    if (plan.bindings.length + plan.provisions.length === 0) return undefined
    const { claims, volumes } = this.#storage
    const assumed: VolumePlan = {
      bindings: plan.bindings.map(({ claim, volume }) => ({ claim, volume: boundTo(volume, claim) })),
      provisions: plan.provisions.map(claim => selectedFor(claim, node.name)),
    }
    for (const { volume } of assumed.bindings) volumes.assume(volume)
    for (const claim of assumed.provisions) claims.assume(claim)
    this.#plans.set(pod.key, assumed)
    return undefined
  }

  unreserve(pod: PodInfo): void {
    const plan = this.#plans.get(pod.key)
    if (plan === undefined) return
    this.#plans.delete(pod.key)
    for (const { volume } of plan.bindings) this.#storage.volumes.restore(volume.metadata.name)
    for (const { metadata } of plan.provisions) this.#storage.claims.restore(metadata.name, metadata.namespace)
  }

  preBindPreFlight(pod: PodInfo): boolean {
    return this.#plans.has(pod.key)
  }

  /** Writes what was decided and waits until the binder controller has done its part (BindPodVolumes upstream). */
  async preBind(pod: PodInfo, node: string, signal: AbortSignal): Promise<undefined> {
    const plan = this.#plans.get(pod.key)
    if (plan === undefined) return undefined
    const { client } = this.#context
    const { claims, volumes } = this.#storage
    const written: PersistentVolume[] = []
    for (const { volume } of plan.bindings) {
      const unchanged = volumes.known(volume.metadata.name) === volume
      const now = unchanged ? volume : await client.resource(PersistentVolumes).update(volume, { signal })
      volumes.assume(now)
      written.push(now)
    }
    const asked: PersistentVolumeClaim[] = []
    for (const claim of plan.provisions) {
      const now = await client.resource(PersistentVolumeClaims).update(claim, { signal })
      claims.assume(now)
      asked.push(now)
    }
    await this.#untilBound(pod, node, { volumes: written, claims: asked }, signal)
    this.#plans.delete(pod.key)
    return undefined
  }

  async #untilBound(
    pod: PodInfo,
    node: string,
    written: { volumes: readonly PersistentVolume[]; claims: readonly PersistentVolumeClaim[] },
    signal: AbortSignal,
  ): Promise<void> {
    const { clock } = this.#context
    let changed = deferred<void>()
    let timedOut = false
    const wake = (): void => changed.resolve()
    const timer = clock.setTimer(this.#timeout, () => {
      timedOut = true
      wake()
    })
    this.#waiting.add(wake)
    signal.addEventListener('abort', wake, { once: true })
    try {
      while (!this.#areBound(pod, node, written)) {
        if (timedOut) throw new Error('binding volumes: context deadline exceeded')
        signal.throwIfAborted()
        await changed.promise
        changed = deferred()
      }
    } finally {
      timer.cancel()
      this.#waiting.delete(wake)
      signal.removeEventListener('abort', wake)
    }
  }

  /** Whether all is done; throws where something stands in the way that time alone does not heal (checkBindings upstream). */
  #areBound(
    pod: PodInfo,
    node: string,
    written: { volumes: readonly PersistentVolume[]; claims: readonly PersistentVolumeClaim[] },
  ): boolean {
    const { claims, volumes } = this.#storage
    for (const own of written.volumes) {
      const { name } = own.metadata
      const volume = volumes.known(name)
      if (volume === undefined) throw new Error(`binding volumes: persistentvolume "${name}" not found`)
      if (versionOf(volume) < versionOf(own)) return false
      if (!volume.spec?.claimRef?.uid) throw new Error(`binding volumes: ClaimRef got reset for pv "${name}"`)
    }
    for (const own of written.claims) {
      const { name, namespace } = own.metadata
      const claim = claims.known(name, namespace)
      if (claim === undefined) throw new Error(`binding volumes: failed to check provisioning pvc: "${name}" not found`)
      if (versionOf(claim) < versionOf(own)) return false
      this.#checkProvisioned(claim, node)
    }
    return pod.claims.every(each => {
      const claim = claims.known(each.name, pod.namespace)
      if (claim === undefined) throw new Error(`binding volumes: persistentvolumeclaim "${each.name}" not found`)
      return isFullyBound(claim)
    })
  }

  #checkProvisioned(claim: PersistentVolumeClaim, node: string): void {
    const { name } = claim.metadata
    const selected = claim.metadata.annotations?.[SELECTED_NODE]
    if (!selected) throw new Error(`binding volumes: selectedNode annotation reset for PVC "${name}"`)
    if (selected !== node) {
      throw new Error(`binding volumes: provisioning failed for PVC "${name}"`)
    }
    const volume = claim.spec?.volumeName ? this.#storage.volumes.known(claim.spec.volumeName) : undefined
    const info = this.#context.cluster.cache.node(node)
    if (volume !== undefined && info !== undefined && !reaches(volume, info)) {
      throw new Error(`binding volumes: pv "${volume.metadata.name}" node affinity doesn't match node "${node}"`)
    }
  }
}
