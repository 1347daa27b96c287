import type { PodInfo } from './pod-info.ts'

const nobody: readonly PodInfo[] = []

/** Which pods wait for victims to leave which node. */
export class Nominations {
  readonly #nodes = new Map<string, string>()
  /** By the name of the node, and there by the pod's key. */
  readonly #waiting = new Map<string, { pods: Map<string, PodInfo>; revision: number }>()
  #changes = 0
  readonly #changed: (node: string) => void

  /** `changed` hears of nodes for which others wait than before. */
  constructor(changed: (node: string) => void = () => undefined) {
    this.#changed = changed
  }

  /** No node: the pod of this key waits no more. */
  set(key: string, node: string | undefined, pod: PodInfo | undefined): void {
    const before = this.#nodes.get(key)
    if (before !== undefined) {
      this.#nodes.delete(key)
      this.#changed(before)
      const waiting = this.#waiting.get(before)
      if (waiting !== undefined) {
        waiting.pods.delete(key)
        waiting.revision = ++this.#changes
        if (waiting.pods.size === 0) this.#waiting.delete(before)
      }
    }
    if (node === undefined || pod === undefined) return
    this.#nodes.set(key, node)
    this.#changed(node)
    const waiting = this.#waiting.get(node)
    const revision = ++this.#changes
    if (waiting === undefined) this.#waiting.set(node, { pods: new Map([[key, pod]]), revision })
    else {
      waiting.pods.set(key, pod)
      waiting.revision = revision
    }
  }

  nodeOf(key: string): string | undefined {
    return this.#nodes.get(key)
  }

  /** Nodes for which pods wait. */
  get nodes(): Pick<ReadonlySet<string>, 'size' | 'has' | 'keys'> {
    return this.#waiting
  }

  /** Another number whenever those that wait for the node have changed; 0: nobody waits. */
  revisionOf(node: string): number {
    return this.#waiting.get(node)?.revision ?? 0
  }

  /** The pods that wait for the node. */
  on(node: string): readonly PodInfo[] {
    const waiting = this.#waiting.get(node)
    return waiting === undefined ? nobody : [...waiting.pods.values()]
  }
}
