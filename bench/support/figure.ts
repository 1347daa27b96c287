/** What a benchmark returns. */
export interface Figure {
  /** Of the row, as the table shows it. */
  name: string
  /** Median of `runs`. */
  value: number
  unit: string
  /** What the row is to reach; absent for figures that only explain others. */
  target?: Target
  /** The same work by something else, measured in the same minutes. */
  peer?: { name: string; value: number }
  /** Each run's value, in their order. */
  runs?: readonly number[]
  /** Facts beside the value, such as CPU time per operation. */
  detail?: string
  /** Processes that ran or waited for a core in the minute before the end, on average. */
  load?: number
  /** Why the row was not measured. `value` is NaN then. */
  skipped?: string
}

export interface Target {
  value: number
  /** Whether less or more than the target is good. */
  better: 'less' | 'more'
}

/** One file of `rows/`. */
export interface Benchmark {
  /** By which `npm run bench -- NAME` picks it. */
  name: string
  /** Whether it starts containers, which takes root on Linux. */
  containers?: boolean
  run(): Promise<Figure[]>
}

export const atMost = (value: number): Target => ({ value, better: 'less' })
export const atLeast = (value: number): Target => ({ value, better: 'more' })

export const isMet = ({ value, target }: Figure): boolean =>
  target === undefined || (target.better === 'less' ? value <= target.value : value >= target.value)

/** The middle of some values, the upper one of two. Throws where there is none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('the median of nothing')
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

/** Three digits that count. */
export const rounded = (value: number): number => (value === 0 ? 0 : Number(value.toPrecision(value >= 1000 ? 4 : 3)))

/** A figure of several runs. */
export function figureOf(
  name: string,
  unit: string,
  runs: readonly number[],
  more: Partial<Omit<Figure, 'name' | 'unit' | 'runs' | 'value'>> = {},
): Figure {
  return { name, value: rounded(median(runs)), unit, runs: runs.map(rounded), ...more }
}

/** Runs `work` so many times, one after the other. */
export async function repeat<T>(times: number, work: (round: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  for (let round = 0; round < times; round++) results.push(await work(round))
  return results
}

/** Milliseconds that `work` takes. */
export async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** The target of a row where it ran in full: of a part of it a target says nothing. */
export const targetOf = (isFull: boolean, target: Target): { target?: Target } => (isFull ? { target } : {})
