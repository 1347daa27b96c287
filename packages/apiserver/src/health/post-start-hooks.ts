import type { HealthCheck } from './health.ts'

/** Of a server that passes requests on to others. */
const PEERS = ['mixed-version-proxy-handler', 'local-discovery-cache-sync', 'peer-discovery-workers']

/**
 * What upstream's server starts once it serves, in the order in which its checks are told (apiserver pkg/server/config.go, pkg/server/hooks.go;
 * controlplane and kube-aggregator add theirs). Names are what monitors exclude and ask for one by one.
 */
const HOOKS = [
  'start-apiserver-admission-initializer',
  'generic-apiserver-start-informers',
  'priority-and-fairness-config-consumer',
  'priority-and-fairness-filter',
  'max-in-flight-filter',
  'storage-object-count-tracker-hook',
  'start-apiextensions-informers',
  'start-apiextensions-controllers',
  'crd-informer-synced',
  'start-system-namespaces-controller',
  'peer-endpoint-reconciler-controller',
  ...PEERS,
  'start-cluster-authentication-info-controller',
  'start-kube-apiserver-identity-lease-controller',
  'start-kube-apiserver-identity-lease-garbage-collector',
  'storage-readiness',
  'start-legacy-token-tracking-controller',
  'start-service-ip-repair-controllers',
  'rbac/bootstrap-roles',
  'scheduling/bootstrap-system-priority-classes',
  'priority-and-fairness-config-producer',
  'bootstrap-controller',
  'start-kubernetes-service-cidr-controller',
  'aggregator-reload-proxy-client-cert',
  'start-kube-aggregator-informers',
  'apiservice-status-local-available-controller',
  'apiservice-status-remote-available-controller',
  'apiservice-registration-controller',
  'apiservice-discovery-controller',
  'kube-apiserver-autoregistration',
  'apiservice-openapi-controller',
  'apiservice-openapiv3-controller',
]

/** A check of its own, told after this hook: whether the groups of this server are registered. */
const AFTER_REGISTRATION = 'kube-apiserver-autoregistration'

export interface HookFacts {
  /** Hooks of upstream's that this server does not have, as it is configured. */
  readonly absent?: ReadonlySet<string>
  /** Whether what no hook of its own stands for is done: the server has started. */
  started(): boolean
}

/** Hooks of features that may be off. */
const HOOKS_OF: readonly (readonly [feature: string, hook: string])[] = [
  ['APIServerIdentity', 'start-kube-apiserver-identity-lease-controller'],
  ['APIServerIdentity', 'start-kube-apiserver-identity-lease-garbage-collector'],
  ['UnknownVersionInteroperabilityProxy', 'peer-endpoint-reconciler-controller'],
  ['WatchCacheInitializationPostStartHook', 'storage-readiness'],
]

/** Hooks that a server does not have which limits requests another way, has no certificate for extension servers, or knows no others. */
export function absentHooks(
  priorityAndFairness: boolean,
  proxyClient: boolean,
  gates: { enabled(name: string): boolean },
  peers = false,
): ReadonlySet<string> {
  const limits = priorityAndFairness
    ? ['max-in-flight-filter']
    : ['priority-and-fairness-config-consumer', 'priority-and-fairness-filter']
  const off = HOOKS_OF.flatMap(([feature, hook]) => (gates.enabled(feature) ? [] : [hook]))
  const noClient = proxyClient ? [] : ['aggregator-reload-proxy-client-cert']
  return new Set([...limits, ...off, ...noClient, ...(peers ? [] : PEERS)])
}

/** What a server has to do once it serves before it counts as started; each has a check `poststarthook/<name>`. */
export class PostStartHooks {
  readonly #facts: HookFacts
  readonly #done = new Map<string, boolean>()

  constructor(facts: HookFacts) {
    this.#facts = facts
  }

  /** Runs `work` under the name; its check fails until the work is done, and for good where it fails. */
  async run(name: string, work: () => Promise<unknown>): Promise<void> {
    this.#done.set(name, false)
    await work()
    this.#done.set(name, true)
  }

  /** The checks of all hooks. */
  get checks(): HealthCheck[] {
    const { absent } = this.#facts
    const names = HOOKS.filter(name => absent?.has(name) !== true)
    const more = [...this.#done.keys()].filter(name => !HOOKS.includes(name))
    return [...names, ...more].flatMap(name => {
      const own = this.check(`poststarthook/${name}`, name)
      return name === AFTER_REGISTRATION ? [own, this.check('autoregister-completion', name)] : [own]
    })
  }

  private check(check: string, hook: string): HealthCheck {
    return {
      name: check,
      scope: 'all',
      check: () => {
        if (!(this.#done.get(hook) ?? this.#facts.started())) throw new Error('not finished')
      },
    }
  }
}
