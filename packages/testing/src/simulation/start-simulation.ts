import { type Logger, type Random, SeededRandom, type SimulatedClock, silentLogger } from '@canopus/base'
import { type Client, createClient } from '@canopus/client'
import type { NodeLifecycleOptions } from '@canopus/controllers'
import { createMemoryStore } from '@canopus/store'
import { ImpliedHeartbeats } from '../implied-heartbeats.ts'
import { type SimulatedNodeSpec, SimulatedNodes, type SimulatedNodesOptions } from '../simulated-nodes.ts'
import { SimulatedUsage } from '../simulated-usage.ts'
import { type ComponentName, SimulatedControlPlane, type SimulatedControlPlaneOptions } from './control-plane.ts'
import { type FaultRates, Faults, NO_FAULTS } from './faults.ts'
import { History } from './history.ts'
import { createSimulatedClock, settled } from './turns.ts'

export interface SimulationOptions {
  /** All chance comes from it: the same seed and options give the same history, byte for byte. */
  seed: number
  /** How many simulated nodes there are (`node-0` and so on), or which. Default 3. */
  nodes?: number | readonly SimulatedNodeSpec[]
  /** How nodes and pods behave. */
  simulation?: Partial<Omit<SimulatedNodesOptions, 'client' | 'informers' | 'clock' | 'logger' | 'count' | 'nodes'>>
  /** How likely what goes wrong on the way between components and API server; nothing where missing. */
  faults?: Partial<FaultRates>
  /** The longest delay that a fault brings, in milliseconds. Default 3 s. */
  slowness?: number
  /** Wall time at the start. Default 2026-01-01T00:00:00Z. */
  start?: number
  /** Keeps every write in `history.records`; otherwise only their number and digest. */
  keepHistory?: boolean
  /**
   * Whether nodes write every renewal of their leases, or only those that tell something (`ImpliedHeartbeats`): long times
   * with many nodes go by much faster then, and nodes fail, and are given up, at the same moments. Default `written`.
   */
  heartbeats?: 'written' | 'implied'
  /** Whether nodes say what their pods use, for autoscalers, as annotations have it. Default true. */
  resourceMetrics?: boolean
  nodeLifecycle?: NodeLifecycleOptions
  /** Which controllers run, and which besides the usual ones. */
  controllers?: SimulatedControlPlaneOptions['controllers']
  /** Freezes the objects that components share: whoever changes one of them fails, and the logger hears of it. */
  frozen?: boolean
  logger?: Logger
  /** Called before the first write, for those who must see all of them. */
  prepare?: (parts: Pick<Simulation, 'history' | 'faults' | 'clock'>) => void
}

/** A whole cluster in which no time passes but by command, and nothing happens by chance but by the seed. */
export interface Simulation {
  readonly seed: number
  readonly clock: SimulatedClock
  /** For the caller's own choices, so that they follow the seed too. */
  readonly random: Random
  /** As the administrator; faults do not touch it, but without an API server it fails. */
  readonly client: Client
  /** Everything that was written. */
  readonly history: History
  readonly faults: Faults
  readonly nodes: SimulatedNodes
  readonly controlPlane: SimulatedControlPlane
  /** Lets `milliseconds` pass. */
  advance(milliseconds: number): Promise<void>
  /**
   * Lets time pass until `condition` holds and answers how many milliseconds that took. It is asked each quarter of a
   * second of simulated time. Throws after `limit` milliseconds (default: ten minutes).
   */
  until(condition: () => boolean | Promise<boolean>, limit?: number): Promise<number>
  /** Lets time pass until `work` is done: for what waits for the clock itself. */
  during<T>(work: Promise<T>, limit?: number): Promise<T>
  /** Kills a component; after `pause` milliseconds (default 1 s) it starts again. */
  restart(component: Exclude<ComponentName, 'nodes'>, pause?: number): void
  stop(): Promise<void>
}

const ADMINISTRATOR = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] }
const QUARTER = 250
const LIMIT = 600_000

/** Starts a simulated cluster. Resolves when its API answers; its controllers, scheduler and nodes are on their way. */
export async function startSimulation(options: SimulationOptions): Promise<Simulation> {
  const { seed, logger = silentLogger } = options
  const clock = createSimulatedClock(options.start)
  const store = createMemoryStore({ clock })
  const faults = new Faults(clock, NO_FAULTS, options.slowness)
  const implied =
    options.heartbeats === 'implied' ? new ImpliedHeartbeats(() => isWell(controlPlane, faults)) : undefined
  const nodeLifecycle = { ...options.nodeLifecycle, ...(implied ? { heartbeats: implied } : {}) }
  let simulated: Simulated | undefined
  const controlPlane: SimulatedControlPlane = new SimulatedControlPlane({
    seed,
    store,
    clock,
    logger,
    faults,
    serviceCidr: '10.96.0.0/16',
    clusterCidr: '10.0.0.0/8',
    nodeLifecycle,
    ...(options.resourceMetrics === false
      ? {}
      : { nodeMetrics: ({ metadata }, now) => simulated?.usage?.scrape(metadata.name, now) }),
    ...(options.controllers ? { controllers: options.controllers } : {}),
    ...(options.frozen ? { frozen: true } : {}),
  })
  const stopping = new AbortController()
  const history = new History({ store, clock, ...(options.keepHistory ? { keep: true } : {}) })
  options.prepare?.({ history, faults, clock })
  void history.follow(stopping.signal)
  await drive(clock, controlPlane.startServer(), LIMIT)
  faults.rates = { ...NO_FAULTS, ...options.faults }
  controlPlane.startControllers()
  controlPlane.startScheduler()
  simulated = startNodes(options, controlPlane, implied)
  await settled()
  return {
    seed,
    clock,
    random: new SeededRandom(`${seed}/user`),
    client: createClient(controlPlane.transport(ADMINISTRATOR)),
    history,
    faults,
    nodes: simulated.nodes,
    controlPlane,
    advance: milliseconds => clock.advance(milliseconds),
    until: (condition, limit = LIMIT) => until(clock, condition, limit),
    during: (work, limit = LIMIT) => drive(clock, work, limit),
    restart: (component, pause = 1000) => restart(clock, controlPlane, component, pause, stopping.signal),
    async stop() {
      stopping.abort(new Error('the simulation is over'))
      await drive(clock, controlPlane.stop(), LIMIT)
      await store.close()
    },
  }
}

/** Whether every request of a node would succeed. */
function isWell({ serving, disk }: SimulatedControlPlane, { rates }: Faults): boolean {
  return serving && !disk.full && Object.values(rates).every(rate => rate === 0)
}

interface Simulated {
  readonly nodes: SimulatedNodes
  readonly usage: SimulatedUsage | undefined
}

function startNodes(
  options: SimulationOptions,
  controlPlane: SimulatedControlPlane,
  implied: ImpliedHeartbeats | undefined,
): Simulated {
  const { nodes: wanted = 3, simulation } = options
  let simulated: Simulated | undefined
  controlPlane.start('nodes', (context, signal) => {
    const { client, informers, clock, logger, random } = context
    const nodes = new SimulatedNodes({
      client,
      informers,
      clock,
      logger,
      random,
      ...(implied ? { implied } : {}),
      ...simulation,
      ...(typeof wanted === 'number' ? { count: wanted } : { nodes: wanted }),
    })
    const usage =
      options.resourceMetrics === false ? undefined : new SimulatedUsage({ informers, isUp: name => nodes.isUp(name) })
    simulated = { nodes, usage }
    informers.start(signal)
    return nodes.run(signal)
  })
  return simulated!
}

function restart(
  clock: SimulatedClock,
  controlPlane: SimulatedControlPlane,
  component: Exclude<ComponentName, 'nodes'>,
  pause: number,
  stopping: AbortSignal,
): void {
  if (component === 'api-server') controlPlane.killServer()
  else controlPlane.kill(component)
  clock.setTimer(pause, () => {
    if (stopping.aborted) return
    if (component === 'api-server') void controlPlane.startServer()
    else if (component === 'controller-manager') controlPlane.startControllers()
    else controlPlane.startScheduler()
  })
}

async function until(
  clock: SimulatedClock,
  condition: () => boolean | Promise<boolean>,
  limit: number,
): Promise<number> {
  const begun = clock.monotonic()
  await settled()
  for (;;) {
    if (await drive(clock, Promise.resolve(condition()), limit)) return clock.monotonic() - begun
    if (clock.monotonic() - begun >= limit) {
      throw new Error(`the condition did not hold within ${limit / 1000} s of simulated time`)
    }
    await clock.advance(QUARTER)
  }
}

/** Runs the clock until `work` settles: at once where it waits for nothing but promises. */
async function drive<T>(clock: SimulatedClock, work: Promise<T>, limit: number): Promise<T> {
  const begun = clock.monotonic()
  let done = false
  const finish = (): void => {
    done = true
  }
  work.then(finish, finish)
  for (await settled(); !done; ) {
    const next = clock.nextTimerAt()
    if (next === undefined || clock.monotonic() - begun > limit) throw new Error('the simulation stands still')
    await clock.advance(next - clock.now())
  }
  return work
}
