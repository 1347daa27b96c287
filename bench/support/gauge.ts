import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface Reading {
  /** Milliseconds of this process's CPU time, and of the clock. */
  cpu: number
  wall: number
  /** Milliseconds by which the event loop was late. */
  loop: { p50: number; p99: number; max: number }
  /** Resident bytes. */
  memory: number
}

/**
 * Measures the process that it is in, from `begin` to `end`. Where CANOPUS_BENCH_PROFILES names a directory, each measurement
 * leaves a CPU profile there.
 */
export function createGauge(): { begin(): Promise<void>; end(): Promise<Reading> } {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const profiler = profilerInto(process.env.CANOPUS_BENCH_PROFILES)
  let cpu = process.cpuUsage()
  let start = performance.now()
  return {
    async begin() {
      await profiler?.start()
      delay.reset()
      delay.enable()
      cpu = process.cpuUsage()
      start = performance.now()
    },
    async end() {
      delay.disable()
      const { user, system } = process.cpuUsage(cpu)
      const reading = {
        cpu: (user + system) / 1000,
        wall: performance.now() - start,
        loop: { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 },
        memory: process.memoryUsage.rss(),
      }
      await profiler?.stop()
      return reading
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
