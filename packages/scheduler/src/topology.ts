import type { NodeFigures } from './node-figures.ts'
import type { NodeInfo } from './node-info.ts'

/** The value of one label of every node, as a number: `names[ids[slot]]`, or -1 where a node has no such label. */
export interface TopologyColumn {
  readonly ids: Int32Array
  readonly names: readonly string[]
  /** How many nodes have each of the values. */
  readonly nodes: readonly number[]
  /** Whether all nodes have the label. */
  readonly complete: boolean
  /** Whether no two nodes have the same value. */
  readonly distinct: boolean
}

interface GrowingColumn {
  ids: Int32Array
  revisions: Float64Array
  latest: number
  readonly names: string[]
  readonly nodes: number[]
  complete: boolean
  distinct: boolean
  readonly byName: Map<string, number>
}

/** Columns by label key (zone, hostname, ...), made when first asked for and brought up to date when asked again. */
export class Topology {
  readonly #columns = new Map<string, GrowingColumn>()
  readonly #nodes: readonly NodeInfo[]
  readonly #figures: NodeFigures
  readonly #slotOf: (node: string) => number | undefined

  constructor(nodes: readonly NodeInfo[], figures: NodeFigures, slotOf: (node: string) => number | undefined) {
    this.#nodes = nodes
    this.#figures = figures
    this.#slotOf = slotOf
  }

  /** Another number after each change of the nodes that columns show. */
  get latest(): number {
    return this.#figures.latest
  }

  /** Number of the domain that a node is in; -1 where it has no such label or is not known. */
  domainOf(node: string, key: string): number {
    const slot = this.#slotOf(node)
    return slot === undefined ? -1 : this.column(key).ids[slot]!
  }

  column(key: string): TopologyColumn {
    let column = this.#columns.get(key)
    if (column === undefined) {
      column = newColumn()
      this.#columns.set(key, column)
    }
    if (column.latest !== this.#figures.latest) this.#refresh(column, key)
    return column
  }

  #refresh(column: GrowingColumn, key: string): void {
    const { revision, latest } = this.#figures
    column.latest = latest
    if (column.ids.length < this.#nodes.length) {
      const ids = new Int32Array(revision.length)
      ids.set(column.ids)
      const revisions = new Float64Array(revision.length)
      revisions.set(column.revisions)
      Object.assign(column, { ids, revisions })
    }
    column.nodes.fill(0)
    column.complete = true
    column.distinct = true
    for (let slot = 0; slot < this.#nodes.length; slot++) {
      if (column.revisions[slot] !== revision[slot]) {
        column.revisions[slot] = revision[slot]!
        column.ids[slot] = idOf(column, this.#nodes[slot]!.labels[key])
      }
      const id = column.ids[slot]!
      if (id < 0) column.complete = false
      else if (column.nodes[id]!++ > 0) column.distinct = false
    }
  }
}

const newColumn = (): GrowingColumn => ({
  ids: new Int32Array(0),
  revisions: new Float64Array(0),
  latest: -1,
  names: [],
  nodes: [],
  complete: true,
  distinct: true,
  byName: new Map(),
})

function idOf(column: GrowingColumn, name: string | undefined): number {
  if (name === undefined) return -1
  let id = column.byName.get(name)
  if (id === undefined) {
    id = column.names.push(name) - 1
    column.nodes.push(0)
    column.byName.set(name, id)
  }
  return id
}
