/** What the server tells of itself at `/livez` and `/readyz`, besides what it does after its start. */
import { type Clock, withTimeout } from '@canopus/base'
import type { Store } from '@canopus/store'
import type { HealthCheck } from './health.ts'

export interface ServerState {
  readonly started: boolean
  readonly stopping: boolean
}

/** How long the store may take to answer, in milliseconds, where nobody says. */
const STORE_PATIENCE = 2000

export interface StoreFacts {
  readonly store: Store
  readonly clock: Clock
  /** Milliseconds that it has. */
  readonly healthCheckTimeout?: number
  readonly readyCheckTimeout?: number
}

/** Checks under the names that upstream gave them. */
export function ownChecks(facts: StoreFacts, state: ServerState): HealthCheck[] {
  const { store, clock, healthCheckTimeout = STORE_PATIENCE, readyCheckTimeout = STORE_PATIENCE } = facts
  const answers = (timeout: number) => async (): Promise<void> => {
    await withTimeout(clock, timeout, 'the store', async () => store.revision())
  }
  return [
    { name: 'log', scope: 'all', check: () => {} },
    // Calls of the server to itself need no connection here, so that no certificate of theirs runs out.
    { name: 'loopback-serving-certificate', scope: 'live', check: () => {} },
    { name: 'etcd', scope: 'all', check: answers(healthCheckTimeout) },
    { name: 'etcd-readiness', scope: 'ready', check: answers(readyCheckTimeout) },
    {
      name: 'informer-sync',
      scope: 'ready',
      check: () => {
        if (!state.started) throw new Error('the caches are not filled yet')
      },
    },
  ]
}

/** Fails from the moment on when the server begins to go down, so that balancers send nobody here any more. */
export function shutdownCheck(state: ServerState): HealthCheck {
  return {
    name: 'shutdown',
    scope: 'ready',
    check: () => {
      if (state.stopping) throw new Error('process is shutting down')
    },
  }
}
