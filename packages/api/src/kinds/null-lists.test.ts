/** Lists that upstream's types write also where they are empty. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '@canopus/apimachinery'
import type { HorizontalPodAutoscaler } from '../generated/autoscaling.v2.ts'
import type { Kind } from '../kind.ts'
import { HorizontalPodAutoscalerKind } from './autoscaling/horizontalpodautoscaler.ts'
import { LimitRangeKind } from './core/limitrange.ts'
import { EndpointSliceKind } from './discovery/endpointslice.ts'
import { ClusterRoleKind } from './rbac/clusterrole.ts'
import { RoleKind } from './rbac/role.ts'
import { CSINodeKind } from './storage/csinode.ts'

const context = { now: '2026-01-01T00:00:00Z' }
const slice = { addressType: 'IPv4' }
const endpoints = [{ addresses: ['10.0.0.1'] }]

type Fields = Readonly<Record<string, unknown>>

/** The kind, what is sent, what is stored of its lists. */
const rows: readonly [Kind, Fields, Fields][] = [
  [EndpointSliceKind as unknown as Kind, slice, { endpoints: null, ports: null }],
  [EndpointSliceKind as unknown as Kind, { ...slice, endpoints: null }, { endpoints: null, ports: null }],
  [EndpointSliceKind as unknown as Kind, { ...slice, endpoints: [], ports: [] }, { endpoints: null, ports: null }],
  [EndpointSliceKind as unknown as Kind, { ...slice, endpoints }, { endpoints, ports: null }],
  [RoleKind as unknown as Kind, {}, { rules: null }],
  [ClusterRoleKind as unknown as Kind, { rules: [] }, { rules: null }],
  [CSINodeKind as unknown as Kind, { spec: { drivers: [] } }, { spec: { drivers: null } }],
  [LimitRangeKind as unknown as Kind, {}, { spec: { limits: null } }],
]

for (const [kind, sent, stored] of rows) {
  test(`${kind.type.kind} of ${JSON.stringify(sent)} has ${JSON.stringify(stored)}`, () => {
    const { strategy } = kind
    const make = (): KubeObject => structuredClone({ metadata: { name: 'a', namespace: 'b' }, ...sent }) as KubeObject
    const created = make()
    strategy.default?.(created)
    strategy.prepareForCreate!(created, context)
    assert.partialDeepStrictEqual(created, stored)
    assert.deepEqual(strategy.validate!(created), [])
    const updated = make()
    strategy.default?.(updated)
    strategy.prepareForUpdate!(updated, created, context)
    assert.partialDeepStrictEqual(updated, stored)
    assert.deepEqual(strategy.validateUpdate!(updated, created), [])
    assert.equal(updated.metadata.generation, created.metadata.generation)
    for (const { value } of kind.columns) value(updated, 0)
    strategy.warnings?.(updated, undefined)
  })
}

test('a status without metrics has null for them, from the first and after updates', () => {
  const { strategy } = HorizontalPodAutoscalerKind
  const spec = { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a' }, maxReplicas: 2 }
  const created = { metadata: { name: 'a', namespace: 'b' }, spec } as unknown as HorizontalPodAutoscaler
  strategy.prepareForCreate!(created, context)
  assert.deepEqual(created.status, { desiredReplicas: 0, currentMetrics: null })
  const updated = { ...structuredClone(created), status: { desiredReplicas: 1, currentMetrics: [] } }
  strategy.prepareForStatusUpdate!(updated, created, context)
  assert.deepEqual(updated.status, { desiredReplicas: 1, currentMetrics: null })
})
