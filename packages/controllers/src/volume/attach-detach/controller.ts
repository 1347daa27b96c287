/**
 * Asks CSI drivers to attach the volumes of pods to their nodes, and to detach them: a VolumeAttachment per volume and node, which
 * the driver's attacher answers (kubernetes pkg/controller/volume/attachdetach, pkg/volume/csi/csi_attacher.go).
 */

import { CSIDrivers, Nodes, PersistentVolumeClaims, PersistentVolumes, Pods, VolumeAttachments } from '@canopus/api'
import type { Node, PersistentVolume, Pod } from '@canopus/api/core/v1'
import type { VolumeAttachment } from '@canopus/api/storage/v1'
import { hasReason, isConditionTrue, semanticEqual } from '@canopus/apimachinery'
import { keyOf } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, mapped, on, primary } from '@canopus/operator'
import { isFinished } from '../../common/pods.ts'
import { claimsOf, indexPodsByClaim, podsOfClaim } from '../protection.ts'
import { type AttachedState, type AttachMetrics, attachMetrics } from './attach-metrics.ts'
import { attachmentName } from './attachment-name.ts'
import { MAX_WAIT_FOR_UNMOUNT, type NodePlan, planNode, uniqueNameOf, type WantedVolume } from './plan.ts'

const MANAGED = 'volumes.kubernetes.io/controller-managed-attach-detach'
const BY_NODE = 'attach-node'
const BY_VOLUME = 'volume'
/** A volume that another node has is asked for again so often. */
const BLOCKED_RETRY = 2_000

const nodeOf = ({ spec }: Pod): string[] => (spec?.nodeName ? [spec.nodeName] : [])
const nodeOfAttachment = ({ spec }: VolumeAttachment): string[] => [spec.nodeName]
const volumeOf = ({ spec }: VolumeAttachment): string[] => [spec.source.persistentVolumeName ?? '']

export interface AttachDetachOptions {
  /** No volume is taken from a node only because the node has held on to it for too long. */
  disableForceDetachOnTimeout?: boolean
}

export function createAttachDetachController(
  context: ControllerContext,
  options: AttachDetachOptions = {},
): Controller {
  const attacher = new Attacher(context, options)
  const { informers } = context
  informers.informer(Pods).addIndex(BY_NODE, nodeOf)
  indexPodsByClaim(informers.informer(Pods))
  informers.informer(VolumeAttachments).addIndex(BY_NODE, nodeOfAttachment)
  informers.informer(VolumeAttachments).addIndex(BY_VOLUME, volumeOf)
  return defineController(context, {
    name: 'persistentvolume-attach-detach-controller',
    triggers: [
      primary(Nodes, ({ object, old, deleted }) => {
        const inUse = (node: typeof object | undefined): unknown => node?.status?.volumesInUse
        const isReady = (node: typeof object): boolean => isConditionTrue(node.status?.conditions, 'Ready')
        return (
          deleted ||
          !old ||
          isReady(old) !== isReady(object) ||
          !semanticEqual(inUse(old), inUse(object)) ||
          !semanticEqual(old.spec, object.spec)
        )
      }),
      mapped(Pods, pod => (pod.spec?.nodeName && claimsOf(pod).length > 0 ? [pod.spec.nodeName] : [])),
      mapped(VolumeAttachments, each => [each.spec.nodeName]),
      on(PersistentVolumeClaims, ({ object }, enqueue) => {
        for (const pod of podsOfClaim(informers.informer(Pods), keyOf(object)))
          if (pod.spec?.nodeName) enqueue(pod.spec.nodeName)
      }),
      // Not among the triggers by which nodes are found, but read: the first list has to be there.
      on(PersistentVolumes, () => {}),
      on(CSIDrivers, () => {}),
    ],
    reconcile: name => attacher.sync(name),
  })
}

class Attacher {
  readonly #context: ControllerContext
  readonly #options: AttachDetachOptions
  /** Since when nobody wants what nodes hold on to: by node, by the attachment's uid. */
  readonly #waiting = new Map<string, ReadonlyMap<string, number>>()
  /** Pods that have been told of a volume that another node has. */
  readonly #told = new Set<string>()
  readonly #metrics: AttachMetrics | undefined

  constructor(context: ControllerContext, options: AttachDetachOptions) {
    this.#context = context
    this.#options = options
    this.#metrics = context.metrics && attachMetrics(context.metrics)
    if (this.#metrics) this.#metrics.state = this.#state()
  }

  async sync(name: string): Promise<{ requeueAfter: number } | undefined> {
    const { clock, informers } = this.#context
    const node = informers.informer(Nodes).lister.get(name)
    if (node && !isManaged(node)) return undefined
    const now = clock.now()
    const since = this.#waiting.get(name)
    const attachments = informers.informer(VolumeAttachments).lister
    const plan = planNode({
      node,
      wanted: this.#wanted(name),
      attachments: attachments.byIndex(BY_NODE, name),
      elsewhere: volume =>
        attachments.byIndex(BY_VOLUME, volume.metadata.name).filter(each => each.spec.nodeName !== name),
      needsAttaching: driver => this.#needsAttaching(driver),
      volume: each => informers.informer(PersistentVolumes).lister.get(each),
      waited: ({ metadata }) => now - (since?.get(metadata.uid!) ?? now),
      ...this.#options,
    })
    for (const wanted of plan.attach) await this.#attach(name, wanted)
    // The node is told first: it must not begin to use what is about to go.
    await this.#report(name, plan)
    for (const { attachment, forced } of plan.detach) {
      await this.#detach(attachment)
      if (forced) this.#metrics?.forced(forced)
    }
    for (const wanted of plan.blocked) this.#tellBlocked(wanted)
    const overdue = this.#await(name, plan, now)
    if (plan.blocked.length > 0) return { requeueAfter: BLOCKED_RETRY }
    return overdue === undefined ? undefined : { requeueAfter: overdue }
  }

  /** Writes down since when the node is waited for. Answers in how many milliseconds its time is over. */
  #await(name: string, { waiting }: NodePlan, now: number): number | undefined {
    const before = this.#waiting.get(name)
    if (waiting.length === 0) this.#waiting.delete(name)
    else this.#waiting.set(name, new Map(waiting.map(({ metadata: { uid } }) => [uid!, before?.get(uid!) ?? now])))
    const ends = [...(this.#waiting.get(name)?.values() ?? [])].map(since => since + MAX_WAIT_FOR_UNMOUNT + 1)
    const next = Math.min(...ends.filter(end => end > now))
    return this.#options.disableForceDetachOnTimeout || next === Number.POSITIVE_INFINITY ? undefined : next - now
  }

  #wanted(node: string): WantedVolume[] {
    const { informers } = this.#context
    const found = new Map<string, { volume: PersistentVolume; pods: Pod[] }>()
    for (const pod of informers.informer(Pods).lister.byIndex(BY_NODE, node)) {
      if (isOver(pod)) continue
      for (const name of claimsOf(pod)) {
        const volume = this.#volumeOf(name, pod.metadata.namespace)
        if (!volume?.spec.csi) continue
        const entry = found.get(volume.metadata.name) ?? { volume, pods: [] }
        entry.pods.push(pod)
        found.set(volume.metadata.name, entry)
      }
    }
    return [...found.values()]
  }

  #needsAttaching(driver: string): boolean {
    return this.#context.informers.informer(CSIDrivers).lister.get(driver)?.spec.attachRequired !== false
  }

  /** The volume that a claim is bound to. */
  #volumeOf(claimName: string, namespace: string | undefined): PersistentVolume | undefined {
    const { informers } = this.#context
    const claim = informers.informer(PersistentVolumeClaims).lister.get(claimName, namespace)
    if (claim?.status?.phase !== 'Bound' || !claim.spec.volumeName) return undefined
    const volume = informers.informer(PersistentVolumes).lister.get(claim.spec.volumeName)
    return volume?.spec.claimRef?.uid === claim.metadata.uid ? volume : undefined
  }

  /** What figures tell of. */
  #state(): AttachedState {
    const { informers } = this.#context
    return {
      inUse: () =>
        informers
          .informer(Pods)
          .lister.list()
          .filter(pod => pod.spec?.nodeName)
          .flatMap(pod => {
            const claims = claimsOf(pod).map(name => this.#volumeOf(name, pod.metadata.namespace)?.spec)
            const sources = [...claims.filter(spec => spec !== undefined), ...(pod.spec?.volumes ?? [])]
            return sources.map(source => ({ node: pod.spec!.nodeName!, source }))
          }),
      desired: () =>
        informers
          .informer(Nodes)
          .lister.list()
          .filter(isManaged)
          .flatMap(({ metadata }) => this.#wanted(metadata.name).map(({ volume }) => volume))
          .filter(({ spec }) => this.#needsAttaching(spec.csi!.driver)),
      actual: () =>
        informers
          .informer(VolumeAttachments)
          .lister.list()
          .filter(({ status }) => status?.attached === true)
          .map(({ spec }) => informers.informer(PersistentVolumes).lister.get(spec.source.persistentVolumeName ?? ''))
          .filter(volume => volume !== undefined),
    }
  }

  async #attach(nodeName: string, { volume }: WantedVolume): Promise<void> {
    const { driver, volumeHandle } = volume.spec.csi!
    try {
      await this.#context.client.resource(VolumeAttachments).create({
        metadata: { name: attachmentName(volumeHandle, driver, nodeName) },
        spec: { attacher: driver, nodeName, source: { persistentVolumeName: volume.metadata.name } },
      })
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error
    }
  }

  async #detach({ metadata }: VolumeAttachment): Promise<void> {
    try {
      await this.#context.client.resource(VolumeAttachments).delete(metadata.name)
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error
    }
  }

  async #report(name: string, { attached }: NodePlan): Promise<void> {
    const node = this.#context.informers.informer(Nodes).lister.get(name)
    const before = node?.status?.volumesAttached ?? []
    if (!node || semanticEqual(before, attached)) return
    const status = { volumesAttached: attached.length > 0 ? attached : null }
    await this.#context.client.resource(Nodes).patch(name, 'merge', { status }, { subresource: 'status' })
    for (const { volume, pods } of this.#wanted(name)) {
      const unique = uniqueNameOf(volume)
      const isNew = attached.some(each => each.name === unique) && !before.some(each => each.name === unique)
      const message = `AttachVolume.Attach succeeded for volume ${JSON.stringify(volume.metadata.name)} `
      if (isNew) for (const pod of pods) this.#context.events.event(pod, 'Normal', 'SuccessfulAttachVolume', message)
    }
  }

  #tellBlocked({ volume, pods }: WantedVolume): void {
    const why = "Volume is already exclusively attached to one node and can't be attached to another"
    const message = `Multi-Attach error for volume ${JSON.stringify(volume.metadata.name)} ${why}`
    for (const pod of pods) {
      const once = `${pod.metadata.uid} ${volume.metadata.name}`
      if (this.#told.has(once)) continue
      this.#told.add(once)
      this.#context.events.event(pod, 'Warning', 'FailedAttachVolume', message)
    }
  }
}

/** Whether volumes are attached to the node from here. */
const isManaged = (node: Node | undefined): node is Node => node?.metadata.annotations?.[MANAGED] === 'true'

/** Nothing of the pod runs any more. */
function isOver(pod: Pod): boolean {
  if (isFinished(pod)) return true
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]
  return (
    pod.metadata.deletionTimestamp !== undefined && statuses.length > 0 && statuses.every(each => !each.state?.running)
  )
}
