import { measured, withApi } from '../support/api-bench.ts'
import { atMost, type Benchmark, type Figure, figureOf, median, repeat, rounded } from '../support/figure.ts'

const WATCHERS = 1000
const WRITES = 40

/** From sending one write until the last of many watchers has it: watchers with a connection each, and with shared ones. */
export const fanOut: Benchmark = {
  name: 'fan-out',
  async run(): Promise<Figure[]> {
    const [own, shared] = [await seen(WATCHERS), await seen(10)]
    return [
      figureOf('1,000 watchers of all pods: one write until all have seen it', 'ms', own.milliseconds, {
        target: atMost(25),
        detail: `a connection each, ${rounded(median(own.cpu))} ms server CPU; on 10 connections ${rounded(median(shared.milliseconds))} ms, ${rounded(median(shared.cpu))} ms`,
      }),
    ]
  },
}

function seen(connections: number): Promise<{ milliseconds: number[]; cpu: number[] }> {
  return withApi({ connections }, async bench => {
    await bench.clients.call('watch', { path: '/api/v1/pods?watch=true', streams: WATCHERS })
    const write = (name: string): Promise<number> => bench.clients.call('fanOut', { name, watchers: WATCHERS })
    await repeat(10, round => write(`warm-${round}`))
    const runs = await repeat(WRITES, round => measured(bench, () => write(`seen-${round}`)))
    return { milliseconds: runs.map(({ result }) => result), cpu: runs.map(({ cost }) => cost.cpu) }
  })
}
