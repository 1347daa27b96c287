import { Pods } from '@canopus/api'
import type { PodCondition } from '@canopus/api/core/v1'
import { findCondition, type KubeObject, type ResourceType } from '@canopus/apimachinery'
import { MetricsRegistry, SeededRandom, SimulatedClock, silentLogger } from '@canopus/base'
import { createClient, createInformerFactory } from '@canopus/client'
import { createFakeServer, type FakeServer } from '@canopus/client/testing'
import { createScheduler, type SchedulerOptions } from '../scheduler.ts'

/** A scheduler at work on an API server in memory, under simulated time. */
export interface FakeCluster {
  readonly clock: SimulatedClock
  readonly server: FakeServer
  /** `NAME TYPE REASON: MESSAGE` of the events in their order. */
  readonly events: readonly string[]
  /** Lets everything happen that is to happen in so many milliseconds. */
  settle(milliseconds?: number): Promise<void>
  nodeOf(pod: string): string | undefined
  /** The pod's condition PodScheduled. */
  scheduled(pod: string): PodCondition | undefined
  /** The scheduler's figures whose lines look so, as Prometheus reads them. */
  figures(like: RegExp): string[]
  stop(): Promise<void>
}

/** Objects as tests write them, with what every object has. */
export function anObject<T extends KubeObject>(
  type: ResourceType<T>,
  name: string,
  rest: Record<string, unknown> & { metadata?: Record<string, unknown> },
): T {
  const { metadata, ...others } = rest
  return {
    apiVersion: type.group ? `${type.group}/${type.version}` : type.version,
    kind: type.kind,
    ...others,
    metadata: {
      name,
      uid: `uid-of-${name}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(type.namespaced ? { namespace: 'default' } : {}),
      ...metadata,
    },
  } as unknown as T
}

/** Starts the scheduler after `prepare` has put objects there. */
export async function startFakeCluster(
  prepare: (server: FakeServer) => void,
  options: SchedulerOptions = {},
): Promise<FakeCluster> {
  const clock = new SimulatedClock()
  const server = createFakeServer({ clock })
  const stop = new AbortController()
  const events: string[] = []
  prepare(server)
  const client = createClient(server)
  const random = new SeededRandom(1)
  const informers = createInformerFactory({ client, clock, random, logger: silentLogger })
  const recorder = {
    event: (about: { metadata: { name: string } }, type: string, reason: string, message: string): void => {
      events.push(`${about.metadata.name} ${type} ${reason}: ${message}`)
    },
  }
  const metrics = new MetricsRegistry()
  const context = { client, informers, clock, random, logger: silentLogger, events: recorder, metrics }
  const running = createScheduler(context, options).run(stop.signal)
  informers.start(stop.signal)
  await clock.advance(0)
  return {
    clock,
    server,
    events,
    async settle(milliseconds = 0) {
      await clock.advance(milliseconds)
    },
    nodeOf: pod => server.get(Pods, pod, 'default')?.spec?.nodeName,
    scheduled: pod => findCondition(server.get(Pods, pod, 'default')?.status?.conditions, 'PodScheduled'),
    figures: like =>
      metrics
        .text()
        .split('\n')
        .filter(each => like.test(each)),
    async stop() {
      stop.abort()
      await running
    },
  }
}
