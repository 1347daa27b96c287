/** A server, a clock and a context: what every controller test begins with. */
import { MetricsRegistry, SeededRandom, SimulatedClock, silentLogger } from '@canopus/base'
import { createClient, createInformerFactory, type Transport } from '@canopus/client'
import { createFakeServer, type FakeServer } from '@canopus/client/testing'
import type { Controller, ControllerContext } from '@canopus/operator'

export interface World {
  clock: SimulatedClock
  server: FakeServer
  context: ControllerContext
  /** `reason message` of every event so far. */
  events: string[]
  /** The controllers' figures whose lines look so, as Prometheus reads them. */
  figures(like: RegExp): string[]
  /** Runs these controllers until the world ends. */
  start(...controllers: Controller[]): Promise<void>
  /** Lets everything come to rest, and `milliseconds` pass. */
  settle(milliseconds?: number): Promise<void>
  stop(): void
}

/** `watches` is put between the server and the informers alone. */
export function createWorld(watches: (server: Transport) => Transport = server => server): World {
  const clock = new SimulatedClock({ settle: turns })
  const server = createFakeServer({ clock })
  const client = createClient(server)
  const random = new SeededRandom(1)
  const informers = createInformerFactory({
    client: createClient(watches(server)),
    clock,
    random,
    logger: silentLogger,
  })
  const events: string[] = []
  const metrics = new MetricsRegistry()
  const stop = new AbortController()
  return {
    clock,
    server,
    events,
    figures: like =>
      metrics
        .text()
        .split('\n')
        .filter(line => like.test(line) && !line.startsWith('#')),
    context: {
      metrics,
      client,
      informers,
      clock,
      random,
      logger: silentLogger,
      events: { event: (_about, _type, reason, message) => void events.push(`${reason} ${message}`) },
    },
    async start(...controllers) {
      for (const controller of controllers) void controller.run(stop.signal)
      informers.start(stop.signal)
      await clock.advance(1)
    },
    settle: (milliseconds = 1_000) => clock.advance(milliseconds),
    stop: () => stop.abort(),
  }
}

/** A few turns of the event loop: all promises that wait for nothing else have settled then. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
}
