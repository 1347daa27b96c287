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

/** Measures the process that it is in, from `begin` to `end`. */
export function createGauge(): { begin(): void; end(): Reading } {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  let cpu = process.cpuUsage()
  let start = performance.now()
  return {
    begin() {
      delay.reset()
      delay.enable()
      cpu = process.cpuUsage()
      start = performance.now()
    },
    end() {
      delay.disable()
      const { user, system } = process.cpuUsage(cpu)
      return {
        cpu: (user + system) / 1000,
        wall: performance.now() - start,
        loop: { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 },
        memory: process.memoryUsage.rss(),
      }
    },
  }
}
