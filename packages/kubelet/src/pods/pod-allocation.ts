import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Pod, PodCondition } from '@canopus/api/core/v1'
import { semanticEqual } from '@canopus/apimachinery'
import { readTextIfPresent } from '@canopus/platform'
import { type Allocation, allocationOf, type PendingResize, withAllocation } from './resize.ts'

export type ResizeCondition = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message' | 'observedGeneration'>

/** The conditions that tell of a resize; absent where there is none. */
export const RESIZE_CONDITIONS = ['PodResizePending', 'PodResizeInProgress']

/**
 * What a pod has been granted, kept in a file so that a kubelet that starts anew does not take for granted what was asked for
 * in the meantime; and how far its resize has come.
 */
export class PodAllocation {
  readonly #file: string
  #granted: Allocation | undefined
  #pending: (PendingResize & { generation: number | undefined }) | undefined
  #progress: { generation: number | undefined; error?: string } | undefined

  constructor(file: string) {
    this.#file = file
    this.#granted = readAllocation(file)
  }

  /** The pod with the resources that it has been granted. */
  of(pod: Pod): Pod {
    return this.#granted === undefined ? pod : withAllocation(pod, this.#granted)
  }

  /** Whether the pod asks for something else than it has been granted. */
  differs(pod: Pod): boolean {
    return this.#granted !== undefined && !semanticEqual(allocationOf(pod), this.#granted)
  }

  get isPending(): boolean {
    return this.#pending !== undefined
  }

  /** The pod has been let in: what it asked for is granted, or what was granted to it before the kubelet restarted. */
  admit(pod: Pod): void {
    if (this.#granted === undefined) this.#write(allocationOf(pod))
  }

  /** A resize is granted, and is to be carried out. */
  grant(pod: Pod): void {
    this.#write(allocationOf(pod))
    this.#pending = undefined
    this.#progress = { generation: pod.metadata.generation }
  }

  /** A resize is not granted. Returns whether that is news. */
  postpone(pod: Pod, why: PendingResize): boolean {
    const { generation } = pod.metadata
    const old = this.#pending
    this.#pending = { ...why, generation }
    return old?.reason !== why.reason || old.message !== why.message || old.generation !== generation
  }

  /** The pod asks for what it has. */
  settle(): void {
    this.#pending = undefined
  }

  /** Containers do not have yet what they were granted. Returns whether that, or what went wrong with it, is news. */
  inProgress(pod: Pod, error?: string): boolean {
    const old = this.#progress
    const generation = old?.generation ?? pod.metadata.generation
    this.#progress = { generation, ...(error !== undefined && { error }) }
    return old === undefined || old.error !== error
  }

  /** All containers have what they were granted. Returns whether a resize has ended by that. */
  complete(): boolean {
    const ended = this.#progress !== undefined
    this.#progress = undefined
    return ended
  }

  conditions(): ResizeCondition[] {
    const found: ResizeCondition[] = []
    if (this.#pending) {
      const { reason, message, generation } = this.#pending
      found.push({ type: 'PodResizePending', status: 'True', reason, message, ...observed(generation) })
    }
    if (this.#progress) {
      const { generation, error } = this.#progress
      const why = error === undefined ? {} : { reason: 'Error', message: error }
      found.push({ type: 'PodResizeInProgress', status: 'True', ...why, ...observed(generation) })
    }
    return found
  }

  #write(allocation: Allocation): void {
    this.#granted = allocation
    if (Object.values(allocation).every(each => each.limits === undefined && each.requests === undefined)) return
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o750 })
    writeFileSync(this.#file, JSON.stringify(allocation), { mode: 0o600 })
  }
}

const observed = (generation: number | undefined) =>
  generation === undefined ? {} : { observedGeneration: generation }

function readAllocation(file: string): Allocation | undefined {
  try {
    const text = readTextIfPresent(file)
    return text === undefined ? undefined : (JSON.parse(text) as Allocation)
  } catch {
    return undefined // cut short by a crash: what the pod asks for now is what it gets
  }
}
