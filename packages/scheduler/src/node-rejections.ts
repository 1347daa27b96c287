import type { NodeRejections, Rejection } from './framework.ts'
import type { NodeFigures } from './node-figures.ts'
import type { NodeInfo } from './node-info.ts'

/** Rejections by the names of nodes. */
export function rejectionsByName(byName: ReadonlyMap<string, Rejection>): NodeRejections {
  const counts = new Map<Rejection, number>()
  for (const each of byName.values()) counts.set(each, (counts.get(each) ?? 0) + 1)
  return { of: node => byName.get(node.name), counts }
}

/** No node was asked. */
export const noRejections: NodeRejections = rejectionsByName(new Map())

/** What looking at a node gives. */
export interface Verdict {
  readonly rejection: Rejection | undefined
  /** It holds for this pod and this moment only. */
  readonly isFleeting?: boolean
}

/**
 * Why the nodes do not do for pods that ask for the same, where that depends on nothing but each node, the pods on it and those
 * that wait for it: only nodes that have changed are looked at again.
 */
export class KnownRejections {
  readonly #bySlot: (Rejection | undefined)[] = []
  readonly #counts = new Map<Rejection, number>()
  readonly #fleeting = new Set<number>()
  /** How many changes of figures are accounted for; nothing: nothing is known yet. */
  #seen: number | undefined

  /** Brings what is known up to date; looks at the node `own` in any case. What it answers is about this moment. */
  refresh(
    nodes: readonly NodeInfo[],
    figures: NodeFigures,
    own: NodeInfo | undefined,
    look: (node: NodeInfo) => Verdict,
  ): NodeRejections {
    if (own !== undefined) this.#fleeting.add(own.slot)
    while (this.#bySlot.length > nodes.length) {
      this.#count(this.#bySlot.pop(), -1)
      this.#fleeting.delete(this.#bySlot.length)
    }
    const again = this.#outdated(nodes.length, figures)
    // Looking at a node may imagine pods on it, which counts as changes but leaves all as it was.
    for (const slot of again) this.#set(slot, look(nodes[slot]!))
    this.#seen = figures.changes
    const counts = new Map(this.#counts)
    return { of: node => this.#bySlot[node.slot], counts }
  }

  #outdated(nodes: number, figures: NodeFigures): Iterable<number> {
    const changed = this.#seen === undefined ? undefined : figures.changedSince(this.#seen)
    if (changed === undefined) return Array.from({ length: nodes }, (_, slot) => slot)
    const slots = new Set(this.#fleeting)
    for (let i = this.#seen!; i < figures.changes; i++) {
      const slot = figures.changedSlot(i)
      if (slot < nodes) slots.add(slot)
    }
    return slots
  }

  #set(slot: number, { rejection, isFleeting }: Verdict): void {
    const before = this.#bySlot[slot]
    this.#bySlot[slot] = rejection
    if (before !== rejection) {
      this.#count(before, -1)
      this.#count(rejection, 1)
    }
    if (isFleeting === true) this.#fleeting.add(slot)
    else this.#fleeting.delete(slot)
  }

  #count(rejection: Rejection | undefined, sign: 1 | -1): void {
    if (rejection === undefined) return
    const count = (this.#counts.get(rejection) ?? 0) + sign
    if (count > 0) this.#counts.set(rejection, count)
    else this.#counts.delete(rejection)
  }
}
