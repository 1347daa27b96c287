import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deployments, HorizontalPodAutoscalers, Pods } from '@canopus/api'
import type { HorizontalPodAutoscaler, MetricSpec } from '@canopus/api/autoscaling/v2'
import { formatTime, StatusError } from '@canopus/apimachinery'
import { createClient } from '@canopus/client'
import { createWorld, type World } from '../testing/world.ts'
import { createHorizontalPodAutoscaler } from './controller.ts'
import { createMetricsSource, type MetricsSource } from './metrics-source.ts'
import type { PodMetrics } from './replicas.ts'

const cpu = (averageUtilization: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
})

interface Scene {
  world: World
  /** Thousandths of a core that each pod uses; nothing where there are no figures. */
  load: number | undefined
  object: number
  external: number[]
  addPods(count: number): void
  autoscaler(): HorizontalPodAutoscaler
  /** `type status reason` of the conditions, in order. */
  conditions(): string[]
}

/** A deployment, its pods, and an autoscaler of it. */
async function scene(replicas: number, spec: Partial<HorizontalPodAutoscaler['spec']>): Promise<Scene> {
  const world = createWorld()
  const { server, clock } = world
  const figures = (): PodMetrics =>
    new Map(
      made.load === undefined
        ? []
        : server
            .list(Pods, 'x')
            .map(pod => [pod.metadata.name, { value: made.load!, timestamp: clock.now(), window: 15_000 }]),
    )
  const metrics: MetricsSource = {
    resource: async () => {
      if (made.load === undefined) throw new Error('no metrics returned from resource metrics API')
      return figures()
    },
    pods: async () => figures(),
    object: async () => made.object,
    external: async () => made.external,
  }
  const labels = { app: 'web' }
  server.add(Deployments, {
    metadata: { name: 'web', namespace: 'x' },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [] } } },
    status: { replicas },
  })
  server.add(HorizontalPodAutoscalers, {
    metadata: { name: 'web', namespace: 'x' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      minReplicas: 1,
      maxReplicas: 10,
      metrics: [cpu(50)],
      ...spec,
    },
  })
  const made: Scene = {
    world,
    load: 500,
    object: 0,
    external: [],
    addPods(count) {
      const long = formatTime(clock.now() - 3_600_000)
      for (let index = 0; index < count; index++) {
        server.add(Pods, {
          metadata: { name: `web-${server.list(Pods, 'x').length}`, namespace: 'x', labels },
          spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }] },
          status: {
            phase: 'Running',
            startTime: long,
            conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: long }],
          },
        })
      }
    },
    autoscaler: () => server.get(HorizontalPodAutoscalers, 'web', 'x')!,
    conditions: () =>
      (made.autoscaler().status?.conditions ?? []).map(({ type, status, reason }) => `${type} ${status} ${reason}`),
  }
  made.addPods(replicas)
  await world.start(createHorizontalPodAutoscaler(world.context, { metrics }))
  return made
}

const wanted = ({ world }: Scene): number => world.server.get(Deployments, 'web', 'x')!.spec.replicas!

test('load goes up: more replicas, and the status says why', async () => {
  const made = await scene(2, {})
  made.load = 900
  await made.world.settle(16_000)
  assert.equal(wanted(made), 4)
  assert.deepEqual(made.conditions(), [
    'AbleToScale True SucceededRescale',
    'ScalingActive True ValidMetricFound',
    'ScalingLimited False DesiredWithinRange',
  ])
  const { status } = made.autoscaler()
  assert.deepEqual([status?.currentReplicas, status?.desiredReplicas], [2, 4])
  assert.ok(status?.lastScaleTime)
  assert.deepEqual(status?.currentMetrics, [
    { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 90, averageValue: '900m' } } },
  ])
  assert.deepEqual(made.world.events, [
    'SuccessfulRescale New size: 4; reason: cpu resource utilization (percentage of request) above target',
  ])
  const name = 'horizontal_pod_autoscaler_controller'
  assert.deepEqual(made.world.figures(/^horizontal_pod_autoscaler_(?!.*_(bucket|sum))/), [
    `${name}_desired_replicas{hpa_name="web",namespace="x"} 4`,
    `${name}_metric_computation_duration_seconds_count{action="scale_up",error="none",metric_type="Resource"} 1`,
    `${name}_metric_computation_total{action="scale_up",error="none",metric_type="Resource"} 1`,
    `${name}_num_horizontal_pod_autoscalers 1`,
    `${name}_reconciliation_duration_seconds_count{action="scale_up",error="none"} 1`,
    `${name}_reconciliations_total{action="scale_up",error="none"} 1`,
  ])
  made.world.stop()
})

test('load goes down: fewer replicas, once nothing has asked for more in five minutes', async () => {
  const made = await scene(4, {})
  made.load = 100
  await made.world.settle(240_000)
  assert.equal(wanted(made), 4)
  assert.ok(made.conditions().includes('AbleToScale True ScaleDownStabilized'))
  await made.world.settle(120_000)
  assert.equal(wanted(made), 1)
  assert.ok(made.world.events.includes('SuccessfulRescale New size: 1; reason: All metrics below target'))
  made.world.stop()
})

test('no figures: nothing is done, and the messages are those of upstream', async () => {
  const made = await scene(2, {})
  made.load = undefined
  await made.world.settle(16_000)
  const cause =
    'failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API'
  assert.deepEqual(made.world.events, [
    `FailedGetResourceMetric ${cause}`,
    `FailedComputeMetricsReplicas invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: ${cause}`,
  ])
  const condition = made.autoscaler().status?.conditions?.find(each => each.type === 'ScalingActive')
  assert.equal(condition?.reason, 'FailedGetResourceMetric')
  assert.equal(condition?.message, `the HPA was unable to compute the replica count: ${cause}`)
  assert.deepEqual(made.world.figures(/(computation|reconciliations)_total\{/), [
    'horizontal_pod_autoscaler_controller_metric_computation_total{action="none",error="internal",metric_type="Resource"} 1',
    'horizontal_pod_autoscaler_controller_reconciliations_total{action="none",error="internal"} 1',
  ])
  assert.equal(wanted(made), 2)
  made.world.stop()
})

test('one figure of two is missing: up goes, down does not', async () => {
  const memory: MetricSpec = {
    type: 'External',
    external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } },
  }
  const made = await scene(3, { metrics: [cpu(50), memory] })
  made.load = undefined
  made.external = [20_000]
  await made.world.settle(16_000)
  assert.equal(wanted(made), 3)
  assert.ok(made.conditions().includes('ScalingActive False FailedGetResourceMetric'))
  made.external = [30_000, 20_000]
  await made.world.settle(16_000)
  assert.equal(wanted(made), 5)
  assert.ok(made.conditions().includes('ScalingActive True ValidMetricFound'))
  made.world.stop()
})

const bounds: [string, number, Partial<HorizontalPodAutoscaler['spec']>, number, string[]][] = [
  [
    'too many',
    12,
    {},
    10,
    ['SuccessfulRescale New size: 10; reason: Current number of replicas above Spec.MaxReplicas'],
  ],
  [
    'too few',
    2,
    { minReplicas: 3 },
    3,
    ['SuccessfulRescale New size: 3; reason: Current number of replicas below Spec.MinReplicas'],
  ],
  ['switched off', 0, {}, 0, []],
]
for (const [name, replicas, spec, expected, events] of bounds) {
  test(`limits: ${name}`, async () => {
    const made = await scene(replicas, spec)
    await made.world.settle(16_000)
    assert.equal(wanted(made), expected)
    assert.deepEqual(made.world.events, events)
    if (replicas === 0) assert.ok(made.conditions().includes('ScalingActive False ScalingDisabled'))
    made.world.stop()
  })
}

test('to nothing and back where that is allowed', async () => {
  const metric = { name: 'queue', selector: { matchLabels: { q: 'a' } } }
  const spec: MetricSpec = { type: 'External', external: { metric, target: { type: 'Value', value: '10' } } }
  const made = await scene(1, {
    minReplicas: 0,
    metrics: [spec],
    behavior: {
      scaleDown: {
        stabilizationWindowSeconds: 0,
        selectPolicy: 'Max',
        policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
      },
    },
  })
  made.external = [0]
  await made.world.settle(16_000)
  assert.equal(wanted(made), 0)
  made.external = [30_000]
  const up = { selectPolicy: 'Max', policies: [{ type: 'Pods', value: 4, periodSeconds: 1 }] }
  made.world.server.change(HorizontalPodAutoscalers, 'web', 'x', hpa => {
    hpa.spec.behavior!.scaleUp = up
  })
  await made.world.settle(31_000)
  assert.equal(wanted(made), 3)
  made.world.stop()
})

test('figures of an object and of pods', async () => {
  const describedObject = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }
  const object: MetricSpec = {
    type: 'Object',
    object: { metric: { name: 'hits' }, describedObject, target: { type: 'Value', value: '10' } },
  }
  const pods: MetricSpec = {
    type: 'Pods',
    pods: { metric: { name: 'qps' }, target: { type: 'AverageValue', averageValue: '1' } },
  }
  const made = await scene(2, { metrics: [object, pods] })
  made.object = 20_000
  made.load = 1000
  await made.world.settle(16_000)
  assert.equal(wanted(made), 4)
  assert.deepEqual(made.autoscaler().status?.currentMetrics, [
    { type: 'Object', object: { metric: { name: 'hits' }, describedObject, current: { value: '20' } } },
    { type: 'Pods', pods: { metric: { name: 'qps' }, current: { averageValue: '1' } } },
  ])
  assert.match(made.world.events[0]!, /New size: 4; reason: Deployment metric hits above target/)
  made.world.stop()
})

test('what one container of each pod uses', async () => {
  const metric: MetricSpec = {
    type: 'ContainerResource',
    containerResource: { name: 'cpu', container: 'c', target: { type: 'Utilization', averageUtilization: 50 } },
  }
  const made = await scene(2, { metrics: [metric] })
  made.load = 800
  await made.world.settle(16_000)
  assert.equal(wanted(made), 4)
  assert.deepEqual(made.autoscaler().status?.currentMetrics, [
    {
      type: 'ContainerResource',
      containerResource: { name: 'cpu', container: 'c', current: { averageUtilization: 80, averageValue: '800m' } },
    },
  ])
  assert.match(made.world.events[0]!, /^SuccessfulRescale New size: 4; reason: cpu container resource utilization/)
  made.world.stop()
})

test('two autoscalers of the same pods do nothing', async () => {
  const made = await scene(2, {})
  made.world.server.add(HorizontalPodAutoscalers, {
    metadata: { name: 'twin', namespace: 'x' },
    spec: made.autoscaler().spec,
  })
  made.load = 900
  await made.world.settle(46_000)
  assert.ok(made.conditions().includes('ScalingActive False AmbiguousSelector'))
  assert.ok(
    made.world.events.includes(
      'AmbiguousSelector pods by selector app=web are controlled by multiple HPAs: [{twin x} {web x}]',
    ),
  )
  made.world.stop()
})

test('no target, no way to scale it', async () => {
  const made = await scene(2, {})
  made.world.server.failNext(
    { method: 'PUT', path: /scale/ },
    new StatusError({ code: 403, reason: 'Forbidden', message: 'no' }),
  )
  made.load = 900
  await made.world.settle(16_000)
  assert.deepEqual(made.world.events, [
    'FailedRescale New size: 4; reason: cpu resource utilization (percentage of request) above target; error: no',
  ])
  assert.ok(made.conditions().includes('AbleToScale False FailedUpdateScale'))
  made.world.server.remove(Deployments, 'web', 'x')
  await made.world.settle(16_000)
  assert.ok(made.conditions().includes('AbleToScale False FailedGetScale'))
  made.world.stop()
})

const answers: [string, string, unknown, (source: MetricsSource) => Promise<unknown>, unknown][] = [
  [
    'what pods use',
    '/apis/metrics.k8s.io/v1beta1/namespaces/x/pods?labelSelector=app%3Dweb',
    {
      items: [
        {
          metadata: { name: 'a' },
          timestamp: '2026-01-01T00:00:00Z',
          window: '15s',
          containers: [
            { name: 'c', usage: { cpu: '100m' } },
            { name: 'd', usage: { cpu: '1' } },
          ],
        },
        { metadata: { name: 'b' }, containers: [{ name: 'c', usage: { memory: '1Mi' } }] },
      ],
    },
    source => source.resource({ namespace: 'x', resource: 'cpu', container: '', selector: 'app=web' }),
    new Map([['a', { value: 1100, timestamp: Date.UTC(2026, 0, 1), window: 15_000 }]]),
  ],
  [
    'what one container uses',
    '/apis/metrics.k8s.io/v1beta1/namespaces/x/pods?labelSelector=app%3Dweb',
    { items: [{ metadata: { name: 'a' }, containers: [{ name: 'c', usage: { cpu: '100m' } }, { name: 'd' }] }] },
    source => source.resource({ namespace: 'x', resource: 'cpu', container: 'c', selector: 'app=web' }),
    new Map([['a', { value: 100, timestamp: 0, window: 60_000 }]]),
  ],
  [
    'a figure of pods',
    '/apis/custom.metrics.k8s.io/v1beta2/namespaces/x/pods/*/qps?labelSelector=app%3Dweb&metricLabelSelector=v%3D1',
    { items: [{ describedObject: { name: 'a' }, timestamp: '2026-01-01T00:00:00Z', windowSeconds: 30, value: '7' }] },
    source => source.pods({ namespace: 'x', metric: { name: 'qps', selector: 'v=1' }, selector: 'app=web' }),
    new Map([['a', { value: 7000, timestamp: Date.UTC(2026, 0, 1), window: 30_000 }]]),
  ],
  [
    'a figure of an object',
    '/apis/custom.metrics.k8s.io/v1beta2/namespaces/x/ingresses.networking.k8s.io/web/hits',
    { items: [{ value: '12500m' }] },
    source =>
      source.object({
        namespace: 'x',
        metric: { name: 'hits', selector: '' },
        object: { kind: 'Ingress', name: 'web', resource: 'ingresses.networking.k8s.io' },
      }),
    12_500,
  ],
  [
    'a figure of a namespace',
    '/apis/custom.metrics.k8s.io/v1beta2/namespaces/y/metrics/hits',
    { items: [{ value: '1' }] },
    source =>
      source.object({
        namespace: 'x',
        metric: { name: 'hits', selector: '' },
        object: { kind: 'Namespace', name: 'y', resource: 'namespaces' },
      }),
    1000,
  ],
  [
    'figures from outside',
    '/apis/external.metrics.k8s.io/v1beta1/namespaces/x/queue?labelSelector=q%3Da',
    { items: [{ value: '1' }, { value: '2' }] },
    source => source.external({ namespace: 'x', metric: { name: 'queue', selector: 'q=a' } }),
    [1000, 2000],
  ],
]
for (const [name, path, answer, ask, expected] of answers) {
  test(`metrics APIs: ${name}`, async () => {
    const asked: string[] = []
    const source = createMetricsSource(answering(asked, () => [200, answer]))
    assert.deepEqual(await ask(source), expected)
    assert.deepEqual(asked, [path])
  })
}

test('metrics APIs: the older version of custom metrics, and failures', async () => {
  const asked: string[] = []
  const old = createMetricsSource(
    answering(asked, path => (path.includes('v1beta2') ? [404, {}] : [200, { items: [{ value: '1' }] }])),
  )
  const object = { kind: 'Service', name: 'web', resource: 'services' }
  assert.equal(await old.object({ namespace: 'x', metric: { name: 'hits', selector: '' }, object }), 1000)
  assert.deepEqual(asked, [
    '/apis/custom.metrics.k8s.io/v1beta2/namespaces/x/services/web/hits',
    '/apis/custom.metrics.k8s.io/v1beta1/namespaces/x/services/web/hits',
  ])
  const query = { namespace: 'x', resource: 'cpu', container: 'c', selector: '' }
  const none = createMetricsSource(answering([], () => [200, { items: [] }]))
  await assert.rejects(none.resource(query), { message: 'no metrics returned from resource metrics API' })
  const broken = createMetricsSource(answering([], () => [503, { kind: 'Status', code: 503, message: 'down' }]))
  await assert.rejects(broken.resource(query), { message: 'unable to fetch metrics from resource metrics API: down' })
  const strange = createMetricsSource(
    answering([], () => [200, { items: [{ metadata: { name: 'a', namespace: 'x' }, containers: [] }] }]),
  )
  await assert.rejects(strange.resource(query), { message: 'container c not present in metrics for pod x/a' })
})

function answering(asked: string[], answer: (path: string) => [number, unknown]): ReturnType<typeof createClient> {
  return createClient({
    async send({ path }) {
      asked.push(path)
      const [status, body] = answer(path)
      const bytes = new TextEncoder().encode(JSON.stringify(body))
      return {
        status,
        headers: {},
        bytes: async () => bytes,
        async *chunks() {
          yield bytes
        },
      }
    },
  })
}
