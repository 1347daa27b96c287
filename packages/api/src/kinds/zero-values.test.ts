/** What upstream's types write also where there is nothing in it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject, Schema } from '@canopus/apimachinery'
import type { HorizontalPodAutoscaler } from '../generated/autoscaling.v2.ts'
import type { Kind } from '../kind.ts'
import { schemas } from '../schemas.ts'
import { HorizontalPodAutoscalerKind } from './autoscaling/horizontalpodautoscaler.ts'
import { EventKind } from './core/event.ts'
import { LimitRangeKind } from './core/limitrange.ts'
import { PodKind } from './core/pod.ts'
import { EndpointSliceKind } from './discovery/endpointslice.ts'
import { FlowSchemaKind } from './flowcontrol/flowschema.ts'
import { builtInKinds } from './index.ts'
import { ClusterRoleKind } from './rbac/clusterrole.ts'
import { RoleKind } from './rbac/role.ts'
import { ResourceClaimKind } from './resource/resourceclaim.ts'
import { ResourceClaimTemplateKind } from './resource/resourceclaimtemplate.ts'
import { CSINodeKind } from './storage/csinode.ts'
import { writeZeros } from './zero-values.ts'

const context = { now: '2026-01-01T00:00:00Z' }
const slice = { addressType: 'IPv4' }
const endpoints = [{ addresses: ['10.0.0.1'] }]

type Fields = Readonly<Record<string, unknown>>

/** The kind as servers have it. */
const served = ({ message }: Kind): Kind => builtInKinds.find(each => each.message === message)!

const flow = (rule: object): Fields => ({
  spec: {
    priorityLevelConfiguration: { name: 'a' },
    matchingPrecedence: 1000,
    rules: [
      {
        subjects: [{ kind: 'User', user: { name: 'a' } }],
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], ...rule }],
      },
    ],
  },
})
const driver = (more: object = {}): Fields => ({ spec: { drivers: [{ name: 'a', nodeID: 'b', ...more }] } })
const volumes = (volume: object): Fields => ({ spec: { volumes: [{ name: 'v', ...volume }] } })
const podOf = (volume: object): Fields => ({
  spec: { containers: [{ name: 'c', image: 'i' }], ...(volumes(volume).spec as object) },
})

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

  [FlowSchemaKind as unknown as Kind, flow({ clusterScope: true }), flow({ clusterScope: true, namespaces: null })],
  [CSINodeKind as unknown as Kind, driver(), driver({ topologyKeys: null })],
  [ResourceClaimKind as unknown as Kind, { spec: {} }, { spec: { devices: { requests: null } } }],
  [
    ResourceClaimKind as unknown as Kind,
    { spec: { devices: { requests: [] } } },
    { spec: { devices: { requests: null } } },
  ],
  [ResourceClaimTemplateKind as unknown as Kind, { spec: {} }, { spec: { spec: { devices: { requests: null } } } }],
  [PodKind as unknown as Kind, podOf({ projected: { defaultMode: 420 } }), volumes({ projected: { sources: null } })],
  [PodKind as unknown as Kind, podOf({ projected: { sources: [] } }), volumes({ projected: { sources: null } })],
]

for (const [plain, sent, stored] of rows) {
  const kind = served(plain)

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
  const { strategy } = served(HorizontalPodAutoscalerKind as unknown as Kind)
  const spec = { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a' }, maxReplicas: 2 }
  const created = { metadata: { name: 'a', namespace: 'b' }, spec } as unknown as HorizontalPodAutoscaler
  strategy.prepareForCreate!(created, context)
  assert.deepEqual(created.status, { desiredReplicas: 0, currentMetrics: null })
  const updated = { ...structuredClone(created), status: { desiredReplicas: 1, currentMetrics: [] } }
  strategy.prepareForStatusUpdate!(updated, created, context)
  assert.deepEqual(structuredClone(updated.status), { desiredReplicas: 1, currentMetrics: null })
})

/** Where a kind may have such lists, by its schema; `*` for the items of a list. */
function written(schema: Schema, path: readonly string[] = []): string[] {
  if (schema.type === 'list') return written(schema.items, [...path, '*'])
  if (schema.type !== 'struct' || path.length > 12) return []
  return [...schema.fields].flatMap(([name, field]) => {
    const at = [...path, name]
    const isList = field.schema.type === 'list' || field.schema.type === 'map'
    const isWritten = isList && !field.omitEmpty && !field.pointer && !field.required
    return [...(isWritten ? [at.join('.')] : []), ...written(field.schema, at)]
  })
}

/** An object that has all that leads to a path. */
function leadingTo(path: readonly string[]): object {
  const [name = '', ...rest] = path
  if (rest.length === 0) return {}
  return name === '*' ? [leadingTo(rest)] : { [name]: leadingTo(rest) }
}

const valueAt = (object: unknown, path: readonly string[]): unknown =>
  path.reduce((value, name) => (value as Fields)[name === '*' ? '0' : name], object)

test('every list of every kind that may be empty is null where it is', () => {
  let found = 0
  for (const kind of builtInKinds.filter(({ type }) => type.group !== 'apiextensions.k8s.io')) {
    for (const path of written(schemas.schemaOf(kind.message)).map(each => each.split('.'))) {
      const object = leadingTo(path)
      writeZeros(kind, object as KubeObject)
      assert.equal(valueAt(object, path), null, `${kind.message} ${path}`)
      found++
    }
  }
  assert.ok(found >= 20, `${found} lists`)
})

const meta = { metadata: { name: 'a' } }
const port = { containerPort: 80 }

/** The kind, an object, and all that it becomes: figures of Go's encoder. */
const encodings: readonly [Kind, object, object][] = [
  [
    EventKind as unknown as Kind,
    { ...meta, involvedObject: {} },
    {
      ...meta,
      involvedObject: {},
      source: {},
      firstTimestamp: null,
      lastTimestamp: null,
      eventTime: null,
      reportingComponent: '',
      reportingInstance: '',
    },
  ],
  [
    PodKind as unknown as Kind,
    { ...meta, spec: { containers: [{ name: 'c', ports: [port] }], tolerations: [{}] } },
    { ...meta, spec: { containers: [{ name: 'c', ports: [port], resources: {} }], tolerations: [{}] }, status: {} },
  ],
  [
    PodKind as unknown as Kind,
    { ...meta, spec: {}, status: { conditions: [{}], containerStatuses: [{ state: { running: {} } }] } },
    {
      ...meta,
      spec: {},
      status: {
        conditions: [{ type: '', status: '', lastProbeTime: null, lastTransitionTime: null }],
        containerStatuses: [
          {
            name: '',
            state: { running: { startedAt: null } },
            lastState: {},
            ready: false,
            restartCount: 0,
            image: '',
            imageID: '',
          },
        ],
      },
    },
  ],
]
for (const [kind, given, wanted] of encodings) {
  test(`${kind.type.kind} ${JSON.stringify(given)}`, () => {
    const object = structuredClone(given) as KubeObject
    writeZeros(kind, object)
    assert.deepEqual(object, wanted)
  })
}

test('what others hold is not changed, and what has nothing to write is the same', () => {
  const pod = served(PodKind as unknown as Kind)
  const spec = {
    containers: [],
    volumes: [
      { name: 'a', projected: {} },
      { name: 'b', emptyDir: {} },
    ],
  }
  const frozen = structuredClone(spec)
  const object = { metadata: { name: 'a' }, spec } as unknown as KubeObject & { spec: typeof spec }
  writeZeros(pod, object)
  assert.deepEqual(spec, frozen)
  assert.equal((object.spec.volumes[0] as Fields & { projected: Fields }).projected.sources, null)
  assert.equal(object.spec.volumes[1], spec.volumes[1])
  const { spec: before } = object
  writeZeros(pod, object)
  assert.equal(object.spec, before)
})
