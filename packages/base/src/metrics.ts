/**
 * Counters, gauges and histograms, and Prometheus' text format (version 0.0.4). Children of a family are made once and held
 * by whoever counts on a hot path: counting is then an addition.
 */

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary'

/** What a family has under one set of label values; numbers for counters and gauges. */
export type Sample = readonly [labels: readonly string[], value: number | Histogram | Summary]

/** Values by upper bounds that grow; a value on a bound counts below it. */
export class Histogram {
  readonly bounds: readonly number[]
  readonly counts: number[]
  sum = 0
  count = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Array(bounds.length).fill(0)
  }

  /** `times` is for what lasts: how long it does, in the unit of the histogram's count. */
  observe(value: number, times = 1): void {
    const { bounds } = this
    let at = 0
    while (at < bounds.length && value > bounds[at]!) at++
    if (at < bounds.length) this.counts[at]! += times
    this.sum += value * times
    this.count += times
  }

  /** Counts what another of the same bounds has counted. */
  include(other: Histogram): void {
    for (const [index, count] of other.counts.entries()) this.counts[index]! += count
    this.sum += other.sum
    this.count += other.count
  }

  reset(): void {
    this.counts.fill(0)
    this.sum = 0
    this.count = 0
  }
}

/** What is usual, and what is rare: the newest values by their size. */
export class Summary {
  readonly #newest: number[] = []
  sum = 0
  count = 0

  observe(value: number): void {
    this.#newest[this.count % REMEMBERED] = value
    this.sum += value
    this.count++
  }

  /** The values below which so large a part of the newest ones lies; not a number where there are none. */
  quantiles(parts: readonly number[]): number[] {
    const sorted = [...this.#newest].sort((a, b) => a - b)
    return parts.map(part => sorted[Math.ceil(part * sorted.length) - 1] ?? Number.NaN)
  }

  reset(): void {
    this.#newest.length = 0
    this.sum = 0
    this.count = 0
  }
}

/** How many values a summary has in mind. */
const REMEMBERED = 500
const QUANTILES = [0.5, 0.9, 0.99]

/** A histogram of which a summary is told too. */
export class SummarizedHistogram extends Histogram {
  readonly summary = new Summary()

  override observe(value: number, times = 1): void {
    super.observe(value, times)
    this.summary.observe(value)
  }

  override reset(): void {
    super.reset()
    this.summary.reset()
  }
}

/** A number that goes up, or up and down. */
export class Counter {
  value = 0
  add(amount = 1): void {
    this.value += amount
  }
  set(value: number): void {
    this.value = value
  }
  /** Nothing where it has not counted since it was reset. */
  get count(): number {
    return this.value
  }
  reset(): void {
    this.value = 0
  }
}

interface Child<T> {
  readonly labels: readonly string[]
  readonly child: T
  /** Not told of until it counts again. */
  isForgotten: boolean
}

/** All children of one name, by the values of its labels. */
export class Family<T extends Counter | Histogram> {
  readonly #children = new Map<string, Child<T>>()
  readonly #make: () => T
  readonly #constrain: Constraint | undefined

  constructor(make: () => T, constrain?: Constraint) {
    this.#make = make
    this.#constrain = constrain
  }

  /** The child of these values, in the order of the family's labels. */
  with(...asked: readonly string[]): T {
    const labels = this.#constrain === undefined ? asked : this.#constrain(asked)
    const id = labels.join('\u0000')
    let found = this.#children.get(id)
    if (found === undefined) {
      found = { labels, child: this.#make(), isForgotten: false }
      this.#children.set(id, found)
    }
    if (found.isForgotten) found.isForgotten = false
    return found.child
  }

  get size(): number {
    return this.#children.size
  }

  /** From nothing again; who holds a child goes on counting with it. */
  reset(): void {
    for (const each of this.#children.values()) {
      each.child.reset()
      each.isForgotten = each.labels.length > 0
    }
  }

  *samples(): Generator<Sample> {
    for (const { labels, child, isForgotten } of this.#children.values()) {
      if (isForgotten && child.count === 0) continue
      yield [labels, child instanceof Counter ? child.value : (child as Histogram)]
    }
  }
}

/** A family as it is registered, with or without children. */
export interface MetricDescription {
  readonly name: string
  readonly help: string
  readonly type: MetricType
  readonly labels: readonly string[]
}

interface Description extends MetricDescription {
  samples(): Iterable<Sample>
  reset?(): void
}

/** What is kept from being told (k8s.io/component-base/metrics, Options). */
export interface MetricsOptions {
  /** Names of families. */
  readonly disabled?: ReadonlySet<string>
  /** By name of a family and of a label: the values that are told; all others are told as one. */
  readonly allowed?: ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>
}

type Constraint = (labels: readonly string[]) => readonly string[]
const UNEXPECTED = 'unexpected'

/** Everything that one process tells of itself. */
export class MetricsRegistry {
  readonly #options: MetricsOptions
  readonly #families = new Map<string, Description>()
  #unexpected = 0
  readonly #unexpectedLater: (() => number)[] = []
  readonly #resets: (() => void)[] = []

  constructor(options: MetricsOptions = {}) {
    this.#options = options
  }

  counter(name: string, help: string, labels: readonly string[] = []): Family<Counter> {
    return this.add(name, help, 'counter', labels, () => new Counter())
  }

  gauge(name: string, help: string, labels: readonly string[] = []): Family<Counter> {
    return this.add(name, help, 'gauge', labels, () => new Counter())
  }

  histogram(name: string, help: string, labels: readonly string[], bounds: readonly number[]): Family<Histogram> {
    return this.add(name, help, 'histogram', labels, () => new Histogram(bounds))
  }

  /** A family whose samples are looked up when somebody asks: for what is known anyway. */
  collect(
    type: MetricType,
    name: string,
    help: string,
    labels: readonly string[],
    samples: () => Iterable<Sample>,
  ): void {
    const constrain = this.constraintOf(name, labels)
    const told = constrain === undefined ? samples : () => merged(samples(), constrain)
    if (constrain !== undefined) this.#unexpectedLater.push(() => unexpectedOf(samples(), type, constrain))
    this.#families.set(name, { name, help, type, labels, samples: told })
  }

  /** Label values that were told as `unexpected`: as often as something with one was counted. */
  get unexpected(): number {
    return this.#unexpectedLater.reduce((total, count) => total + count(), this.#unexpected)
  }

  /** All families that are told of, also those that have nothing to tell yet. */
  get descriptions(): Iterable<MetricDescription> {
    return [...this.#families.values()].filter(({ name }) => !this.#options.disabled?.has(name))
  }

  /** How many names of families are kept from being told, and of how many there is one. */
  get disabled(): { readonly names: number; readonly families: number } {
    const names = [...(this.#options.disabled ?? [])]
    return { names: names.length, families: names.filter(name => this.#families.has(name)).length }
  }

  /**
   * Forgets what was counted: everything with labels, and counters without. What is looked up is as it is, and so are gauges
   * and histograms without labels (component-base/metrics, KubeRegistry.Reset).
   */
  reset(): void {
    for (const family of this.#families.values()) family.reset?.()
    for (const forget of this.#resets) forget()
  }

  /** For who keeps himself what he is asked for. */
  onReset(forget: () => void): void {
    this.#resets.push(forget)
  }

  text(): string {
    const lines: string[] = []
    for (const name of [...this.#families.keys()].sort()) {
      if (!this.#options.disabled?.has(name)) describe(this.#families.get(name)!, lines)
    }
    return `${lines.join('\n')}\n`
  }

  private add<T extends Counter | Histogram>(
    name: string,
    help: string,
    type: MetricType,
    labels: readonly string[],
    make: () => T,
  ): Family<T> {
    const known = this.#families.get(name)
    if (known !== undefined) throw new Error(`there is a metric ${name} already`)
    const constrain = this.constraintOf(name, labels)
    const family = new Family(make, constrain && (asked => constrain(asked, () => this.#unexpected++)))
    const description = { name, help, type, labels, samples: () => family.samples() }
    const isResettable = type === 'counter' || labels.length > 0
    this.#families.set(name, isResettable ? { ...description, reset: () => family.reset() } : description)
    return family
  }

  private constraintOf(name: string, labels: readonly string[]) {
    const allowed = this.#options.allowed?.get(name)
    if (allowed === undefined) return undefined
    const byPlace = labels.map(label => allowed.get(label))
    return (values: readonly string[], noted?: () => void): readonly string[] =>
      values.map((value, index) => {
        if (byPlace[index]?.has(value) !== false) return value
        noted?.()
        return UNEXPECTED
      })
  }
}

/** Samples whose labels have become the same are one. */
function merged(samples: Iterable<Sample>, constrain: Constraint): Sample[] {
  const found = new Map<string, Sample>()
  for (const [asked, value] of samples) {
    const labels = constrain(asked)
    const id = labels.join('\u0000')
    found.set(id, [labels, sum(found.get(id)?.[1], value)])
  }
  return [...found.values()]
}

/** How often a label value that is not told was counted with, as far as what is looked up says how often it counted. */
function unexpectedOf(samples: Iterable<Sample>, type: MetricType, constrain: Constraint): number {
  let total = 0
  for (const [asked, value] of samples) {
    const told = constrain(asked)
    const hidden = asked.filter((label, index) => label !== told[index]).length
    const times = typeof value !== 'number' ? value.count : type === 'counter' ? value : 1
    total += hidden * times
  }
  return total
}

function sum(before: Sample[1] | undefined, value: Sample[1]): Sample[1] {
  if (value instanceof Summary) return value
  if (typeof value === 'number') return ((before as number | undefined) ?? 0) + value
  const both = new Histogram(value.bounds)
  for (const each of [before as Histogram | undefined, value]) if (each !== undefined) both.include(each)
  return both
}

/** How many of the items have the same labels: samples of a gauge. */
export function tally<T>(items: Iterable<T>, labelsOf: (item: T) => readonly string[]): Sample[] {
  const counts = new Family(() => new Counter())
  for (const item of items) counts.with(...labelsOf(item)).add()
  return [...counts.samples()]
}

/** Makes what figures a component has: once for each registry, however often the component is made. */
export function perRegistry<T>(make: (registry: MetricsRegistry) => T): (registry: MetricsRegistry) => T {
  const known = new WeakMap<MetricsRegistry, { readonly made: T }>()
  return registry => {
    let entry = known.get(registry)
    if (entry === undefined) {
      entry = { made: make(registry) }
      known.set(registry, entry)
    }
    return entry.made
  }
}

function describe({ name, help, type, labels, samples }: Description, lines: string[]): void {
  const from = lines.length
  // As client libraries of others write them, and as those look for them who compare lines.
  const order = labels.map((label, index) => ({ label, index })).sort((a, b) => (a.label < b.label ? -1 : 1))
  for (const [values, value] of samples()) {
    const pairs = order.map(({ label, index }) => `${label}="${escaped(values[index] ?? '')}"`)
    if (typeof value === 'number') lines.push(`${name}${braced(pairs)} ${text(value)}`)
    else if (value instanceof Summary) summaryLines(name, pairs, value, lines)
    else histogramLines(name, pairs, value, lines)
  }
  if (lines.length > from) lines.splice(from, 0, `# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
}

function histogramLines(name: string, pairs: readonly string[], histogram: Histogram, lines: string[]): void {
  let total = 0
  for (const [index, bound] of histogram.bounds.entries()) {
    total += histogram.counts[index]!
    lines.push(`${name}_bucket${braced([...pairs, `le="${text(bound)}"`])} ${total}`)
  }
  lines.push(`${name}_bucket${braced([...pairs, 'le="+Inf"'])} ${histogram.count}`)
  lines.push(`${name}_sum${braced(pairs)} ${text(histogram.sum)}`)
  lines.push(`${name}_count${braced(pairs)} ${histogram.count}`)
}

function summaryLines(name: string, pairs: readonly string[], summary: Summary, lines: string[]): void {
  const values = summary.quantiles(QUANTILES)
  for (const [index, quantile] of QUANTILES.entries())
    lines.push(`${name}${braced([...pairs, `quantile="${quantile}"`])} ${text(values[index]!)}`)
  lines.push(`${name}_sum${braced(pairs)} ${text(summary.sum)}`)
  lines.push(`${name}_count${braced(pairs)} ${summary.count}`)
}

const braced = (pairs: readonly string[]): string => (pairs.length === 0 ? '' : `{${pairs.join(',')}}`)

function escaped(value: string): string {
  return /[\\"\n]/.test(value) ? value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n') : value
}

function text(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  const size = Math.abs(value)
  return size === 0 || (size >= 1e-4 && size < 1e6) || Number.isNaN(value) ? String(value) : powerOfTen(value)
}

/** As Go writes what is very large or small: with two digits of the exponent at least. */
const powerOfTen = (value: number): string =>
  value.toExponential().replace(/e([+-])(\d)$/, (_, sign: string, digit: string) => `e${sign}0${digit}`)

/** The bounds, in seconds, of a Prometheus client that is told of none; much of upstream leaves them as they are. */
export const DEFAULT_BUCKETS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** `count` bounds, each `factor` times the one before. */
export function exponentialBuckets(start: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => start * factor ** index)
}
