import assert from 'node:assert/strict'
import { it } from 'node:test'
import { clone, type KubeObject } from '@canopus/apimachinery'
import { builtInKinds } from './index.ts'

const CONTEXT = { now: '2026-01-02T03:04:05Z' } as never

interface Taken {
  readonly spec: { readonly containers?: object; readonly template?: { readonly spec: object } } & Readonly<
    Record<string, unknown>
  >
  readonly [field: string]: unknown
}

/** What remains of an object that is created, or that is updated from `old`. */
function taken(address: string, object: object, old?: object): Taken {
  const kind = builtInKinds.find(({ type }) => `${type.group}/${type.plural}` === address)!
  const { strategy } = kind
  const own = clone({ metadata: { name: 'a' }, ...object }) as unknown as KubeObject
  if (old === undefined) strategy.prepareForCreate?.(own, CONTEXT)
  else strategy.prepareForUpdate?.(own, clone({ metadata: { name: 'a' }, ...old }) as unknown as KubeObject, CONTEXT)
  return own as unknown as Taken
}

const pod = (stopSignal?: string): object => ({
  containers: [
    {
      name: 'c',
      ...(stopSignal === undefined ? {} : { lifecycle: { stopSignal, preStop: { sleep: { seconds: 1 } } } }),
    },
    { name: 'd', ...(stopSignal === undefined ? {} : { lifecycle: { stopSignal } }) },
  ],
})
const without = {
  containers: [{ name: 'c', lifecycle: { preStop: { sleep: { seconds: 1 } } } }, { name: 'd' }],
}

it('pods lose them, unless they had them', () => {
  const lost = taken('/pods', { spec: without }).spec
  assert.deepEqual(taken('/pods', { spec: pod('SIGTERM') }).spec, lost)
  assert.deepEqual(taken('/pods', { spec: pod('SIGTERM') }, { spec: pod() }).spec.containers, lost.containers)
  const kept = taken('/pods', { spec: pod('SIGTERM') }, { spec: pod('SIGINT') })
  assert.partialDeepStrictEqual(kept.spec, pod('SIGTERM'))
  const sources = [{ clusterTrustBundle: { path: 'a' } }, { podCertificate: { keyType: 'ED25519' } }, { secret: {} }]
  const group = { podGroupName: 'g' }
  const grouped = taken('/pods', { spec: { ...pod(), schedulingGroup: group, volumes: [{ projected: { sources } }] } })
  const { schedulingGroup, volumes } = grouped.spec as { schedulingGroup?: object; volumes: readonly object[] }
  assert.equal(schedulingGroup, undefined)
  assert.partialDeepStrictEqual(volumes, [{ projected: { sources: [{}, {}, { secret: {} }] } }])
  assert.ok(!/clusterTrustBundle|podCertificate/.test(JSON.stringify(volumes)))
})

const templated = ['apps/daemonsets', 'apps/deployments', 'apps/replicasets', 'apps/statefulsets', 'batch/jobs']
for (const address of [...templated, '/replicationcontrollers']) {
  it(`templates of ${address} do too`, () => {
    const of = (signal?: string) => ({ spec: { template: { spec: pod(signal) } } })
    const template = (object: Taken): object => object.spec.template!.spec
    const lost = template(taken(address, { spec: { template: { spec: without } } }))
    assert.deepEqual(template(taken(address, of('SIGTERM'))), lost)
    assert.partialDeepStrictEqual(template(taken(address, of('SIGTERM'), of('SIGINT'))), pod('SIGTERM'))
  })
}

const rows: readonly [string, object, object][] = [
  ['/podtemplates', { template: { spec: pod('SIGTERM') } }, { template: { spec: without } }],
  [
    'batch/cronjobs',
    { spec: { jobTemplate: { spec: { template: { spec: pod('SIGTERM') } } } } },
    { spec: { jobTemplate: { spec: { template: { spec: without } } } } },
  ],
  [
    'apps/statefulsets',
    { spec: { updateStrategy: { rollingUpdate: { partition: 1, maxUnavailable: 2 } } } },
    { spec: { updateStrategy: { rollingUpdate: { partition: 1 } } } },
  ],
  [
    'coordination.k8s.io/leases',
    { spec: { holderIdentity: 'a', strategy: 'OldestEmulationVersion', preferredHolder: 'b' } },
    { spec: { holderIdentity: 'a' } },
  ],
  [
    '/persistentvolumeclaims',
    { spec: { dataSourceRef: { kind: 'PersistentVolumeClaim', name: 'a', namespace: 'other' } } },
    { spec: {} },
  ],
  ['storage.k8s.io/csidrivers', { spec: { preventPodSchedulingIfMissing: true } }, { spec: {} }],
  [
    'resource.k8s.io/resourceslices',
    {
      spec: {
        devices: [
          { name: 'd', attributes: { a: { ints: [1] }, b: { int: 1 } }, nodeAllocatableResourceMappings: { cpu: {} } },
        ],
      },
    },
    { spec: { devices: [{ name: 'd', attributes: { a: {}, b: { int: 1 } } }] } },
  ],
]
for (const [address, given, wanted] of rows) {
  it(`${address} lose them, unless they had them`, () => {
    const only = (object: Readonly<Record<string, unknown>>): object =>
      Object.fromEntries(Object.keys(wanted).map(key => [key, object[key]]))
    assert.deepEqual(only(taken(address, given)), only(taken(address, wanted)))
    assert.deepEqual(only(taken(address, given, wanted)), only(taken(address, wanted, wanted)))
    assert.partialDeepStrictEqual(only(taken(address, given, given)), given)
  })
}
