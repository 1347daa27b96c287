/** Reads one object of a configuration file: every field is asked for by name, and what nobody asked for is an error. */
export class Fields {
  readonly path: string
  readonly #values: Readonly<Record<string, unknown>>
  readonly #asked = new Set<string>()

  /** @throws Error where the value is no object. */
  constructor(value: unknown, path = '') {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new Error(`${path || 'configuration'}: must be an object`)
    }
    this.#values = value as Record<string, unknown>
    this.path = path
  }

  at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`
  }

  fail(name: string, problem: string): never {
    throw new Error(`${this.at(name)}: ${problem}`)
  }

  #get(name: string): unknown {
    this.#asked.add(name)
    const value = this.#values[name]
    return value === null ? undefined : value
  }

  text(name: string): string | undefined {
    const value = this.#get(name)
    if (value !== undefined && typeof value !== 'string') this.fail(name, 'must be a string')
    return value
  }

  flag(name: string): boolean | undefined {
    const value = this.#get(name)
    if (value !== undefined && typeof value !== 'boolean') this.fail(name, 'must be true or false')
    return value
  }

  /** A whole number, between the bounds. */
  whole(name: string, least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY): number | undefined {
    const value = this.#get(name)
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !Number.isInteger(value)) this.fail(name, 'must be a whole number')
    if (value < least || value > most) {
      const range =
        most === Number.POSITIVE_INFINITY ? `must be at least ${least}` : `not in valid range [${least}-${most}]`
      this.fail(name, `Invalid value: ${value}: ${range}`)
    }
    return value
  }

  object(name: string): Fields | undefined {
    const value = this.#get(name)
    return value === undefined ? undefined : new Fields(value, this.at(name))
  }

  /** Anything, as it stands there. */
  raw(name: string): unknown {
    return this.#get(name)
  }

  list(name: string): Fields[] {
    return this.items(name).map((each, index) => new Fields(each, `${this.at(name)}[${index}]`))
  }

  texts(name: string): string[] {
    return this.items(name).map((each, index) => {
      if (typeof each !== 'string') this.fail(`${name}[${index}]`, 'must be a string')
      return each
    })
  }

  items(name: string): readonly unknown[] {
    const value = this.#get(name) ?? []
    if (!Array.isArray(value)) this.fail(name, 'must be a list')
    return value
  }

  /** What `5s`, `1m30s` mean in milliseconds. */
  duration(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }
    if (!/^(\d+(\.\d+)?(h|ms|m|s))+$/.test(text)) this.fail(name, `time: invalid duration "${text}"`)
    return [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)].reduce(
      (sum, [, n, unit]) => sum + Number(n) * units[unit!]!,
      0,
    )
  }

  /** @throws Error where there are fields that nobody asked for. */
  end(): void {
    for (const name of Object.keys(this.#values)) {
      if (!this.#asked.has(name)) throw new Error(`unknown field "${this.at(name)}"`)
    }
  }
}
