/** What a server does whose features are not the usual ones, request by request. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { builtInKinds } from '@canopus/api'
import { type Answer, type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'
import { parseFeatureGates } from './feature-gates.ts'
import { withGates } from './runtime-config.ts'

async function withServer<T>(gates: string, work: (server: MemoryServer) => Promise<T>): Promise<T> {
  const featureGates = parseFeatureGates(gates.split(','), 'apiserver')
  const server = await startMemoryServer({ featureGates, kinds: withGates(builtInKinds, featureGates) })
  try {
    return await work(server)
  } finally {
    await server.stop()
  }
}

const NAMESPACE = '/api/v1/namespaces/default'
const container = { name: 'c', image: 'i' }
const pod = (spec: object): object => ({ metadata: { name: 'p' }, spec: { containers: [container], ...spec } })
const service = (name: string, spec: object = {}): object => ({
  metadata: { name },
  spec: { ports: [{ port: 80 }], ...spec },
})
const volume = (zone: string): object => ({
  metadata: { name: 'v' },
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    nfs: { server: 's', path: '/' },
    nodeAffinity: {
      required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }] }] },
    },
  },
})
const autoscaler = (spec: object): object => ({
  metadata: { name: 'a' },
  spec: { scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' }, maxReplicas: 3, ...spec },
})
const external = { type: 'External', external: { metric: { name: 'm' }, target: { type: 'Value', value: '1' } } }

/** A gate, a creation, and what is seen of it by default and where the gate is the other way round. */
const creations: readonly [
  gate: string,
  path: string,
  body: object,
  see: (answer: Answer) => unknown,
  now: unknown[],
][] = [
  [
    'HostnameOverride=false',
    `${NAMESPACE}/pods`,
    pod({ hostnameOverride: 'h' }),
    ({ json }) => json.spec.hostnameOverride,
    ['h', undefined],
  ],
  [
    'ContainerRestartRules=false,RestartAllContainersOnContainerExits=false',
    `${NAMESPACE}/pods`,
    pod({ containers: [{ ...container, restartPolicy: 'Never' }] }),
    ({ json }) => json.spec.containers[0].restartPolicy,
    ['Never', undefined],
  ],
  [
    'PodLevelResources=false,InPlacePodLevelResourcesVerticalScaling=false',
    `${NAMESPACE}/pods`,
    pod({ resources: { limits: { cpu: '1' } } }),
    ({ json }) => json.spec.resources?.limits,
    [{ cpu: '1' }, undefined],
  ],
  [
    'MatchLabelKeysInPodTopologySpread=false,MatchLabelKeysInPodTopologySpreadSelectorMerge=false',
    `${NAMESPACE}/pods`,
    pod({
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'zone',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: { a: 'b' } },
          matchLabelKeys: ['x'],
        },
      ],
    }),
    ({ json }) => json.spec.topologySpreadConstraints[0].matchLabelKeys,
    [['x'], undefined],
  ],
  [
    'ContainerStopSignals=true',
    `${NAMESPACE}/pods`,
    pod({ os: { name: 'linux' }, containers: [{ ...container, lifecycle: { stopSignal: 'SIGHUP' } }] }),
    ({ json }) => json.spec.containers[0].lifecycle?.stopSignal,
    [undefined, 'SIGHUP'],
  ],
  [
    'TaintTolerationComparisonOperators=true',
    `${NAMESPACE}/pods`,
    pod({ tolerations: [{ key: 'k', operator: 'Gt', value: '5' }] }),
    ({ status }) => status,
    [422, 201],
  ],
  [
    'UserNamespacesHostNetworkSupport=true',
    `${NAMESPACE}/pods`,
    pod({ hostUsers: false, hostNetwork: true }),
    ({ status }) => status,
    [422, 201],
  ],
  [
    'PodDeletionCost=false',
    `${NAMESPACE}/pods`,
    { ...pod({}), metadata: { name: 'p', annotations: { 'controller.kubernetes.io/pod-deletion-cost': 'x' } } },
    ({ status }) => status,
    [422, 201],
  ],
  ['RelaxedServiceNameValidation=false', `${NAMESPACE}/services`, service('1a'), ({ status }) => status, [201, 422]],
  [
    'StrictIPCIDRValidation=false',
    `${NAMESPACE}/services`,
    service('s', { externalIPs: ['1.2.3.04'] }),
    ({ status }) => status,
    [422, 201],
  ],
  [
    'HPAScaleToZero=true',
    '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers',
    autoscaler({ minReplicas: 0, metrics: [external] }),
    ({ status }) => status,
    [422, 201],
  ],
  [
    'HPAConfigurableTolerance=false',
    '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers',
    autoscaler({ behavior: { scaleUp: { tolerance: '100m' } } }),
    ({ json }) => json.spec.behavior.scaleUp.tolerance,
    ['100m', undefined],
  ],
  [
    'VolumeLimitScaling=true',
    '/apis/storage.k8s.io/v1/csidrivers',
    { metadata: { name: 'd' }, spec: {} },
    ({ json }) => json.spec.preventPodSchedulingIfMissing,
    [undefined, false],
  ],
  [
    'CrossNamespaceVolumeDataSource=true',
    `${NAMESPACE}/persistentvolumeclaims`,
    {
      metadata: { name: 'c' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
        dataSourceRef: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 's', namespace: 'other' },
      },
    },
    ({ json }) => json.spec.dataSourceRef?.namespace,
    [undefined, 'other'],
  ],
]

describe('what is created', () => {
  for (const [gate, path, body, see, expected] of creations) {
    it(gate, async () => {
      const gates = ['AllAlpha=false', gate]
      const seen = await Promise.all(
        gates.map(each => withServer(each, async server => see(await server.send('POST', path, body)))),
      )
      assert.deepEqual(seen, expected)
    })
  }

  it('keeps a field of a feature that is off where it was there before', async () => {
    await withServer('HostnameOverride=false', async server => {
      const { json } = await server.send('POST', `${NAMESPACE}/pods`, pod({ hostnameOverride: 'h' }))
      assert.equal(json.spec.hostnameOverride, undefined)
    })
  })
})

it('MutablePVNodeAffinity: a volume may be had from elsewhere', async () => {
  for (const [gate, status] of [
    ['AllAlpha=false', 422],
    ['MutablePVNodeAffinity=true', 200],
  ] as const) {
    await withServer(gate, async server => {
      await server.send('POST', '/api/v1/persistentvolumes', volume('a'))
      assert.equal((await server.send('PUT', '/api/v1/persistentvolumes/v', volume('b'))).status, status)
    })
  }
})

describe('documents', () => {
  it('have pages, hashes and values where their features are on', async () => {
    const off = ['ComponentFlagz', 'ComponentStatusz', 'StorageVersionHash', 'OpenAPIEnums', 'APIResponseCompression']
    const seen: unknown[] = []
    for (const gates of ['AllAlpha=false', off.map(name => `${name}=false`).join(',')]) {
      await withServer(gates, async server => {
        const core = await server.send('GET', '/api/v1')
        const openapi = await server.send('GET', '/openapi/v3/api/v1', undefined, { 'accept-encoding': 'gzip' })
        const { paths } = (await server.send('GET', '/')).json
        seen.push([
          (await server.send('GET', '/flagz')).status,
          (await server.send('GET', '/statusz')).status,
          paths.includes('/flagz') || paths.includes('/statusz'),
          core.text.includes('storageVersionHash'),
          openapi.text.includes('"enum"'),
          openapi.headers['content-encoding'],
        ])
      })
    }
    assert.deepEqual(seen, [
      [200, 200, true, true, true, 'gzip'],
      [404, 404, false, false, false, undefined],
    ])
  })
})
