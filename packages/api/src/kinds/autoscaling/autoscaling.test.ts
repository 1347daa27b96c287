import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HorizontalPodAutoscaler as HpaV1 } from '../../generated/autoscaling.v1.ts'
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus } from '../../generated/autoscaling.v2.ts'
import { created, testCreate } from '../../testing/validation-table.ts'
import { HorizontalPodAutoscalerKind } from './horizontalpodautoscaler.ts'
import { fromV2, toV2 } from './horizontalpodautoscaler-v1.ts'
import { targetsText } from './hpa-columns.ts'

const metadata = { name: 'web', namespace: 'default' }
const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }
const hpa = { metadata, spec: { scaleTargetRef, maxReplicas: 5 } } as unknown as HorizontalPodAutoscaler

testCreate(HorizontalPodAutoscalerKind, hpa, [
  {
    name: 'fewer than one at most',
    change: object => {
      object.spec.maxReplicas = 0
    },
    errors: [
      'spec.maxReplicas: Required value: must be set and greater than 0',
      'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
    ],
  },
  {
    name: 'no target',
    change: object => {
      object.spec.scaleTargetRef = { kind: 'Deployment', name: '' }
    },
    errors: [
      'spec.scaleTargetRef.name: Required value',
      'spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group',
    ],
  },
  {
    name: 'two sources, neither of them named',
    change: object => {
      const target = { type: 'Value', value: '0' }
      object.spec.metrics = [
        { type: '', external: { metric: { name: '' }, target }, pods: { metric: { name: 'a' }, target } },
      ]
    },
    errors: [
      'spec.metrics[0].type: Required value: must specify a metric source type',
      'spec.metrics[0].type: Unsupported value: "": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
      'spec.metrics[0].external.metric.name: Required value: must specify a metric name',
      'spec.metrics[0].external.target.value: Invalid value: "0": must be positive',
      'spec.metrics[0].type: Unsupported value: "": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
      'spec.metrics[0].external: Forbidden: must populate the given metric source only',
      'spec.metrics[0].pods: Forbidden: must populate the given metric source only',
    ],
  },
  {
    name: 'metric without its source',
    change: object => {
      object.spec.metrics = [{ type: 'Pods' }]
    },
    errors: ['spec.metrics[0].pods: Required value: must populate information for the given metric source'],
  },
])

test('HorizontalPodAutoscaler: eighty per cent of CPU by default', () => {
  const { spec } = created(HorizontalPodAutoscalerKind, hpa)
  assert.equal(spec.minReplicas, 1)
  assert.equal(targetsText({ metadata, spec } as unknown as HorizontalPodAutoscaler), 'cpu: <unknown>/80%')
})

test('v1 and v2 say the same', () => {
  const v1 = {
    metadata,
    spec: { scaleTargetRef, maxReplicas: 5, targetCPUUtilizationPercentage: 60 },
  } as unknown as HpaV1
  const v2 = toV2(v1)
  assert.deepEqual(v2.spec.metrics, [
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } } },
  ])
  assert.equal(fromV2(v2).spec.targetCPUUtilizationPercentage, 60)
})

test('what v1 has no field for survives in annotations', () => {
  const memory = {
    type: 'Resource',
    resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
  }
  const behavior = { scaleDown: { selectPolicy: 'Min' } }
  const v2 = { ...hpa, apiVersion: 'autoscaling/v2', spec: { ...hpa.spec, metrics: [memory], behavior } }
  const v1 = fromV2(v2)
  assert.deepEqual(v1.metadata.annotations, {
    'autoscaling.alpha.kubernetes.io/metrics':
      '[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"1Gi"}}]',
    'autoscaling.alpha.kubernetes.io/behavior':
      '{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":null,"SelectPolicy":"Min","Policies":null,"Tolerance":null}}',
  })
  const back = toV2(v1)
  assert.deepEqual(back.spec, v2.spec)
  assert.equal(back.metadata.annotations, undefined)
})

const metrics: MetricSpec[] = [
  {
    type: 'Object',
    object: {
      describedObject: { kind: 'Service', name: 's', apiVersion: 'v1' },
      target: { type: 'Value', value: '5' },
      metric: { name: 'm', selector: { matchLabels: { a: 'b' } } },
    },
  },
  { type: 'Pods', pods: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '1' } } },
  { type: 'External', external: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '1' } } },
  {
    type: 'ContainerResource',
    containerResource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 5 }, container: 'c' },
  },
]

test('metrics of every type come back from v1', () => {
  const v2 = { ...hpa, apiVersion: 'autoscaling/v2', spec: { ...hpa.spec, metrics } }
  assert.deepEqual(toV2(fromV2(v2)).spec.metrics, metrics)
})

test('figures and conditions of every type come back from v1', () => {
  const figures: MetricStatus[] = [
    { type: 'Resource', resource: { name: 'cpu', current: { averageValue: '0', averageUtilization: 5 } } },
    { type: 'Pods', pods: { metric: { name: 'm' }, current: { averageValue: '1' } } },
    { type: 'External', external: { metric: { name: 'm' }, current: { value: '1', averageValue: '2' } } },
  ]
  const conditions = [{ type: 'AbleToScale', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }]
  const status = { desiredReplicas: 1, currentReplicas: 1, currentMetrics: figures, conditions }
  const v1 = fromV2({ ...hpa, apiVersion: 'autoscaling/v2', status } as HorizontalPodAutoscaler)
  assert.equal(v1.status?.currentCPUUtilizationPercentage, 5)
  assert.deepEqual(toV2(v1).status, status)
})

test('annotations that nobody can read say nothing', () => {
  for (const text of ['x', '{}', '[1]', '[{"type":1}]']) {
    const v1 = {
      metadata: { ...metadata, annotations: { 'autoscaling.alpha.kubernetes.io/metrics': text } },
      spec: hpa.spec,
    }
    assert.equal(toV2(v1 as unknown as HpaV1).spec.metrics!.length, 1, text)
  }
})
