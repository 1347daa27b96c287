import type { Clock, Logger, MetricsRegistry, Random } from '@canopus/base'
import type { Client, InformerFactory } from '@canopus/client'

/** What every controller is given. Nothing else may reach time, randomness or the network. */
export interface ControllerContext {
  client: Client
  informers: InformerFactory
  clock: Clock
  random: Random
  logger: Logger
  /** Where work queues and loops tell what they do; nowhere where missing. */
  metrics?: MetricsRegistry
  /** How many keys each loop works on at the same time; as each controller has it where missing. */
  workers?: number
  /** Writes an event about an object, aggregated as upstream does (k8s.io/client-go/tools/record). Never throws. */
  events: EventRecorder
}

export interface EventRecorder {
  event(
    about: ObjectReferenceLike,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    details?: EventDetails,
  ): void
}

/** What only events of the new kind say; recorders of the old kind leave it out. */
export interface EventDetails {
  /** What was being done or tried, for example `Binding`. */
  readonly action?: string
  /** Who says so, where that is not the component that the recorder was made for. */
  readonly component?: string
  /** For whose sake. */
  readonly related?: ObjectReferenceLike
}

export interface ObjectReferenceLike {
  apiVersion?: string
  kind?: string
  metadata: { name: string; namespace?: string; uid: string; resourceVersion?: string }
  /** The part of the object that is meant, for example `spec.containers{redis}`. */
  fieldPath?: string
}

/** A running loop that ends when the signal aborts; its promise settles once everything that it started has stopped. */
export interface Controller {
  readonly name: string
  run(signal: AbortSignal): Promise<void>
}

/** `namespace/name`, or `name` for cluster-scoped objects: all that a reconcile gets to know. */
export type Key = string

/** What a reconcile asks for: nothing (done), or another look after so many milliseconds. Throwing retries with back-off. */
export interface ReconcileResult {
  requeueAfter?: number
}
