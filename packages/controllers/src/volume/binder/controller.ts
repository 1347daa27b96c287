/**
 * Binds claims and volumes to each other, has volumes made for claims that find none, and releases those whose claim is gone
 * (kubernetes pkg/controller/volume/persistentvolume). Volumes themselves are made and removed by provisioners, which are told
 * by annotation.
 */

import { PersistentVolumeClaims, PersistentVolumes, Pods, StorageClasses } from '@canopus/api'
import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import { hasReason } from '@canopus/apimachinery'
import { keyOf, splitKey } from '@canopus/client'
import {
  type Change,
  type Controller,
  type ControllerContext,
  defineController,
  type Enqueue,
  on,
  primary,
  type ReconcileResult,
} from '@canopus/operator'
import { isFinished } from '../../common/pods.ts'
import { BIND_COMPLETED } from '../annotations.ts'
import { indexPodsByClaim, podsOfClaim } from '../protection.ts'
import { classOfClaim, classOfVolume, namesClass } from '../storage-classes.ts'
import { type BinderMetrics, binderMetrics } from './binder-metrics.ts'
import {
  claimBoundTo,
  claimForProvisioner,
  claimInPhase,
  unboundVolume,
  volumeBoundTo,
  volumeInPhase,
} from './changes.ts'
import { externalProvisioning, type PlannedEvent, planClaim } from './claim-plan.ts'
import { planVolume } from './volume-plan.ts'
import { WrittenObjects } from './written.ts'

/** Claims that wait are looked at this often, and each time it is told what for. */
const RESYNC = 15_000

/** Volumes: `for ns/name` those that refer to a claim, `free class` the others. */
const BY_USE = 'use'
/** Claims without a volume: `class name`, or `unnamed` for those that may get the default class yet. */
const WAITING = 'waiting'
/** Keys of classes, whose waiting claims are to be looked at: many volumes may come at a time. */
const OF_CLASS = 'class:'

export function createPersistentVolumeBinder(context: ControllerContext): Controller {
  const binder = new Binder(context)
  return defineController(context, {
    name: 'persistentvolume-binder-controller',
    // Claims compete for the same volumes; whoever comes second must see what the first got.
    workers: 1,
    triggers: [
      primary(PersistentVolumeClaims),
      on(PersistentVolumeClaims, (change, enqueue) => binder.claimChanged(change, enqueue)),
      primary(PersistentVolumes),
      on(PersistentVolumes, (change, enqueue) => binder.volumeChanged(change, enqueue)),
      on(StorageClasses, ({ object, deleted }, enqueue) => {
        if (!deleted) enqueue(`${OF_CLASS}${object.metadata.name}`)
      }),
    ],
    // Claims have a namespace in their key, volumes have not.
    reconcile: key => {
      if (key.startsWith(OF_CLASS)) return binder.wake(key.slice(OF_CLASS.length))
      return key.includes('/') ? binder.syncClaim(key) : binder.syncVolume(key)
    },
  })
}

class Binder {
  readonly #context: ControllerContext
  readonly #claims: WrittenObjects<PersistentVolumeClaim>
  readonly #volumes: WrittenObjects<PersistentVolume>
  readonly #metrics: BinderMetrics | undefined
  #enqueue: Enqueue = () => {}

  constructor(context: ControllerContext) {
    this.#context = context
    const claims = context.informers.informer(PersistentVolumeClaims)
    const volumes = context.informers.informer(PersistentVolumes)
    claims.addIndex(WAITING, waitingUnder)
    volumes.addIndex(BY_USE, usesOf)
    indexPodsByClaim(context.informers.informer(Pods))
    this.#claims = new WrittenObjects(claims)
    this.#volumes = new WrittenObjects(volumes)
    this.#metrics = context.metrics && binderMetrics(context.metrics)
    if (this.#metrics) {
      this.#metrics.claims = () => claims.lister.list()
      this.#metrics.volumes = () => volumes.lister.list()
    }
  }

  /** The volume of a claim that went has to be released. */
  claimChanged({ object, deleted }: Change<PersistentVolumeClaim>, enqueue: Enqueue): void {
    this.#enqueue = enqueue
    if (!deleted) return
    this.#claims.forget(object)
    if (object.spec?.volumeName) enqueue(object.spec.volumeName)
    const { lister } = this.#context.informers.informer(PersistentVolumes)
    for (const volume of lister.byIndex(BY_USE, `for ${keyOf(object)}`)) enqueue(keyOf(volume))
  }

  /** The claim of a volume that went is lost; a volume that became free is for whoever waits for its like. */
  volumeChanged({ object, old, deleted }: Change<PersistentVolume>, enqueue: Enqueue): void {
    this.#enqueue = enqueue
    if (deleted) this.#volumes.forget(object)
    const { claimRef } = object.spec
    if (claimRef?.name) enqueue(`${claimRef.namespace}/${claimRef.name}`)
    if (!deleted && object.status?.phase === 'Available' && old?.status?.phase !== 'Available')
      enqueue(`${OF_CLASS}${classOfVolume(object)}`)
  }

  /** Claims of the class that wait are looked at, and those that name no class. */
  async wake(className: string): Promise<undefined> {
    const { lister } = this.#context.informers.informer(PersistentVolumeClaims)
    for (const value of new Set([`class ${className}`, 'unnamed']))
      for (const claim of lister.byIndex(WAITING, value)) this.#enqueue(keyOf(claim))
  }

  async syncClaim(key: string): Promise<ReconcileResult | undefined> {
    const { name, namespace } = splitKey(key)
    const claim = this.#claims.get(name, namespace)
    if (!claim) return undefined
    const plan = planClaim(claim, {
      volume: each => this.#volumes.get(each),
      candidates: each => this.#candidates(each),
      storageClasses: () => this.#context.informers.informer(StorageClasses).lister.list(),
      waitingPods: each => this.#waitingPods(each),
    })
    switch (plan.action) {
      case 'bind':
        return this.#bind(claim, plan.volume)
      case 'assign-class':
        await this.#assignClass(claim, plan.className)
        return undefined
      case 'provision': {
        const told = claimForProvisioner(claim, plan.provisioner)
        this.#tell(told ? await this.#writeClaim(told) : claim, externalProvisioning(plan.provisioner))
        return { requeueAfter: RESYNC }
      }
      case 'lose':
        if (claim.status?.phase !== 'Lost') this.#tell(await this.#setClaimPhase(claim, 'Lost'), plan.event)
        return undefined
      case 'pend':
        if (plan.event) this.#tell(claim, plan.event)
        await this.#setClaimPhase(claim, 'Pending')
        return { requeueAfter: RESYNC }
      case 'tell':
        this.#tell(claim, plan.event)
        return { requeueAfter: RESYNC }
    }
  }

  async syncVolume(name: string): Promise<ReconcileResult | undefined> {
    const volume = this.#volumes.get(name)
    if (!volume) return undefined
    const claim = await this.#claimOf(volume)
    const plan = planVolume(volume, claim)
    switch (plan.action) {
      case 'available':
        await this.#setVolumePhase(volume, 'Available')
        break
      case 'bound':
        await this.#setVolumePhase(volume, 'Bound')
        break
      case 'await-claim':
        if (claim) this.#enqueue(keyOf(claim))
        break
      case 'mismatch':
        this.#tell(volume, plan.aboutVolume)
        if (claim) this.#tell(claim, plan.aboutClaim)
        return { requeueAfter: RESYNC }
      case 'unbind':
        await this.#setVolumePhase(await this.#writeVolume(unboundVolume(volume)), 'Available')
        break
      case 'release':
        await this.#release(volume, plan.failure)
        break
    }
    return undefined
  }

  *#candidates(claim: PersistentVolumeClaim): Iterable<PersistentVolume> {
    const { lister } = this.#context.informers.informer(PersistentVolumes)
    for (const use of [`for ${keyOf(claim)}`, `free ${classOfClaim(claim)}`])
      for (const seen of lister.byIndex(BY_USE, use)) yield this.#volumes.newest(seen)!
  }

  #waitingPods(claim: PersistentVolumeClaim): string[] {
    return podsOfClaim(this.#context.informers.informer(Pods), keyOf(claim))
      .filter(pod => !isFinished(pod) && !pod.spec?.nodeName)
      .map(pod => pod.metadata.name)
  }

  /** Volume first: a volume that points to nobody's claim is found and freed, a claim that points to nobody's volume is lost. */
  async #bind(claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<undefined> {
    const bound = volumeBoundTo(volume, claim)
    const ready = await this.#setVolumePhase(bound ? await this.#writeVolume(bound) : volume, 'Bound')
    const chosen = claimBoundTo(claim, ready)
    await this.#setClaimPhase(chosen ? await this.#writeClaim(chosen) : claim, 'Bound', ready)
  }

  async #assignClass(claim: PersistentVolumeClaim, className: string): Promise<void> {
    let succeeded = false
    try {
      await this.#writeClaim({ ...claim, spec: { ...claim.spec, storageClassName: className } })
      succeeded = true
    } finally {
      this.#metrics?.assignedClass(succeeded)
    }
  }

  async #release(volume: PersistentVolume, failure: PlannedEvent | undefined): Promise<void> {
    const phase = volume.status?.phase
    const released =
      phase === 'Released' || phase === 'Failed' ? volume : await this.#setVolumePhase(volume, 'Released')
    if (!failure || phase === 'Failed') return
    this.#tell(await this.#setVolumePhase(released, 'Failed', failure.message), failure)
  }

  /**
   * The claim that the volume refers to. Before a volume is given up the server itself is asked: the volume may be known here
   * before its claim is.
   */
  async #claimOf({ spec }: PersistentVolume): Promise<PersistentVolumeClaim | undefined> {
    const { uid, name = '', namespace = '' } = spec.claimRef ?? {}
    if (!uid) return undefined
    const known = this.#claims.get(name, namespace)
    if (known?.metadata.uid === uid) return known
    try {
      const live = await this.#context.client.resource(PersistentVolumeClaims).get(name, { namespace })
      return live.metadata.uid === uid ? live : undefined
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined
      throw error
    }
  }

  #tell(about: PersistentVolumeClaim | PersistentVolume, { type, reason, message }: PlannedEvent): void {
    this.#context.events.event(about, type, reason, message)
  }

  async #writeClaim(claim: PersistentVolumeClaim): Promise<PersistentVolumeClaim> {
    return this.#claims.note(await this.#context.client.resource(PersistentVolumeClaims).update(claim))
  }

  async #writeVolume(volume: PersistentVolume): Promise<PersistentVolume> {
    return this.#volumes.note(await this.#context.client.resource(PersistentVolumes).update(volume))
  }

  async #setClaimPhase(
    claim: PersistentVolumeClaim,
    phase: 'Pending' | 'Bound' | 'Lost',
    volume?: PersistentVolume,
  ): Promise<PersistentVolumeClaim> {
    const next = claimInPhase(claim, phase, volume)
    if (!next) return claim
    return this.#claims.note(await this.#context.client.resource(PersistentVolumeClaims).updateStatus(next))
  }

  async #setVolumePhase(volume: PersistentVolume, phase: string, message?: string): Promise<PersistentVolume> {
    const next = volumeInPhase(volume, phase, message)
    if (!next) return volume
    return this.#volumes.note(await this.#context.client.resource(PersistentVolumes).updateStatus(next))
  }
}

function waitingUnder(claim: PersistentVolumeClaim): string[] {
  if (claim.metadata.annotations?.[BIND_COMPLETED] !== undefined) return []
  return namesClass(claim) ? [`class ${classOfClaim(claim)}`] : ['unnamed']
}

const usesOf = (volume: PersistentVolume): string[] => [useOf(volume)]

function useOf(volume: PersistentVolume): string {
  const { claimRef } = volume.spec
  return claimRef ? `for ${claimRef.namespace}/${claimRef.name}` : `free ${classOfVolume(volume)}`
}
