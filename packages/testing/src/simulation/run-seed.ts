/** One seed from beginning to end: a cluster, a user, a run of bad luck, and then peace. */

import type { ConfigMap } from '@canopus/api/core/v1'
import { type Logger, type Random, SeededRandom, sleep } from '@canopus/base'
import { createClient } from '@canopus/client'
import { between, chance, pick } from './choices.ts'
import { type FaultRates, SOME_FAULTS } from './faults.ts'
import { unfinished } from './invariants/convergence.ts'
import { InvariantWatcher, type Violation } from './invariants/watcher.ts'
import { RandomUser } from './random-user.ts'
import { type Simulation, type SimulationOptions, startSimulation } from './start-simulation.ts'

export interface RunSeedOptions {
  seed: number
  /** Default: what the seed says, at most five. */
  nodes?: number
  /** What every node has. Default: more than the user asks for. */
  capacity?: Readonly<Record<string, string>>
  /** How long things go wrong, in milliseconds. Default five minutes. */
  duration?: number
  /** How long the cluster may take to converge once nothing goes wrong any more, in milliseconds. Default 25 minutes. */
  patience?: number
  /** Kinds of mishaps that do not happen. */
  without?: readonly (keyof FaultRates | Disaster)[]
  /** Rates in place of the seed's own. */
  faults?: Partial<FaultRates>
  controllers?: SimulationOptions['controllers']
  logger?: Logger
  keepHistory?: boolean
  /** Sees every write from the first. */
  prepare?: (parts: Pick<Simulation, 'history' | 'faults' | 'clock'>) => void
}

/** What befalls whole components. */
export type Disaster = 'restarts' | 'node-death' | 'skew' | 'full-disk'

export interface SeedResult {
  readonly seed: number
  readonly digest: string
  readonly writes: number
  readonly violations: readonly Violation[]
  /** What was still not as it should be at the end. */
  readonly unfinished: readonly string[]
  /** Simulated milliseconds from the end of all faults to convergence. */
  readonly convergedIn: number | undefined
  readonly counts: Readonly<Record<string, number>>
}

export const isGood = ({ violations, unfinished: left }: SeedResult): boolean =>
  violations.length === 0 && left.length === 0

const DURATION = 5 * 60_000
/** Back-offs of minutes, node life cycle and resyncs fit in. */
const PATIENCE = 25 * 60_000

export async function runSeed(options: RunSeedOptions): Promise<SeedResult> {
  const { seed, duration = DURATION } = options
  const random = new SeededRandom(`${seed}/plan`)
  let watcher: InvariantWatcher | undefined
  const simulation = await startSimulation({
    seed,
    prepare: parts => {
      watcher = new InvariantWatcher(parts.history, parts.faults)
      options.prepare?.(parts)
    },
    nodes: options.nodes ?? between(random, 2, 5),
    simulation: { capacity: { cpu: '64', memory: '128Gi', ...options.capacity } },
    ...(options.controllers ? { controllers: options.controllers } : {}),
    ...(options.logger ? { logger: options.logger } : {}),
    ...(options.keepHistory ? { keepHistory: true } : {}),
  })
  try {
    return await new SeedRun(simulation, watcher!, random, options).run(duration, options.faults)
  } finally {
    await simulation.stop()
  }
}

class SeedRun {
  readonly #simulation: Simulation
  readonly #random: Random
  readonly #without: readonly string[]
  readonly #patience: number
  readonly #watcher: InvariantWatcher
  readonly #user: RandomUser
  readonly #over = new AbortController()

  constructor(simulation: Simulation, watcher: InvariantWatcher, random: Random, options: RunSeedOptions) {
    const { client, clock, controlPlane, nodes } = simulation
    this.#simulation = simulation
    this.#random = random
    this.#without = options.without ?? []
    this.#patience = options.patience ?? PATIENCE
    this.#watcher = watcher
    const user = { name: 'user', groups: ['system:masters', 'system:authenticated'] }
    this.#user = new RandomUser({
      client,
      faultyClient: createClient(controlPlane.faultyTransport('user', user, new AbortController().signal)),
      clock,
      random: new SeededRandom(`${simulation.seed}/deeds`),
      nodes: nodes.names,
    })
  }

  async run(duration: number, wanted?: Partial<FaultRates>): Promise<SeedResult> {
    const { during, faults, history, seed } = this.#simulation
    await during(this.#user.begin())
    faults.rates = { ...this.#rates(), ...wanted }
    const { signal } = this.#over
    const loops = [this.#user.count(signal), this.#deeds(signal), this.#disasters(signal)]
    await this.#simulation.advance(duration)
    this.#over.abort()
    faults.stop()
    await during(Promise.all(loops), PATIENCE)
    const convergedIn = await this.#peace()
    return {
      seed,
      digest: history.digest(),
      writes: history.length,
      violations: this.#watcher.violations,
      unfinished: [...unfinished(this.#watcher.state), ...this.#registerProblems()],
      convergedIn,
      counts: faults.counts,
    }
  }

  /** Each kind of mishap happens in about two seeds of three, with rates of its own. */
  #rates(): FaultRates {
    const rates = { ...SOME_FAULTS }
    for (const name of Object.keys(rates) as (keyof FaultRates)[]) {
      const factor = chance(this.#random, 0.65) ? 2 * this.#random.next() : 0
      rates[name] = this.#without.includes(name) ? 0 : Math.min(1, rates[name] * factor)
    }
    return rates
  }

  async #deeds(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#pause(between(this.#random, 500, 8000), signal)
      if (!signal.aborted) await this.#user.act()
    }
  }

  async #disasters(signal: AbortSignal): Promise<void> {
    const all: readonly Disaster[] = ['restarts', 'restarts', 'node-death', 'node-death', 'skew', 'full-disk']
    const possible = all.filter(each => !this.#without.includes(each))
    while (!signal.aborted && possible.length > 0) {
      await this.#pause(between(this.#random, 5000, 60_000), signal)
      if (!signal.aborted) this.#strike(pick(this.#random, possible))
    }
  }

  #strike(disaster: Disaster): void {
    const { nodes, controlPlane, restart, clock, faults } = this.#simulation
    if (disaster !== 'restarts') faults.count(disaster)
    const random = this.#random
    switch (disaster) {
      case 'restarts': {
        const component = pick(random, ['api-server', 'controller-manager', 'scheduler', 'node'] as const)
        faults.count(`${component} restarts`)
        if (component === 'node') nodes.restart(pick(random, nodes.names))
        else restart(component, between(random, 0, 20_000))
        return
      }
      case 'node-death': {
        const name = pick(random, nodes.names)
        nodes.fail(name)
        clock.setTimer(pick(random, [5000, 45_000, 120_000, 400_000]), () => nodes.restore(name))
        return
      }
      case 'skew': {
        const component = pick(random, ['api-server', 'controller-manager', 'scheduler', 'nodes'] as const)
        controlPlane.clocks[component].offset = between(random, -30_000, 30_000)
        return
      }
      case 'full-disk': {
        controlPlane.disk.full = true
        clock.setTimer(between(random, 1000, 20_000), () => {
          controlPlane.disk.full = false
        })
        return
      }
    }
  }

  /** Everything is well again; how long until the cluster is, too? */
  async #peace(): Promise<number | undefined> {
    const { nodes, controlPlane, during, advance, clock } = this.#simulation
    await advance(20_000) // what has been planned to start again has done so
    controlPlane.disk.full = false
    for (const each of Object.values(controlPlane.clocks)) each.offset = 0
    for (const name of nodes.names) nodes.restore(name)
    await during(this.#user.end())
    const begun = clock.monotonic()
    while (clock.monotonic() - begun < this.#patience) {
      await advance(5000)
      if (unfinished(this.#watcher.state).length === 0) return clock.monotonic() - begun
    }
    return undefined
  }

  #registerProblems(): string[] {
    const { done, unknown } = this.#user.increments
    const register = this.#watcher.state.get<ConfigMap>('configmaps', 'default', 'register')
    const value = Number(register?.data?.value)
    if (value >= done && value <= done + unknown) return []
    return [`the register is at ${value} after ${done} increments and ${unknown} that may have been done`]
  }

  #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    return sleep(this.#simulation.clock, milliseconds, signal).catch(() => {})
  }
}
