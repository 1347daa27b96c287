import { setTimeout as sleep } from 'node:timers/promises'
import type { Load } from '../children/load.ts'
import { measured, withApi } from '../support/api-bench.ts'
import { type Child, startChild } from '../support/child.ts'
import { atMost, type Benchmark, type Figure, median, rounded } from '../support/figure.ts'
import { succeeded } from './create.ts'

const STREAMS = 5000
const CONNECTIONS = 1000
const PER_SECOND = 10
const SECONDS = 5
const ROUNDS = 3

/** Thousands of watches of everything while objects are written: nothing is lost, and the server stays quick. */
export const streams: Benchmark = {
  name: 'streams',
  run: () =>
    withApi({ connections: CONNECTIONS }, async (bench): Promise<Figure[]> => {
      const writer = startChild('load.ts')
      try {
        await writer.call('connect', { ...bench.credentials, connections: 1 })
        await bench.clients.call('watch', { path: '/api/v1/pods?watch=true', streams: STREAMS })
        const rounds = []
        for (let round = 0; round <= ROUNDS; round++)
          rounds.push(await measured(bench, () => writes(writer, bench.clients, `round-${round}`)))
        const runs = rounds.slice(1) // the first one warms up
        const events = runs.map(({ result }) => result.events)
        const expected = STREAMS * PER_SECOND * SECONDS
        if (events.some(count => count !== expected)) throw new Error(`${events} events instead of ${expected} each`)
        const loop = runs.map(({ cost }) => cost.loop.p99)
        return [
          {
            name: '5,000 watch streams, 10 events/s each: event loop of the server, p99',
            value: rounded(median(loop)),
            unit: 'ms',
            runs: loop.map(rounded),
            target: atMost(20),
            detail: `${CONNECTIONS} connections, all ${expected} events seen, ${rounded(median(runs.map(({ cost }) => cost.cpu / cost.wall)) * 100)} % of a core, longest stop ${rounded(median(runs.map(({ cost }) => cost.loop.max)))} ms, write p50 ${rounded(median(runs.map(({ result }) => result.latency)))} ms, ${rounded(median(runs.map(({ cost }) => cost.memory)) / 1e6)} MB resident`,
          },
        ]
      } finally {
        await writer.stop()
      }
    }),
}

/** Writes at an even pace and waits until every stream has seen everything. */
async function writes(writer: Child, watchers: Child, prefix: string): Promise<{ events: number; latency: number }> {
  await watchers.call('events')
  const latencies: number[] = []
  const start = performance.now()
  for (let n = 0; n < PER_SECOND * SECONDS; n++) {
    await sleep(Math.max(0, start + (n * 1000) / PER_SECOND - performance.now()))
    const load = await writer.call<Load>('create', { prefix: `${prefix}-${n}`, inFlight: 1, total: 1 })
    latencies.push(succeeded(load).latency.p50)
  }
  const expected = STREAMS * PER_SECOND * SECONDS
  let events = 0
  for (let waits = 0; events < expected && waits < 200; waits++) {
    events += await watchers.call<number>('events')
    if (events < expected) await sleep(25)
  }
  return { events, latency: median(latencies) }
}
