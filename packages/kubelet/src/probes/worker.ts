import type { Probe } from '@canopus/api/core/v1'
import { messageOf, type Timer } from '@canopus/base'
import type { ProbeResult } from './network.ts'

export interface ProbeWorkerOptions {
  probe: Probe
  /** When the container started, in milliseconds since the epoch. */
  startedAt: number
  /** Whether it may be run now: the startup probe has succeeded, the pod is not being ended, ... */
  enabled(): boolean
  run(): Promise<ProbeResult>
  now(): number
  setTimer(delay: number, callback: () => void): Timer
  failed(message: string, error: boolean): void
  changed(): void
  /** What holds until the first verdict. */
  initial: boolean | undefined
  /** After its first failure or success that counts, the verdict stands for the rest of the container's life. */
  stopsOn: 'nothing' | 'failure' | 'both'
}

/** Runs one probe of one container again and again, and counts (upstream pkg/kubelet/prober/worker.go). */
export class ProbeWorker {
  readonly #options: ProbeWorkerOptions
  #verdict: boolean | undefined
  #streak: { ok: boolean; count: number } = { ok: true, count: 0 }
  #timer: Timer | undefined
  #stopped = false

  constructor(options: ProbeWorkerOptions) {
    this.#options = options
    this.#verdict = options.initial
    if (options.stopsOn === 'both' && options.initial !== undefined) return
    const delay = (options.probe.initialDelaySeconds ?? 0) * 1000
    this.#schedule(Math.max(0, options.startedAt + delay - options.now()))
  }

  get verdict(): boolean | undefined {
    return this.#verdict
  }

  /** Another look now, if it only waits for its turn: the startup probe has just succeeded. */
  nudge(): void {
    const delay = (this.#options.probe.initialDelaySeconds ?? 0) * 1000
    if (this.#timer === undefined || this.#options.now() < this.#options.startedAt + delay) return
    this.#timer.cancel()
    this.#schedule(0)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #schedule(delay: number): void {
    this.#timer = this.#options.setTimer(delay, () => {
      this.#timer = undefined
      void this.#turn()
    })
  }

  async #turn(): Promise<void> {
    if (this.#stopped) return
    if (this.#options.enabled()) await this.#probe()
    const { stopsOn, probe } = this.#options
    const over = (stopsOn !== 'nothing' && this.#verdict === false) || (stopsOn === 'both' && this.#verdict === true)
    if (!this.#stopped && !over) this.#schedule((probe.periodSeconds ?? 10) * 1000)
  }

  async #probe(): Promise<void> {
    const { probe, run } = this.#options
    let ok = false
    try {
      const result = await run()
      if (this.#stopped) return
      ok = result.ok
      if (!ok) this.#options.failed(result.message, false)
    } catch (error) {
      if (this.#stopped) return
      this.#options.failed(messageOf(error), true)
    }
    this.#streak = this.#streak.ok === ok ? { ok, count: this.#streak.count + 1 } : { ok, count: 1 }
    const threshold = ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3)
    if (this.#streak.count < threshold || this.#verdict === ok) return
    this.#verdict = ok
    this.#options.changed()
  }
}
