import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Deployments, Events, Namespaces, Pods, Services } from '@canopus/api'
import type { PodSpec } from '@canopus/api/core/v1'
import { SimulatedClock } from '@canopus/base'
import type { Attributes } from '../security.ts'
import { startMemoryServer } from '../testing/memory-server.ts'
import { alwaysPullImages } from './always-pull-images.ts'
import { limitPodHardAntiAffinityTopology } from './anti-affinity-topology.ts'
import type { AdmissionConfiguration } from './configuration/file.ts'
import { alwaysDeny, denyServiceExternalIPs } from './denials.ts'
import { eventRateLimit } from './event-rate-limit.ts'
import { extendedResourceToleration } from './extended-resource-toleration.ts'
import { namespaceAutoProvision, namespaceExists } from './namespace-presence.ts'
import { ownerReferencesPermissionEnforcement } from './owner-permissions.ts'
import { podNodeSelector } from './pod-node-selector.ts'
import { podTolerationRestriction } from './pod-toleration-restriction.ts'
import { admit, fakeContext, refusalOf, refuses, request } from './testing/request.ts'

const METADATA = { name: 'p', namespace: 'ns' }
const podOf = (spec: object): { metadata: object; spec: PodSpec } =>
  ({ metadata: METADATA, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } }) as never
const newPod = (spec: object) => request({ object: podOf(spec) })
const specOf = ({ object }: ReturnType<typeof newPod>): PodSpec => (object as unknown as { spec: PodSpec }).spec

describe('AlwaysPullImages', () => {
  it('has every image asked for', async () => {
    const attributes = newPod({
      containers: [{ name: 'c', image: 'i', imagePullPolicy: 'Never' }],
      initContainers: [{ name: 'd', image: 'j', imagePullPolicy: 'IfNotPresent' }],
      volumes: [{ name: 'v', image: { reference: 'r', pullPolicy: 'Never' } }],
    })
    await admit(alwaysPullImages, attributes)
    const { containers, initContainers, volumes } = specOf(attributes)
    const policies = [containers[0]?.imagePullPolicy, initContainers?.[0]?.imagePullPolicy]
    assert.deepEqual([...policies, volumes?.[0]?.image?.pullPolicy], ['Always', 'Always', 'Always'])
  })

  it('leaves updates alone that bring no other image', async () => {
    const object = podOf({ containers: [{ name: 'c', image: 'i', imagePullPolicy: 'Never' }] })
    const attributes = request({ operation: 'UPDATE', object, oldObject: podOf({}) })
    await admit(alwaysPullImages, attributes)
    assert.equal(object.spec.containers[0]?.imagePullPolicy, 'Never')
  })

  it('refuses what others have changed since', async () => {
    const attributes = newPod({ containers: [{ name: 'c', image: 'i', imagePullPolicy: 'Never' }] })
    const { mutate: _, ...validating } = alwaysPullImages
    const why = 'spec.containers[0].imagePullPolicy: Unsupported value: "Never": supported values: "Always"'
    await refuses(validating, attributes, `pods "p" is forbidden: ${why}`, 500)
  })
})

describe('LimitPodHardAntiAffinityTopology', () => {
  const away = (topologyKey: string) =>
    newPod({ affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey }] } } })
  it('lets pods keep others off their node', () =>
    admit(limitPodHardAntiAffinityTopology, away('kubernetes.io/hostname')))
  it('and off nothing else', () =>
    refuses(
      limitPodHardAntiAffinityTopology,
      away('zone'),
      'pods "p" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey zone but only key kubernetes.io/hostname is allowed',
    ))
})

describe('ExtendedResourceToleration', () => {
  const device = { key: 'example.com/a', operator: 'Exists', effect: 'NoSchedule' }
  const cases: readonly [string, object, object, object[] | undefined][] = [
    ['a device', { 'example.com/a': '1' }, {}, [device]],
    [
      'two, in order',
      { 'example.com/b': '1', 'example.com/a': '1' },
      {},
      [device, { ...device, key: 'example.com/b' }],
    ],
    ['what every node has', { cpu: '1', 'kubernetes.io/x': '1' }, {}, undefined],
    ['what it tolerates already', { 'example.com/a': '1' }, { tolerations: [device] }, [device]],
  ]
  for (const [name, requests, spec, expected] of cases) {
    it(name, async () => {
      const attributes = newPod({ containers: [{ name: 'c', resources: { requests } }], ...spec })
      await admit(extendedResourceToleration, attributes)
      assert.deepEqual(specOf(attributes).tolerations, expected)
    })
  }
})

function contextWith(annotations: object, configuration: AdmissionConfiguration = {}) {
  const context = fakeContext({ configuration })
  context.objects.put(Namespaces, { metadata: { name: 'ns', annotations } })
  return context
}

describe('PodNodeSelector', () => {
  const ANNOTATION = 'scheduler.alpha.kubernetes.io/node-selector'
  const given = (text: string) => ({ [ANNOTATION]: text })
  const allowed: readonly [string, object, AdmissionConfiguration, object | undefined, object | undefined][] = [
    ['of the namespace', given('a=b, c=d'), {}, { e: 'f' }, { a: 'b', c: 'd', e: 'f' }],
    ['of the cluster', {}, { nodeSelectors: { clusterDefaultNodeSelector: 'x=y' } }, undefined, { x: 'y' }],
    ['not of the cluster', given(''), { nodeSelectors: { clusterDefaultNodeSelector: 'x=y' } }, undefined, undefined],
    ['within bounds', {}, { nodeSelectors: { ns: 'a=b,c=d' } }, { a: 'b' }, { a: 'b' }],
  ]
  for (const [name, annotations, configuration, nodeSelector, expected] of allowed) {
    it(name, async () => {
      const attributes = newPod({ nodeSelector })
      await admit(podNodeSelector(contextWith(annotations, configuration)), attributes)
      assert.deepEqual(specOf(attributes).nodeSelector, expected)
    })
  }
  const head = 'pods "p" is forbidden: pod node label selector'
  const refused: readonly [string, object, AdmissionConfiguration, object, string, number?][] = [
    ['another value', given('a=b'), {}, { a: 'c' }, `${head} conflicts with its namespace node label selector`],
    [
      'beyond',
      {},
      { nodeSelectors: { ns: 'a=b' } },
      { c: 'd' },
      `${head} labels conflict with its namespace whitelist`,
    ],
    ['no labels', given('a'), {}, {}, 'invalid selector: [a]', 500],
  ]
  for (const [name, annotations, configuration, nodeSelector, message, code] of refused) {
    it(`refuses ${name}`, () =>
      refuses(podNodeSelector(contextWith(annotations, configuration)), newPod({ nodeSelector }), message, code))
  }
  it('refuses where the namespace is not there', () =>
    refuses(podNodeSelector(fakeContext()), newPod({}), 'namespaces "ns" not found', 404))
})

describe('PodTolerationRestriction', () => {
  const DEFAULTS = 'scheduler.alpha.kubernetes.io/defaultTolerations'
  const WHITELIST = 'scheduler.alpha.kubernetes.io/tolerationsWhitelist'
  const a = { key: 'a', operator: 'Equal', value: '1' } as const
  const anyA = { key: 'a', operator: 'Exists' } as const
  const b = { key: 'b', operator: 'Exists' } as const
  const lists = (more: object): AdmissionConfiguration => ({ podTolerations: { default: [], whitelist: [], ...more } })
  const cases: readonly [string, object, AdmissionConfiguration, object, object[] | undefined][] = [
    ['of the namespace', { [DEFAULTS]: JSON.stringify([b]) }, {}, { tolerations: [a] }, [a, b]],
    ['of the cluster', {}, lists({ default: [b] }), {}, [b]],
    ['none by an empty annotation', { [DEFAULTS]: '' }, lists({ default: [b] }), {}, undefined],
    ['the wider one alone', { [DEFAULTS]: JSON.stringify([anyA]) }, {}, { tolerations: [a] }, [anyA]],
    ['what is allowed', { [WHITELIST]: JSON.stringify([anyA]) }, {}, { tolerations: [a] }, [a]],
  ]
  for (const [name, annotations, configuration, spec, expected] of cases) {
    it(name, async () => {
      const attributes = newPod(spec)
      await admit(podTolerationRestriction(contextWith(annotations, configuration)), attributes)
      assert.deepEqual(specOf(attributes).tolerations, expected)
    })
  }
  it('what asks for something may be where memory is short', async () => {
    const attributes = newPod({ containers: [{ name: 'c', resources: { requests: { memory: '1Mi' } } }] })
    await admit(podTolerationRestriction(contextWith({})), attributes)
    assert.deepEqual(
      specOf(attributes).tolerations?.map(({ key }) => key),
      ['node.kubernetes.io/memory-pressure'],
    )
  })
  const what = 'pod tolerations (possibly merged with namespace default tolerations) conflict with its'
  it('refuses what the namespace does not allow', () => {
    const plugin = podTolerationRestriction(contextWith({ [WHITELIST]: JSON.stringify([b]) }))
    return refuses(plugin, newPod({ tolerations: [a] }), `${what} namespace whitelist`, 500)
  })
  it('refuses what the cluster does not allow', () => {
    const plugin = podTolerationRestriction(contextWith({}, lists({ whitelist: [a] })))
    return refuses(plugin, newPod({ tolerations: [anyA] }), `${what} cluster whitelist`, 500)
  })
})

describe('EventRateLimit', () => {
  const event = (namespace: string, name = 'o', dryRun = false) =>
    request({
      type: Events,
      object: { metadata: { name: 'e', namespace }, involvedObject: { kind: 'Pod', name }, source: { component: 'c' } },
      dryRun,
    })
  const limit = { qps: 1, burst: 2 }
  it('takes so many at once, and so many per second after', async () => {
    const clock = new SimulatedClock()
    const plugin = eventRateLimit(
      fakeContext({ clock, configuration: { eventLimits: [{ ...limit, type: 'Server' }] } }),
    )
    for (let count = 0; count < 2; count++) await admit(plugin, event('ns'))
    await refuses(plugin, event('ns'), 'Too many requests: limit reached on type Server for key ', 429)
    await admit(plugin, event('ns', 'o', true))
    await clock.advance(1000)
    await admit(plugin, event('ns'))
    await refuses(plugin, event('ns'), 'Too many requests: limit reached on type Server for key ', 429)
  })
  const kinds = [
    ['Namespace', event('ns'), event('other')],
    ['User', event('ns'), { ...event('ns'), user: { name: 'joe', groups: [] } }],
    ['SourceAndObject', event('ns'), event('ns', 'other')],
  ] as const
  for (const [type, one, other] of kinds) {
    it(`counts by ${type}`, async () => {
      const plugin = eventRateLimit(fakeContext({ configuration: { eventLimits: [{ qps: 1, burst: 1, type }] } }))
      await admit(plugin, one)
      assert.equal((await refusalOf(plugin, one)).code, 429)
      await admit(plugin, other)
    })
  }
})

describe('namespaces', () => {
  it('come with what is first created in them', async () => {
    const server = await startMemoryServer({ admission: context => [namespaceAutoProvision(context)] })
    const created = await server.send('POST', '/api/v1/namespaces/fresh/configmaps', { metadata: { name: 'c' } })
    const { status } = await server.send('GET', '/api/v1/namespaces/fresh')
    await server.stop()
    assert.deepEqual([created.status, status], [201, 200])
  })
  it('must be there', async () => {
    await admit(namespaceExists(contextWith({})), newPod({}))
    await admit(namespaceExists(fakeContext()), request({ type: Namespaces, object: { metadata: { name: 'ns' } } }))
    await refuses(namespaceExists(fakeContext()), newPod({}), 'namespaces "ns" not found', 404)
  })
})

describe('OwnerReferencesPermissionEnforcement', () => {
  const owner = (more: object = {}) => ({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'd', uid: 'u', ...more })
  const owned = (...ownerReferences: object[]) => ({ metadata: { ...METADATA, ownerReferences } })
  const blocking = owner({ blockOwnerDeletion: true })
  const cases: readonly [string, object, object | undefined, string[], string?][] = [
    ['a new object with an owner', owned(owner()), undefined, []],
    ['no other owner', owned(blocking), owned(blocking), []],
    ['an owner of what may be deleted', owned(owner()), owned(), ['delete pods']],
    [
      'an owner of what may not',
      owned(owner()),
      owned(),
      [],
      "cannot set an ownerRef on a resource you can't delete: no, <nil>",
    ],
    ['one that blocks, by all', owned(blocking), undefined, ['update */finalizers']],
    ['one that blocks', owned(blocking), undefined, ['update deployments/finalizers']],
    [
      'one that may not',
      owned(blocking),
      undefined,
      [],
      "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: no, <nil>",
    ],
    ['one that did before', owned(blocking, owner({ uid: 'v' })), owned(blocking), ['delete pods']],
    [
      'one that nobody knows',
      owned({ ...blocking, kind: 'Foo' }),
      undefined,
      [],
      'cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion apps/v1 Kind Foo: no matches for kind "Foo" in version "apps/v1"',
    ],
  ]
  for (const [name, object, oldObject, rights, why] of cases) {
    it(name, async () => {
      const authorize = ({ verb, resource, subresource }: Attributes) => {
        const right = `${verb} ${resource}${subresource ? `/${subresource}` : ''}`
        return { decision: rights.includes(right) ? ('allow' as const) : ('no-opinion' as const), reason: 'no' }
      }
      const plugin = ownerReferencesPermissionEnforcement(
        fakeContext({
          authorizer: { authorize },
          resourceOfKind: (_, kind) => (kind === 'Deployment' ? Deployments : undefined),
        }),
      )
      const operation = oldObject === undefined ? 'CREATE' : 'UPDATE'
      const attributes = request({ type: Pods, operation, object, ...(oldObject && { oldObject }) })
      if (why === undefined) await admit(plugin, attributes)
      else await refuses(plugin, attributes, `pods "p" is forbidden: ${why}`)
    })
  }
})

describe('denials', () => {
  const service = (...externalIPs: string[]) => ({ metadata: METADATA, spec: { externalIPs } })
  const change = (object: object, oldObject?: object) =>
    request({ type: Services, object, operation: oldObject ? 'UPDATE' : 'CREATE', ...(oldObject && { oldObject }) })
  it('DenyServiceExternalIPs', async () => {
    const message = 'services "p" is forbidden: Use of external IPs is denied by admission control'
    await admit(denyServiceExternalIPs, change(service()))
    await admit(denyServiceExternalIPs, change(service('1.2.3.4'), service('1.2.3.4', '1.2.3.5')))
    await refuses(denyServiceExternalIPs, change(service('1.2.3.4')), message)
    await refuses(denyServiceExternalIPs, change(service('1.2.3.4'), service('1.2.3.5')), message)
  })
  it('AlwaysDeny', () =>
    refuses(alwaysDeny, newPod({}), 'pods "p" is forbidden: admission control is denying all modifications'))
})
