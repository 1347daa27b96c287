import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import type { CSIDriver, CSIStorageCapacity, StorageClass } from '@canopus/api/storage/v1'
import { matches, quantityValue } from '@canopus/apimachinery'
import type { Lister } from '@canopus/client'
import type { AssumeCache } from '../assume-cache.ts'
import { type NodeFacts, selectorMatcher } from '../node-selector.ts'
import { type PodInfo, selectorOf } from '../pod-info.ts'
import {
  claimClass,
  isDelayed,
  isFullyBound,
  isMeantFor,
  NO_PROVISIONER,
  ownershipProblem,
  SELECTED_NODE,
  volumeClass,
} from './claims.ts'

const NO_MATCH = "node(s) didn't find available persistent volumes to bind"
const NODE_CONFLICT = "node(s) didn't match PersistentVolume's node affinity"
const NO_SPACE = 'node(s) did not have enough free storage'
const NO_VOLUME = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'

/** What is known of storage. */
export interface Storage {
  readonly claims: AssumeCache<PersistentVolumeClaim>
  readonly volumes: AssumeCache<PersistentVolume>
  readonly classes: Pick<Lister<StorageClass>, 'get'>
  readonly drivers: Pick<Lister<CSIDriver>, 'get'>
  readonly capacities: Pick<Lister<CSIStorageCapacity>, 'list'>
}

/** The claims of a pod, by what is to be done about them. */
export interface PodClaims {
  readonly bound: readonly PersistentVolumeClaim[]
  /** To be bound, or to get a volume made, once the node is known. */
  readonly delayed: readonly PersistentVolumeClaim[]
  /** Nobody's business here: the binder controller is still at it. */
  readonly immediate: readonly PersistentVolumeClaim[]
}

/** What binding the pod to a node takes. */
export interface VolumePlan {
  readonly bindings: readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }[]
  readonly provisions: readonly PersistentVolumeClaim[]
}

/** The claims of the pod, or why it cannot run anywhere (GetPodVolumeClaims and podHasPVCs upstream). */
export function sortClaims(pod: PodInfo, { claims, classes }: Storage): PodClaims | string {
  const sorted = { bound: [] as PersistentVolumeClaim[], delayed: [] as PersistentVolumeClaim[] }
  const immediate: PersistentVolumeClaim[] = []
  for (const { name, ephemeral } of pod.claims) {
    const claim = claims.get(name, pod.namespace)
    if (claim === undefined) {
      return ephemeral
        ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
        : `persistentvolumeclaim "${name}" not found`
    }
    const problem = claimProblem(claim) ?? (ephemeral ? ownershipProblem(pod.pod, claim) : undefined)
    if (problem !== undefined) return problem
    if (isFullyBound(claim)) sorted.bound.push(claim)
    else if (!claim.spec?.volumeName && isDelayed(classes.get(claimClass(claim)))) sorted.delayed.push(claim)
    else immediate.push(claim)
  }
  return { ...sorted, immediate }
}

function claimProblem({ metadata, spec, status }: PersistentVolumeClaim): string | undefined {
  if (status?.phase === 'Lost') {
    return `persistentvolumeclaim "${metadata.name}" bound to non-existent persistentvolume "${spec?.volumeName ?? ''}"`
  }
  return metadata.deletionTimestamp ? `persistentvolumeclaim "${metadata.name}" is being deleted` : undefined
}

const requestOf = (claim: PersistentVolumeClaim): number =>
  quantityValue(claim.spec?.resources?.requests?.storage ?? '0')
const sizeOf = (volume: PersistentVolume): number => quantityValue(volume.spec?.capacity?.storage ?? '0')

/** A claim with the volumes that would do for it on a fitting node: the best first. */
interface Candidates {
  readonly claim: PersistentVolumeClaim
  readonly volumes: readonly PersistentVolume[]
}

/** Plans what the claims need on a node. Made once per pod: what does not depend on the node is worked out here. */
export class VolumePlanner {
  readonly #storage: Storage
  /** A claim is bound to a volume that is not there. */
  readonly #lacksVolume: boolean
  /** Bound volumes that only some nodes can use. */
  readonly #bound: readonly PersistentVolume[]
  readonly #toMatch: readonly Candidates[]
  readonly #selected: readonly PersistentVolumeClaim[]

  constructor(claims: PodClaims, storage: Storage) {
    this.#storage = storage
    const bound = claims.bound.map(({ spec }) => storage.volumes.get(spec?.volumeName ?? ''))
    this.#lacksVolume = bound.includes(undefined)
    this.#bound = bound.filter(each => each?.spec?.nodeAffinity?.required !== undefined).map(each => each!)
    this.#selected = claims.delayed.filter(each => each.metadata.annotations?.[SELECTED_NODE] !== undefined)
    // Small claims first, so that they do not take the big volumes away.
    this.#toMatch = claims.delayed
      .filter(each => each.metadata.annotations?.[SELECTED_NODE] === undefined)
      .sort((a, b) => requestOf(a) - requestOf(b))
      .map(claim => candidatesFor(claim, storage.volumes.list()))
  }

  /** What is to be done, or why the node does not do (FindPodVolumes upstream). */
  on(node: NodeFacts): VolumePlan | readonly string[] {
    const reasons = this.#boundProblems(node)
    if (this.#selected.some(each => each.metadata.annotations?.[SELECTED_NODE] !== node.name)) {
      return [...reasons, NO_MATCH]
    }
    const bindings: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = []
    const provisions = [...this.#selected]
    const taken = new Set<string>()
    for (const { claim, volumes } of this.#toMatch) {
      const volume = volumes.find(each => !taken.has(each.metadata.name) && reaches(each, node))
      if (volume !== undefined) {
        taken.add(volume.metadata.name)
        bindings.push({ claim, volume })
      } else provisions.push(claim)
    }
    for (const claim of provisions) {
      const problem = this.#provisionProblem(claim, node)
      if (problem !== undefined) return [...reasons, problem]
    }
    return reasons.length > 0 ? reasons : { bindings, provisions }
  }

  /** Whether there is nothing to do, on whichever node. */
  get isIdle(): boolean {
    return !this.#lacksVolume && this.#bound.length + this.#toMatch.length + this.#selected.length === 0
  }

  #boundProblems(node: NodeFacts): string[] {
    if (this.#lacksVolume) return [NO_VOLUME]
    return this.#bound.every(each => reaches(each, node)) ? [] : [NODE_CONFLICT]
  }

  /** Why no volume could be made for the claim on the node (checkVolumeProvisions upstream). */
  #provisionProblem(claim: PersistentVolumeClaim, node: NodeFacts): string | undefined {
    const name = claimClass(claim)
    const storageClass = name === '' ? undefined : this.#storage.classes.get(name)
    const provisioner = storageClass?.provisioner ?? ''
    if (storageClass === undefined || provisioner === '' || provisioner === NO_PROVISIONER) return NO_MATCH
    if (!allows(storageClass, node)) return NO_MATCH
    return this.#hasRoom(provisioner, storageClass, claim, node) ? undefined : NO_SPACE
  }

  #hasRoom(driver: string, { metadata }: StorageClass, claim: PersistentVolumeClaim, node: NodeFacts): boolean {
    if (this.#storage.drivers.get(driver)?.spec?.storageCapacity !== true) return true
    const wanted = requestOf(claim)
    return this.#storage.capacities.list().some(each => {
      if (each.storageClassName !== metadata.name) return false
      const limit = each.maximumVolumeSize ?? each.capacity
      if (limit === undefined || quantityValue(limit) < wanted) return false
      return each.nodeTopology !== undefined && matches(selectorOf(each.nodeTopology), node.labels)
    })
  }
}

/** Whether the class makes volumes for the node (MatchTopologySelectorTerms upstream). */
function allows({ allowedTopologies }: StorageClass, node: NodeFacts): boolean {
  if (allowedTopologies === undefined || allowedTopologies.length === 0) return true
  return allowedTopologies.some(term => {
    const expressions = term.matchLabelExpressions ?? []
    return (
      expressions.length > 0 && expressions.every(each => (each.values ?? []).includes(node.labels[each.key] ?? ''))
    )
  })
}

/** Whether pods on the node can use the volume. */
export function reaches(volume: PersistentVolume, node: NodeFacts): boolean {
  const required = volume.spec?.nodeAffinity?.required
  return required === undefined || selectorMatcher(required)(node)
}

/** The volumes that would do for the claim (FindMatchingVolume of k8s.io/component-helpers). */
function candidatesFor(claim: PersistentVolumeClaim, all: readonly PersistentVolume[]): Candidates {
  const fitting = all.filter(volume => fits(volume, claim))
  const meant = fitting.filter(volume => isMeantFor(volume, claim))
  if (meant.length > 0) return { claim, volumes: meant }
  const free = fitting.filter(volume => volume.spec?.claimRef === undefined && isFree(volume, claim))
  return { claim, volumes: free.sort((a, b) => sizeOf(a) - sizeOf(b)) }
}

function fits(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  if (volume.spec?.claimRef && !isMeantFor(volume, claim)) return false
  if (volume.metadata.deletionTimestamp || sizeOf(volume) < requestOf(claim)) return false
  if ((volume.spec?.volumeMode ?? 'Filesystem') !== (claim.spec?.volumeMode ?? 'Filesystem')) return false
  return (volume.spec?.volumeAttributesClassName ?? '') === (claim.spec?.volumeAttributesClassName ?? '')
}

function isFree(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  if (volume.status?.phase !== 'Available' || volumeClass(volume) !== claimClass(claim)) return false
  if (claim.spec?.selector && !matches(selectorOf(claim.spec.selector), volume.metadata.labels ?? {})) return false
  const modes = volume.spec?.accessModes ?? []
  return (claim.spec?.accessModes ?? []).every(mode => modes.includes(mode))
}
