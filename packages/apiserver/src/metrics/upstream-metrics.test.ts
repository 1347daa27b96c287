/**
 * The metrics that upstream promises of its API server: all that are STABLE or BETA in 1.36
 * (test/instrumentation/testdata/stable-metrics-list.yaml), with their labels and bounds.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { builtInKinds } from '@canopus/api'
import { type MetricDescription, MetricsRegistry, silentLogger } from '@canopus/base'
import { bytesOfPiece } from '@canopus/client'
import { createClusterPki, systemClock, systemRandom } from '@canopus/platform'
import { createMemoryStore } from '@canopus/store'
import { createSecurity } from '../create-security.ts'
import { type ApiServer, createApiServer } from '../server.ts'

type Fact = readonly [name: string, type: 'counter' | 'gauge' | 'histogram', labels: string, bounds?: readonly number[]]

const SECONDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]
const STEPS = [0.005, 0.025, 0.1, 0.5, 1, 2.5]
const SERIES = 'component group resource scope subresource verb version'

const STABLE: readonly Fact[] = [
  ['apiserver_admission_controller_admission_duration_seconds', 'histogram', 'name operation rejected type', STEPS],
  ['apiserver_admission_step_admission_duration_seconds', 'histogram', 'operation rejected type', STEPS],
  [
    'apiserver_admission_webhook_admission_duration_seconds',
    'histogram',
    'name operation rejected type',
    [...STEPS, 10, 25],
  ],
  ['apiserver_current_inflight_requests', 'gauge', 'request_kind'],
  ['apiserver_longrunning_requests', 'gauge', SERIES],
  ['apiserver_request_duration_seconds', 'histogram', `dry_run ${SERIES}`, SECONDS],
  ['apiserver_request_total', 'counter', `code dry_run ${SERIES}`],
  ['apiserver_requested_deprecated_apis', 'gauge', 'group removed_release resource subresource version'],
  ['apiserver_response_sizes', 'histogram', SERIES, [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]],
  ['apiserver_storage_objects', 'gauge', 'resource'],
  ['apiserver_storage_size_bytes', 'gauge', 'storage_cluster_id'],
]

const RELOAD = 'apiserver_id_hash status'
const FLOW = 'flow_schema priority_level'
const CHECK = 'enforcement_action error_type policy policy_binding'
const DEFAULTS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const LISTS = [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60]
const WAIT = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30]

const BETA: readonly Fact[] = [
  ['apiserver_authentication_config_controller_automatic_reload_last_timestamp_seconds', 'gauge', RELOAD],
  ['apiserver_authentication_config_controller_automatic_reloads_total', 'counter', RELOAD],
  ['apiserver_authorization_config_controller_automatic_reload_last_timestamp_seconds', 'gauge', RELOAD],
  ['apiserver_authorization_config_controller_automatic_reloads_total', 'counter', RELOAD],
  ['apiserver_cel_compilation_duration_seconds', 'histogram', '', DEFAULTS],
  ['apiserver_cel_evaluation_duration_seconds', 'histogram', '', DEFAULTS],
  ['apiserver_flowcontrol_current_executing_requests', 'gauge', FLOW],
  ['apiserver_flowcontrol_current_executing_seats', 'gauge', FLOW],
  ['apiserver_flowcontrol_current_inqueue_requests', 'gauge', FLOW],
  ['apiserver_flowcontrol_dispatched_requests_total', 'counter', FLOW],
  ['apiserver_flowcontrol_nominal_limit_seats', 'gauge', 'priority_level'],
  ['apiserver_flowcontrol_rejected_requests_total', 'counter', `${FLOW} reason`],
  ['apiserver_flowcontrol_request_wait_duration_seconds', 'histogram', `execute ${FLOW}`, WAIT],
  ['apiserver_validating_admission_policy_check_duration_seconds', 'histogram', CHECK, [5e-7, 0.001, 0.01, 0.1, 1]],
  ['apiserver_validating_admission_policy_check_total', 'counter', CHECK],
  ['apiserver_storage_events_received_total', 'counter', 'group resource'],
  ['apiserver_validation_declarative_validation_mismatch_total', 'counter', ''],
  ['apiserver_validation_declarative_validation_panic_total', 'counter', ''],
  ['apiserver_watch_list_duration_seconds', 'histogram', 'group resource scope version', LISTS],
  ['disabled_metrics_total', 'counter', ''],
  ['hidden_metrics_total', 'counter', ''],
  ['kubernetes_feature_enabled', 'gauge', 'name stage'],
  ['registered_metrics_total', 'counter', 'deprecated_version stability_level'],
]

const file = (kind: string, rest: object) => ({
  text: JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind, ...rest }),
  follow: () => {},
})

const RULED = {
  metadata: { name: 'things.metered.io' },
  spec: {
    group: 'metered.io',
    names: { plural: 'things', kind: 'Thing' },
    scope: 'Cluster',
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: { type: 'object', 'x-kubernetes-validations': [{ rule: 'self.metadata.name != "b"' }] },
        },
      },
    ],
  },
}

const WATCH_LIST =
  '/api/v1/namespaces?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'

describe("upstream's metrics of the API server", () => {
  const registry = new MetricsRegistry()
  const store = createMemoryStore({ clock: systemClock })
  let server: ApiServer
  let found: Map<string, MetricDescription>
  let text: string

  before(async () => {
    const pki = await createClusterPki({ clusterName: 'test', clock: systemClock })
    const user = { name: 'tester', groups: ['system:masters'] }
    server = createApiServer({
      store,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      kinds: builtInKinds,
      metrics: registry,
      security: createSecurity({
        serviceAccountKey: pki.serviceAccount.privateKey,
        authenticationConfiguration: file('AuthenticationConfiguration', { jwt: [] }),
        authorizationConfiguration: file('AuthorizationConfiguration', {
          authorizers: [{ type: 'RBAC', name: 'rbac' }],
        }),
      }),
    })
    await server.start()
    const transport = server.transport(user)
    const headers = { 'content-type': 'application/json' }
    const create = async (path: string, object: object): Promise<void> => {
      const body = Buffer.from(JSON.stringify(object))
      const { status } = await transport.send({ method: 'POST', path, headers, body })
      assert.equal(status, 201)
    }
    await create('/api/v1/namespaces', { metadata: { name: 'metered' } })
    await create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', RULED)
    while ((await transport.send({ method: 'GET', path: '/apis/metered.io/v1' })).status !== 200) await setImmediate()
    await create('/apis/metered.io/v1/things', { apiVersion: 'metered.io/v1', kind: 'Thing', metadata: { name: 'a' } })
    const labelled = await transport.send({
      method: 'PATCH',
      path: '/apis/metered.io/v1/things/a',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: Buffer.from(JSON.stringify({ metadata: { labels: { a: 'b' } } })),
    })
    assert.equal(labelled.status, 200)
    const signal = AbortSignal.timeout(60_000)
    const watch = await transport.send({ method: 'GET', path: WATCH_LIST, signal })
    const pieces = watch.chunks()[Symbol.asyncIterator]()
    let piece = await pieces.next()
    while (piece.done !== true && !Buffer.from(bytesOfPiece(piece.value)).includes('initial-events-end'))
      piece = await pieces.next()
    await setImmediate()
    await transport.send({ method: 'GET', path: '/api/v1/namespaces' })
    found = new Map([...registry.descriptions].map(each => [each.name, each]))
    text = Buffer.from(await (await transport.send({ method: 'GET', path: '/metrics' })).bytes()).toString()
    await pieces.return?.()
  })
  after(async () => {
    await server.stop()
    await store.close()
  })

  for (const [level, facts] of [
    ['STABLE', STABLE],
    ['BETA', BETA],
  ] as const) {
    for (const [name, type, labels, bounds] of facts) {
      it(`${name} is ${level}`, () => {
        const own = found.get(name)
        assert.ok(own, 'it is registered')
        assert.equal(own.type, type)
        assert.deepEqual([...own.labels].sort().join(' '), labels.split(' ').sort().join(' '))
        assert.ok(own.help.startsWith(`[${level}] `), own.help)
        const series = text.split('\n').filter(line => line.startsWith(`${name}_bucket{`))
        if (bounds === undefined || series.length === 0) return
        const shown = new Set(
          series.map(line => / le="([^"]+)"|le="([^"]+)"/.exec(line)).map(each => each?.[1] ?? each?.[2]),
        )
        assert.deepEqual([...shown].map(Number), [...bounds, Number.NaN])
      })
    }
  }

  for (const [what, line] of [
    ['the size of the storage', /^apiserver_storage_size_bytes\{storage_cluster_id="etcd-0"\} [1-9]\d*$/m],
    ['rules that were compiled', /^apiserver_cel_compilation_duration_seconds_count 2$/m],
    ['rules that were run', /^apiserver_cel_evaluation_duration_seconds_count 2$/m],
    ['comparisons with the old object', /^apiextensions_apiserver_validation_ratcheting_seconds_count 1$/m],
    ['feature gates that are on', /^kubernetes_feature_enabled\{name="InPlacePodVerticalScaling",stage=""\} 1$/m],
    ['feature gates that are off', /^kubernetes_feature_enabled\{name="AllAlpha",stage="ALPHA"\} 0$/m],
    ['events of the storage', /^apiserver_storage_events_received_total\{group="",resource="namespaces"\} [1-9]/m],
    [
      'lists by watch',
      /^apiserver_watch_list_duration_seconds_count\{.*resource="namespaces",scope="cluster",version="v1"\} 1$/m,
    ],
  ] as const) {
    it(`tells ${what}`, () => assert.match(text, line))
  }
})
