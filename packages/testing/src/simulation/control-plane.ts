import { generateKeyPairSync } from 'node:crypto'
import { type ApiServer, createSecurity, type NodeMetrics, runCompaction } from '@canopus/apiserver'
import { type Clock, type Logger, SeededRandom, sleep } from '@canopus/base'
import { createClient, createInformerFactory, type Transport, withoutManagedFields } from '@canopus/client'
import { type ControllerManagerOptions, createControllerManager, startApiServer } from '@canopus/control-plane'
import type { NodeLifecycleOptions } from '@canopus/controllers'
import { type ControllerContext, createEventRecorder } from '@canopus/operator'
import { createScheduler } from '@canopus/scheduler'
import type { Store } from '@canopus/store'
import type { Faults } from './faults.ts'
import { type DiskState, viewOfStore } from './faulty-store.ts'
import { faultyTransport } from './faulty-transport.ts'
import { SkewedClock } from './skewed-clock.ts'

/** Parts of a cluster that can be restarted on their own, and whose clocks can be wrong. */
export type ComponentName = 'api-server' | 'controller-manager' | 'scheduler' | 'nodes'

export interface SimulatedControlPlaneOptions {
  seed: number
  store: Store
  clock: Clock
  logger: Logger
  faults: Faults
  serviceCidr: string
  clusterCidr: string
  nodeLifecycle?: NodeLifecycleOptions
  /** Which controllers run, and which besides the usual ones. */
  controllers?: Pick<ControllerManagerOptions, 'controllers' | 'extra'>
  /** What nodes use, as their kubelets say it; where missing, no server tells what nodes and pods use. */
  nodeMetrics?: NodeMetrics
  /** Whether components that change an object which they share are to fail. */
  frozen?: boolean
}

/** A stand-in for the authority of a cluster in which nobody speaks TLS: real ones are made of true randomness. */
const ROOT_CA = '-----BEGIN CERTIFICATE-----\nc2ltdWxhdGVk\n-----END CERTIFICATE-----\n'

const IDENTITIES = {
  'controller-manager': { name: 'system:kube-controller-manager', groups: ['system:masters', 'system:authenticated'] },
  scheduler: { name: 'system:kube-scheduler', groups: ['system:authenticated'] },
  nodes: { name: 'simulated-kubelets', groups: ['system:masters', 'system:authenticated'] },
}

interface Running {
  readonly abort: AbortController
  readonly done: Promise<void>
}

interface RunningServer {
  readonly abort: AbortController
  /** Nothing until it serves. */
  server?: ApiServer
}

/**
 * API server, controllers and scheduler on one store, each of which can be killed and started again alone. All randomness
 * comes from the seed, each component's own, so that one that draws more does not change the others' course.
 */
export class SimulatedControlPlane {
  readonly disk: DiskState = { full: false }
  readonly clocks: Readonly<Record<ComponentName, SkewedClock>>
  readonly #options: SimulatedControlPlaneOptions
  readonly #serviceAccountKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString()
  #server: RunningServer | undefined
  readonly #running = new Map<ComponentName, Running>()
  readonly #starts: Record<string, number> = {}

  constructor(options: SimulatedControlPlaneOptions) {
    this.#options = options
    const clock = (): SkewedClock => new SkewedClock(options.clock)
    this.clocks = { 'api-server': clock(), 'controller-manager': clock(), scheduler: clock(), nodes: clock() }
  }

  /** Whether requests reach an API server just now. */
  get serving(): boolean {
    return this.#server?.server !== undefined
  }

  get server(): ApiServer | undefined {
    return this.#server?.server
  }

  isUp(component: ComponentName): boolean {
    return component === 'api-server' ? this.serving : this.#running.has(component)
  }

  /** Starts an API server. Tries again where it cannot read or write its store. */
  async startServer(): Promise<void> {
    if (this.#server !== undefined) return
    const running: RunningServer = { abort: new AbortController() }
    this.#server = running
    const { signal } = running.abort
    const clock = this.clocks['api-server']
    while (!signal.aborted) {
      try {
        const server = await this.#createServer(signal)
        if (signal.aborted) return
        running.server = server
        void runCompaction({ store: this.#view(signal), clock, logger: this.#logger('api-server') }, signal)
        return
      } catch (error) {
        this.#logger('api-server').warn('the API server did not start', { error })
        await sleep(clock, 1000, signal).catch(() => {})
      }
    }
  }

  #view(died: AbortSignal): Store {
    return viewOfStore(this.#options.store, this.disk, died)
  }

  #createServer(died: AbortSignal): Promise<ApiServer> {
    const { nodeMetrics } = this.#options
    return startApiServer({
      store: this.#view(died),
      clock: this.clocks['api-server'],
      random: this.#random('api-server'),
      logger: this.#logger('api-server'),
      security: createSecurity({ serviceAccountKey: this.#serviceAccountKey }),
      serviceCidr: this.#options.serviceCidr,
      ...(nodeMetrics ? { nodeMetrics } : {}),
      bootstrap: {},
    })
  }

  /** The API server is gone from one moment to the next: connections break, what was under way is lost or done. */
  killServer(): void {
    const running = this.#server
    if (running === undefined) return
    this.#server = undefined
    running.abort.abort(new Error('the API server was killed'))
    void running.server?.stop().catch(() => {})
  }

  /** Starts a component that is not running; `run` works with its context until the signal aborts. */
  start(
    component: Exclude<ComponentName, 'api-server'>,
    run: (context: ControllerContext, signal: AbortSignal) => Promise<void>,
  ): void {
    if (this.#running.has(component)) return
    const abort = new AbortController()
    const context = this.#context(component, abort.signal)
    const done = run(context, abort.signal).catch(error => {
      if (!abort.signal.aborted) this.#logger(component).error('a component failed', { error })
    })
    this.#running.set(component, { abort, done })
  }

  startControllers(): void {
    const { clusterCidr, nodeLifecycle, controllers } = this.#options
    this.start('controller-manager', (context, signal) =>
      createControllerManager(context, {
        rootCa: ROOT_CA,
        nodeIpam: { clusterCidrs: [clusterCidr] },
        ...(nodeLifecycle ? { nodeLifecycle } : {}),
        ...controllers,
      }).run(signal),
    )
  }

  startScheduler(): void {
    this.start('scheduler', (context, signal) => {
      const scheduler = createScheduler(context)
      context.informers.start(signal)
      return scheduler.run(signal)
    })
  }

  /** Kills a component: it sends nothing more. */
  kill(component: Exclude<ComponentName, 'api-server'>): void {
    this.#running.get(component)?.abort.abort(new Error(`${component} was killed`))
    this.#running.delete(component)
  }

  /** A connection to whatever API server there is, without faults of its own. */
  transport(user: { name: string; groups: readonly string[] }): Transport {
    return {
      send: async request => {
        const server = this.#server?.server
        if (server === undefined) throw new Error('connection refused: the API server is down')
        return server.transport(user).send(request)
      },
    }
  }

  async stop(): Promise<void> {
    const all = [...this.#running.values()].map(each => each.done)
    for (const component of this.#running.keys()) if (component !== 'api-server') this.kill(component)
    this.killServer()
    await Promise.all(all)
  }

  /** A transport of its own for a component, or for a user that has to live with the same faults. */
  faultyTransport(
    component: string,
    user: { name: string; groups: readonly string[] },
    signal: AbortSignal,
  ): Transport {
    return faultyTransport({
      component,
      server: () => {
        const running = this.#server
        return running?.server && { transport: running.server.transport(user), died: running.abort.signal }
      },
      signal,
      faults: this.#options.faults,
      clock: this.#options.clock,
      random: this.#random(`${component}/transport`),
      ...(this.#options.frozen ? { frozen: true } : {}),
    })
  }

  #context(component: Exclude<ComponentName, 'api-server'>, signal: AbortSignal): ControllerContext {
    const clock = this.clocks[component]
    const logger = this.#logger(component)
    const user = IDENTITIES[component]
    const random = this.#random(component)
    const client = createClient(this.faultyTransport(component, user, signal), {
      userAgent: user.name.replace(/^system:/, ''),
      shared: true,
    })
    const informers = createInformerFactory({ client, clock, random, logger, transform: withoutManagedFields })
    const source = component === 'scheduler' ? 'default-scheduler' : component
    return {
      client,
      clock,
      random,
      logger,
      informers,
      events: createEventRecorder({ client, clock, logger, component: source }),
    }
  }

  #random(component: string): SeededRandom {
    const start = (this.#starts[component] ?? 0) + 1
    this.#starts[component] = start
    return new SeededRandom(`${this.#options.seed}/${component}/${start}`)
  }

  #logger(component: string): Logger {
    return this.#options.logger.child({ component })
  }
}
