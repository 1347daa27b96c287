import { formatMicroTime } from '@canopus/apimachinery'
import type { Heartbeats, ImpliedHeartbeat } from '@canopus/controllers'

/** One round of renewals: all nodes that live renew at the same moment. */
interface Round {
  /** Monotonic. */
  readonly at: number
  /** As the nodes' clock says it. */
  readonly wall: number
}

const NEVER: Round = { at: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY }

/**
 * Renewals of leases that are not written, because they would tell nobody anything: a day of a thousand nodes has 8.6 million.
 * A node's first renewal is written. While it lives and every request succeeds, the following ones are implied; what ends that
 * (the node dies, the API server or its disk fails, requests fail by chance, the nodes' clock was put back) leaves the last one
 * that there would have been, and from then on they are written again until one has succeeded and all is well. Whoever
 * judges nodes by their heartbeats has to ask here: the lease of a healthy node stays as it is.
 */
export class ImpliedHeartbeats implements Heartbeats {
  readonly #isWell: () => boolean
  readonly #implied = new Map<string, ImpliedHeartbeat>()
  /** The renewal of nodes whose heartbeats go on. */
  readonly #written = new Map<string, Round>()
  /** Whose lease was deleted by somebody. */
  readonly #lost = new Set<string>()
  readonly #listeners = new Set<(node: string) => void>()
  #round = NEVER
  #latest = Number.NEGATIVE_INFINITY

  /** `isWell` says whether a request of a node would succeed just now. */
  constructor(isWell: () => boolean = () => true) {
    this.#isWell = isWell
  }

  of(node: string): ImpliedHeartbeat | undefined {
    return this.#implied.get(node)
  }

  onChange(listener: (node: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The node writes its lease again in the next round. */
  lost(node: string): void {
    this.#lost.add(node)
  }

  /** Whether the node need not write. */
  goOn(node: string): boolean {
    return this.#written.has(node)
  }

  /** A round of renewals is due. Where they would not succeed or have to be written, they end with the round before: answers whose. */
  begin(round: Round): readonly string[] {
    const areAllWell = this.#isWell() && round.wall > this.#latest
    const ended = [...(areAllWell ? this.#lost : this.#written.keys())].filter(node => this.#written.has(node))
    this.#lost.clear()
    for (const node of ended) this.end(node)
    this.#round = round
    this.#latest = Math.max(this.#latest, round.wall)
    return ended
  }

  /** A node has renewed its lease, which is in version `since` now. */
  wrote(node: string, since: string, renewal: Round): void {
    if (!this.#isWell() || renewal.wall < this.#latest) return
    this.#latest = renewal.wall
    this.#written.set(node, renewal)
    this.#change(node, { since })
  }

  /** No more follow. Answers the time of the last one, where no lease tells it. */
  end(node: string): string | undefined {
    const written = this.#written.get(node)
    const implied = this.#implied.get(node)
    if (written === undefined || implied === undefined) return undefined
    this.#written.delete(node)
    const { at, wall } = this.#round.at > written.at ? this.#round : written
    const renewTime = formatMicroTime(wall)
    this.#change(node, { since: implied.since, last: { at, renewTime } })
    return at > written.at ? renewTime : undefined
  }

  #change(node: string, implied: ImpliedHeartbeat): void {
    this.#implied.set(node, implied)
    for (const listener of this.#listeners) listener(node)
  }
}
