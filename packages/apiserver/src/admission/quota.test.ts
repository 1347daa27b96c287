import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  ConfigMaps,
  PersistentVolumeClaims,
  Pods,
  quotaEvaluator,
  ResourceClaims,
  ResourceQuotas,
  Services,
} from '@canopus/api'
import type { Pod, PodSpec, ResourceQuota } from '@canopus/api/core/v1'
import type { KubeObject, ResourceType } from '@canopus/apimachinery'
import type { Transport, TransportRequest, TransportResponse } from '@canopus/client'
import { FakeObjects } from '../authn/testing/fake-objects.ts'
import { charge } from './quota-check.ts'
import { resourceQuota } from './resource-quota.ts'
import { admit, fakeContext, refuses, request } from './testing/request.ts'

const pod = (spec: Partial<PodSpec> = {}, name = 'pod'): Pod =>
  ({ metadata: { name, namespace: 'ns' }, spec: { containers: [], ...spec } }) as unknown as Pod
const using = (requests: object, limits: object = {}) =>
  pod({ containers: [{ name: 'c', resources: { requests, limits } }] as PodSpec['containers'] })

type Amounts = Record<string, string>
const quota = (hard: Amounts, used: Amounts, spec: object = {}): ResourceQuota =>
  ({
    metadata: { name: 'q', namespace: 'ns', uid: 'u', resourceVersion: '5' },
    spec: { hard, ...spec },
    status: { hard, used },
  }) as unknown as ResourceQuota

describe('charging quotas', () => {
  const chargeOne = (given: ResourceQuota, type: ResourceType, object: object, oldObject?: object) =>
    charge([given], {
      evaluator: quotaEvaluator(type)!,
      object: object as KubeObject,
      oldObject: oldObject as KubeObject | undefined,
      now: 0,
    })
  const balanced = { metadata: {}, spec: { type: 'LoadBalancer', ports: [{ port: 1 }, { port: 2 }] } }
  const plain = { metadata: {}, spec: { type: 'ClusterIP', ports: [{ port: 1 }] } }
  const cases: [string, ResourceQuota, ResourceType, object, object | undefined, Amounts | string][] = [
    ['a pod', quota({ pods: '2' }, { pods: '1' }), Pods, pod(), undefined, { pods: '2' }],
    [
      'one pod too many',
      quota({ pods: '1' }, { pods: '1' }),
      Pods,
      pod(),
      undefined,
      'exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
    ],
    [
      'requests and limits',
      quota(
        { 'requests.cpu': '1', 'limits.memory': '1Gi', cpu: '1' },
        { 'requests.cpu': '0', 'limits.memory': '0', cpu: '0' },
      ),
      Pods,
      using({ cpu: '500m' }, { memory: '512Mi' }),
      undefined,
      { 'requests.cpu': '500m', 'limits.memory': '512Mi', cpu: '500m' },
    ],
    [
      'two resources too many',
      quota({ 'requests.cpu': '1', 'requests.memory': '1Gi' }, { 'requests.cpu': '900m', 'requests.memory': '1Gi' }),
      Pods,
      using({ cpu: '200m', memory: '1Mi' }),
      undefined,
      'exceeded quota: q, requested: requests.cpu=200m,requests.memory=1Mi, used: requests.cpu=900m,requests.memory=1Gi, limited: requests.cpu=1,requests.memory=1Gi',
    ],
    [
      'a pod that does not say what it needs',
      quota({ 'limits.cpu': '1', memory: '1Gi' }, { 'limits.cpu': '0', memory: '0' }),
      Pods,
      using({ memory: '1Mi' }),
      undefined,
      'failed quota: q: must specify limits.cpu for: c',
    ],
    [
      'a quota that nobody has counted yet',
      quota({ pods: '1' }, {}),
      Pods,
      pod(),
      undefined,
      'status unknown for quota: q, resources: pods',
    ],
    ['other kinds', quota({ pods: '1' }, { pods: '1' }), ConfigMaps, { metadata: {} }, undefined, { pods: '1' }],
    [
      'plain counts',
      quota({ 'count/configmaps': '5', configmaps: '5' }, { 'count/configmaps': '1', configmaps: '1' }),
      ConfigMaps,
      { metadata: {} },
      undefined,
      { 'count/configmaps': '2', configmaps: '2' },
    ],
    [
      'load balancers and their node ports',
      quota(
        { services: '5', 'services.loadbalancers': '1', 'services.nodeports': '5' },
        { services: '0', 'services.loadbalancers': '0', 'services.nodeports': '1' },
      ),
      Services,
      balanced,
      undefined,
      { services: '1', 'services.loadbalancers': '1', 'services.nodeports': '3' },
    ],
    [
      'the growth of an update alone',
      quota({ services: '1', 'services.nodeports': '2' }, { services: '1', 'services.nodeports': '0' }),
      Services,
      balanced,
      plain,
      { services: '1', 'services.nodeports': '2' },
    ],
    [
      'not what an update gives back',
      quota({ services: '1', 'services.nodeports': '2' }, { services: '1', 'services.nodeports': '2' }),
      Services,
      plain,
      balanced,
      { services: '1', 'services.nodeports': '2' },
    ],
    [
      'best effort only where in scope',
      quota({ pods: '1' }, { pods: '1' }, { scopes: ['BestEffort'] }),
      Pods,
      using({ cpu: '1' }),
      undefined,
      { pods: '1' },
    ],
    [
      'best effort where in scope',
      quota({ pods: '1' }, { pods: '1' }, { scopes: ['BestEffort'] }),
      Pods,
      pod(),
      undefined,
      'exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
    ],
    [
      'a priority class in scope',
      quota(
        { pods: '2' },
        { pods: '0' },
        { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] } },
      ),
      Pods,
      pod({ priorityClassName: 'high' }),
      undefined,
      { pods: '1' },
    ],
    [
      'the devices of a claim, by class',
      quota({ 'gpu.deviceclass.resource.k8s.io/devices': '40' }, { 'gpu.deviceclass.resource.k8s.io/devices': '1' }),
      ResourceClaims,
      {
        metadata: {},
        spec: {
          devices: {
            requests: [
              { name: 'a', exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 2 } },
              { name: 'b', exactly: { deviceClassName: 'gpu', allocationMode: 'All' } },
              {
                name: 'c',
                firstAvailable: [
                  { name: 'x', deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 3 },
                  { name: 'y', deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 1 },
                  { name: 'z', deviceClassName: 'nic', allocationMode: 'ExactCount', count: 9 },
                ],
              },
            ],
          },
        },
      },
      undefined,
      { 'gpu.deviceclass.resource.k8s.io/devices': '38' },
    ],
    ...(
      [
        ['In', ['fast'], true],
        ['In', ['slow'], true],
        ['In', ['other'], false],
        ['NotIn', ['fast'], true],
        ['NotIn', ['fast', 'slow'], false],
        ['Exists', [], true],
        ['DoesNotExist', [], false],
      ] as const
    ).map(([operator, values, counts]): (typeof cases)[number] => [
      `claims by their class of attributes: ${operator} ${values.join()}`,
      quota(
        { persistentvolumeclaims: '2' },
        { persistentvolumeclaims: '0' },
        { scopeSelector: { matchExpressions: [{ scopeName: 'VolumeAttributesClass', operator, values }] } },
      ),
      PersistentVolumeClaims,
      {
        metadata: {},
        spec: { volumeAttributesClassName: 'fast' },
        status: { currentVolumeAttributesClassName: 'slow' },
      },
      undefined,
      { persistentvolumeclaims: counts ? '1' : '0' },
    ]),
    [
      'extended resources',
      quota({ 'requests.example.com/gpu': '2' }, { 'requests.example.com/gpu': '1' }),
      Pods,
      using({ 'example.com/gpu': '2' }, { 'example.com/gpu': '2' }),
      undefined,
      'exceeded quota: q, requested: requests.example.com/gpu=2, used: requests.example.com/gpu=1, limited: requests.example.com/gpu=2',
    ],
  ]
  for (const [name, given, type, object, oldObject, expected] of cases) {
    it(`looks at ${name}`, () => {
      const verdict = chargeOne(given, type, object, oldObject)
      if (typeof expected === 'string') assert.deepEqual(verdict, { kind: 'refused', why: expected })
      else {
        assert.equal(verdict.kind, 'fits', verdict.kind === 'refused' ? verdict.why : '')
        assert.deepEqual(verdict.kind === 'fits' && verdict.quotas[0]!.status!.used, expected)
      }
    })
  }
})

/** A server with quotas alone, that keeps the rule of compare-and-swap. Updates its cache late. */
class QuotaServer implements Transport {
  readonly objects = new FakeObjects()
  readonly stored = new Map<string, ResourceQuota>()
  writes = 0
  #revision = 100

  put(given: ResourceQuota): void {
    this.stored.set(given.metadata.name!, given)
    this.objects.put(ResourceQuotas, given)
  }

  async send({ method, path, body }: TransportRequest): Promise<TransportResponse> {
    if (method === 'GET') return answer(200, { metadata: {}, items: [...this.stored.values()] })
    assert.match(path, /^\/api\/v1\/namespaces\/ns\/resourcequotas\/[^/]+\/status/)
    const update = JSON.parse(Buffer.from(body!).toString()) as ResourceQuota
    const name = update.metadata.name!
    if (update.metadata.resourceVersion !== this.stored.get(name)?.metadata.resourceVersion) {
      return answer(409, { kind: 'Status', status: 'Failure', reason: 'Conflict', code: 409, message: 'conflict' })
    }
    this.writes++
    const written = { ...update, metadata: { ...update.metadata, resourceVersion: String(++this.#revision) } }
    this.stored.set(name, written)
    return answer(200, written)
  }

  used(name = 'q'): Amounts {
    return this.stored.get(name)!.status!.used!
  }
}

function answer(status: number, body: object): TransportResponse {
  const bytes = Buffer.from(JSON.stringify(body))
  return {
    status,
    headers: { 'content-type': 'application/json' },
    bytes: async () => bytes,
    async *chunks() {
      yield bytes
    },
  }
}

describe('ResourceQuota', () => {
  function setUp(...quotas: ResourceQuota[]) {
    const server = new QuotaServer()
    for (const each of quotas) server.put(each)
    return { server, plugin: resourceQuota(fakeContext({ objects: server.objects, loopback: server })) }
  }
  const create = (name: string, dryRun = false) => request({ object: pod({}, name), dryRun })

  it('never lets more in than there is room for, however many come at once', async () => {
    const { server, plugin } = setUp(quota({ pods: '5' }, { pods: '0' }))
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => admit(plugin, create(`p${index}`))),
    )
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 5)
    assert.deepEqual(server.used(), { pods: '5' })
    assert.ok(server.writes <= 2, `${server.writes} writes for 20 requests`)
    await refuses(
      plugin,
      create('late'),
      'pods "late" is forbidden: exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5',
    )
  })

  it('starts again from the store where somebody else wrote', async () => {
    const { server, plugin } = setUp(quota({ pods: '5' }, { pods: '0' }))
    const elsewhere = quota({ pods: '5' }, { pods: '4' })
    server.stored.set('q', { ...elsewhere, metadata: { ...elsewhere.metadata, resourceVersion: '77' } })
    await admit(plugin, create('a'))
    assert.deepEqual(server.used(), { pods: '5' })
    await refuses(
      plugin,
      create('b'),
      'pods "b" is forbidden: exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5',
    )
  })

  it('charges several quotas once each, also when one write is crossed', async () => {
    const second = quota({ pods: '9' }, { pods: '1' })
    const other = { ...second, metadata: { ...second.metadata, name: 'r' } }
    const { server, plugin } = setUp(quota({ pods: '5' }, { pods: '0' }), other)
    server.stored.set('r', { ...other, metadata: { ...other.metadata, resourceVersion: '77' } })
    await admit(plugin, create('a'))
    assert.deepEqual([server.used(), server.used('r')], [{ pods: '1' }, { pods: '2' }])
  })

  it('charges nothing for dry runs, other namespaces and other operations', async () => {
    const { server, plugin } = setUp(quota({ pods: '5' }, { pods: '0' }))
    await admit(plugin, create('a', true))
    await admit(plugin, request({ object: { ...pod(), metadata: { name: 'a', namespace: 'other' } } }))
    await admit(plugin, request({ operation: 'UPDATE', object: pod(), oldObject: pod() }))
    await admit(plugin, request({ operation: 'UPDATE', subresource: 'status', object: pod(), oldObject: pod() }))
    assert.deepEqual(server.used(), { pods: '0' })
    assert.equal(server.writes, 0)
  })
})
