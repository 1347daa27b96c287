/** An answer whose fields have names in any case: that is how programs in Go read and write them. */
export class Answer {
  readonly #fields: ReadonlyMap<string, unknown>

  constructor(value: unknown) {
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : []
    this.#fields = new Map(entries.map(([name, each]) => [name.toLowerCase(), each]))
  }

  has(name: string): boolean {
    return (this.#fields.get(name.toLowerCase()) ?? null) !== null
  }

  text(name: string): string | undefined {
    const value = this.#fields.get(name.toLowerCase())
    return typeof value === 'string' ? value : undefined
  }

  number(name: string): number {
    const value = this.#fields.get(name.toLowerCase())
    return typeof value === 'number' ? value : 0
  }

  record(name: string): Readonly<Record<string, unknown>> {
    const value = this.#fields.get(name.toLowerCase())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  }

  list(name: string): readonly unknown[] {
    const value = this.#fields.get(name.toLowerCase())
    return Array.isArray(value) ? value : []
  }

  /** The nodes that were kept; those are told by name to programs that know nodes themselves. */
  nodeNames(byName: boolean): string[] {
    const names = this.#fields.get('nodenames')
    if (byName && Array.isArray(names)) return names.map(String)
    const { items } = this.record('Nodes')
    if (!Array.isArray(items)) return []
    return items.map(each => String((each as { metadata?: { name?: unknown } }).metadata?.name))
  }
}
