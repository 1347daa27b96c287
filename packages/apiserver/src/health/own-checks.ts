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
  /** Others beside it. */
  readonly elsewhere?: readonly { readonly store: Store }[]
  readonly clock: Clock
  /** Milliseconds that it has. */
  readonly healthCheckTimeout?: number
  readonly readyCheckTimeout?: number
}

/** Checks under the names that upstream gave them. */
export function ownChecks(facts: StoreFacts, state: ServerState): HealthCheck[] {
  const { clock, elsewhere = [], healthCheckTimeout = STORE_PATIENCE, readyCheckTimeout = STORE_PATIENCE } = facts
  const answers = (store: Store, timeout: number) => async (): Promise<void> => {
    await withTimeout(clock, timeout, 'the store', async () => store.revision())
  }
  const storeChecks = (store: Store, health: string, readiness: string): HealthCheck[] => [
    { name: health, scope: 'all', group: 'etcd', check: answers(store, healthCheckTimeout) },
    { name: readiness, scope: 'ready', group: 'etcd-readiness', check: answers(store, readyCheckTimeout) },
  ]
  return [
    { name: 'log', scope: 'all', check: () => {} },
    // Calls of the server to itself need no connection here, so that no certificate of theirs runs out.
    { name: 'loopback-serving-certificate', scope: 'live', check: () => {} },
    ...storeChecks(facts.store, 'etcd', 'etcd-readiness'),
    ...elsewhere.flatMap(({ store }, index) =>
      storeChecks(store, `etcd-override-${index}`, `etcd-override-readiness-${index}`),
    ),
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
