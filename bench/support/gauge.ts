import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface Reading {
  /** Milliseconds of this process's CPU time, and of the clock. */
  cpu: number
  wall: number
  /** Milliseconds by which the event loop was late; zeros where nobody wanted to know. */
  loop: { p50: number; p99: number; max: number }
  /** The longest turns of the event loop by the thread's own CPU time, in milliseconds; where CANOPUS_BENCH_TURNS is set. */
  turns?: readonly number[]
  /** Resident bytes. */
  memory: number
}

export interface GaugeOptions {
  /** Whether to measure by how much the event loop is late; it does where missing. */
  readonly lateness?: boolean
}

/**
 * Measures the process that it is in, from `begin` to `end`. Where CANOPUS_BENCH_PROFILES names a directory, each measurement
 * leaves a CPU profile there. With CANOPUS_BENCH_TURNS=1 the turns of the event loop are measured by their CPU time, which tells
 * what the server does to its own latencies from what others on the machine do; it keeps the loop turning, so that CPU time
 * and rates say nothing then. `lateness` wakes the loop each millisecond, which a server that waits for one request after the other pays for: a
 * twentieth of its CPU.
 */
export function createGauge(): { begin(options?: GaugeOptions): Promise<void>; end(): Promise<Reading> } {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const profiler = profilerInto(process.env.CANOPUS_BENCH_PROFILES)
  const turns = process.env.CANOPUS_BENCH_TURNS ? createTurnMeter() : undefined
  let cpu = process.cpuUsage()
  let start = performance.now()
  return {
    async begin({ lateness = true } = {}) {
      await profiler?.start()
      delay.reset()
      if (lateness) delay.enable()
      cpu = process.cpuUsage()
      start = performance.now()
      turns?.start()
    },
    async end() {
      delay.disable()
      const { user, system } = process.cpuUsage(cpu)
      const reading = {
        cpu: (user + system) / 1000,
        wall: performance.now() - start,
        loop: { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 },
        memory: process.memoryUsage.rss(),
        ...(turns === undefined ? {} : { turns: turns.stop() }),
      }
      await profiler?.stop()
      return reading
    },
  }
}

const LONGEST_TURNS = 10

function createTurnMeter(): { start(): void; stop(): number[] } {
  let running = false
  let longest: number[] = []
  let before = 0
  const now = (): number => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
  const turn = (): void => {
    const at = now()
    if (at - before > (longest[LONGEST_TURNS - 1] ?? 0)) {
      longest.push(at - before)
      longest = longest.sort((a, b) => b - a).slice(0, LONGEST_TURNS)
    }
    before = at
    if (running) setImmediate(turn)
  }
  return {
    start() {
      running = true
      longest = []
      before = now()
      setImmediate(turn)
    },
    stop() {
      running = false
      return longest.map(each => Math.round(each * 10) / 10)
    },
  }
}

function profilerInto(directory: string | undefined): { start(): Promise<void>; stop(): Promise<void> } | undefined {
  if (directory === undefined || directory === '') return undefined
  const session = new Session()
  session.connect()
  const program = process.argv[1]!.split('/').at(-1)!.replace('.ts', '')
  let count = 0
  return {
    async start() {
      await session.post('Profiler.enable')
      await session.post('Profiler.start')
    },
    async stop() {
      const { profile } = await session.post('Profiler.stop')
      writeFileSync(`${directory}/${program}-${process.pid}-${count++}.cpuprofile`, JSON.stringify(profile))
    },
  }
}
