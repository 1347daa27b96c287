/**
 * What nodes and pods use, from how their counters grew between two looks. Behaviour: metrics-server pkg/storage (node.go,
 * pod.go, types.go).
 */
import type { ContainerPoint, Point, Scrape } from './exposition.ts'

export interface Usage {
  /** Billionths of a core. */
  readonly cpu: number
  /** Bytes. */
  readonly memory: number
}

export interface Measured {
  /** The later look, and how long before it the earlier one was; milliseconds. */
  readonly at: number
  readonly window: number
}

export type NodeFigures = Measured & { readonly usage: Usage }
export type PodFigures = Measured & { readonly containers: ReadonlyMap<string, Usage> }

/** A container younger than the last look is measured from its start on, but not over less than this. */
const SHORTEST_WINDOW = 10_000

interface NodePoints {
  readonly last: Scrape
  readonly before: Scrape | undefined
}

export class Figures {
  readonly #nodes = new Map<string, NodePoints>()

  /** Takes in what a node said. A look that shows nothing new of the node is left out. */
  take(node: string, scrape: Scrape): void {
    const last = this.#nodes.get(node)?.last
    if (last?.node && scrape.node && scrape.node.at <= last.node.at) return
    this.#nodes.set(node, { last: scrape, before: last })
  }

  /** Forgets nodes that are not among these: they are gone, or have not answered. */
  keep(nodes: ReadonlySet<string>): void {
    for (const name of this.#nodes.keys()) if (!nodes.has(name)) this.#nodes.delete(name)
  }

  node(name: string): NodeFigures | undefined {
    const points = this.#nodes.get(name)
    if (points?.last.node === undefined || points.before?.node === undefined) return undefined
    const { at } = points.last.node
    const usage = rate(points.last.node, points.before.node)
    return usage && { at, window: at - points.before.node.at, usage }
  }

  /** Of a pod on a node, by `namespace/name`; nothing unless all its containers can be told. */
  pod(node: string, key: string): PodFigures | undefined {
    const points = this.#nodes.get(node)
    const containers = points?.last.pods.get(key)
    if (containers === undefined || containers.size === 0) return undefined
    const result = new Map<string, Usage>()
    let at = Number.POSITIVE_INFINITY
    let window = 0
    for (const [name, last] of containers) {
      const before = earlier(last, points!.before?.pods.get(key)?.get(name))
      const usage = before && rate(last, before)
      if (!usage) return undefined
      result.set(name, usage)
      if (last.at < at) {
        at = last.at
        window = last.at - before.at
      }
    }
    return { at, window, containers: result }
  }
}

/** The point to measure from: the look before, or the start where the container was started since. */
function earlier(last: ContainerPoint, before: ContainerPoint | undefined): Point | undefined {
  if (before !== undefined && last.startedAt <= before.at) return before
  if (last.startedAt === 0 || last.at - last.startedAt < SHORTEST_WINDOW) return undefined
  return before === undefined && last.at - last.startedAt > FRESH
    ? undefined
    : { at: last.startedAt, cpu: 0, memory: 0 }
}

/** A container that nothing was known of so far counts from its start only where that is not long ago. */
const FRESH = 60_000

/** Nothing where the counter went backwards: it belongs to another run. */
function rate(last: Point, before: Point): Usage | undefined {
  const elapsed = last.at - before.at
  if (elapsed <= 0 || last.cpu < before.cpu) return undefined
  return { cpu: Math.round(((last.cpu - before.cpu) / elapsed) * 1000), memory: last.memory }
}
