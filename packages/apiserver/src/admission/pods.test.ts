import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  LimitRanges,
  Namespaces,
  Nodes,
  PersistentVolumeClaims,
  PriorityClasses,
  RuntimeClasses,
  ServiceAccounts,
} from '@canopus/api'
import type { Container, PersistentVolumeClaim, Pod, PodSpec } from '@canopus/api/core/v1'
import { noteEmpty } from '@canopus/apimachinery'
import { SimulatedClock } from '@canopus/base'
import { defaultTolerationSeconds } from './default-toleration-seconds.ts'
import { limitRanger } from './limit-ranger.ts'
import { namespaceLifecycle } from './namespace-lifecycle.ts'
import { priority } from './priority.ts'
import { runtimeClass } from './runtime-class.ts'
import { serviceAccount } from './service-account.ts'
import { taintNodesByCondition } from './taint-nodes-by-condition.ts'
import { admit, fakeContext, refusalOf, refuses, request } from './testing/request.ts'

const pod = (spec: Partial<PodSpec> = {}, metadata: object = {}): Pod =>
  ({
    metadata: { name: 'pod', namespace: 'ns', ...metadata },
    spec: { containers: [{ name: 'c' }], ...spec },
  }) as Pod

describe('NamespaceLifecycle', () => {
  function setUp() {
    const context = fakeContext()
    context.objects.put(Namespaces, { metadata: { name: 'ns' }, status: { phase: 'Active' } })
    context.objects.put(Namespaces, { metadata: { name: 'going' }, status: { phase: 'Terminating' } })
    return { context, plugin: namespaceLifecycle(context) }
  }

  it('lets objects into namespaces that exist, also where only the store knows it', async () => {
    const { context, plugin } = setUp()
    await admit(plugin, request({ object: pod() }))
    context.objects.putOnlyFresh(Namespaces, { metadata: { name: 'new' } })
    await admit(plugin, request({ object: pod({}, { namespace: 'new' }) }))
  })

  it('refuses others', async () => {
    const { plugin } = setUp()
    await refuses(plugin, request({ object: pod({}, { namespace: 'x' }) }), 'namespaces "x" not found', 404)
    const error = await refusalOf(plugin, request({ object: pod({}, { namespace: 'going' }) }))
    assert.equal(
      error.message,
      'pods "pod" is forbidden: unable to create new content in namespace going because it is being terminated',
    )
    assert.deepEqual(error.status.details, {
      name: 'pod',
      kind: 'pods',
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: 'namespace going is being terminated',
          field: 'metadata.namespace',
        },
      ],
    })
  })

  it('lets objects change and go in namespaces that go', async () => {
    const { plugin } = setUp()
    const object = pod({}, { namespace: 'going' })
    await admit(plugin, request({ operation: 'UPDATE', object, oldObject: object }))
    await admit(plugin, request({ operation: 'DELETE', oldObject: object }))
  })

  it('does not believe the cache for a while after a deletion', async () => {
    const { context, plugin } = setUp()
    const oldObject = { metadata: { name: 'ns' } }
    await admit(plugin, request({ type: Namespaces, operation: 'DELETE', oldObject }))
    context.objects.putOnlyFresh(Namespaces, { metadata: { name: 'ns' }, status: { phase: 'Terminating' } })
    await refuses(
      plugin,
      request({ object: pod({}, { name: undefined, generateName: 'web-' }) }),
      'pods "web-" is forbidden: unable to create new content in namespace ns because it is being terminated',
    )
  })

  for (const name of ['default', 'kube-system', 'kube-public']) {
    it(`keeps ${name}`, async () => {
      const { plugin } = setUp()
      await refuses(
        plugin,
        request({ type: Namespaces, operation: 'DELETE', oldObject: { metadata: { name } } }),
        `namespaces "${name}" is forbidden: this namespace may not be deleted`,
      )
    })
  }
})

describe('ServiceAccount', () => {
  function setUp(account: object = {}) {
    const clock = new SimulatedClock()
    const context = fakeContext({ clock })
    context.objects.put(ServiceAccounts, { metadata: { name: 'default', namespace: 'ns' }, ...account })
    return { context, clock, plugin: serviceAccount(context) }
  }

  it('gives pods the default account and its token where upstream puts it', async () => {
    const { plugin } = setUp({ imagePullSecrets: [{ name: 'pull' }] })
    const object = pod({ initContainers: [{ name: 'init' } as Container] })
    await admit(plugin, request({ object }))
    const spec = object.spec!
    assert.equal(spec.serviceAccountName, 'default')
    assert.equal(spec.serviceAccount, 'default')
    assert.deepEqual(spec.imagePullSecrets, [{ name: 'pull' }])
    const [volume] = spec.volumes!
    assert.match(volume!.name, /^kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
    assert.deepEqual(volume!.projected, {
      defaultMode: 420,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    })
    const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'
    for (const container of [...spec.initContainers!, ...spec.containers]) {
      assert.deepEqual(container.volumeMounts, [{ name: volume!.name, readOnly: true, mountPath }])
    }
  })

  // pod's wish, account's wish, whether mounted (conformance: the opt-out matrix of nine)
  const matrix: [boolean | undefined, boolean | undefined, boolean][] = [
    [undefined, undefined, true],
    [undefined, true, true],
    [undefined, false, false],
    [true, undefined, true],
    [true, true, true],
    [true, false, true],
    [false, undefined, false],
    [false, true, false],
    [false, false, false],
  ]
  for (const [ofPod, ofAccount, mounted] of matrix) {
    it(`mounts the token: pod ${ofPod}, account ${ofAccount}: ${mounted}`, async () => {
      const { plugin } = setUp(ofAccount === undefined ? {} : { automountServiceAccountToken: ofAccount })
      const object = pod(ofPod === undefined ? {} : { automountServiceAccountToken: ofPod })
      await admit(plugin, request({ object }))
      assert.equal(object.spec!.volumes !== undefined, mounted)
    })
  }

  it('leaves containers alone that mount something there, and pull secrets that the pod names', async () => {
    const { plugin } = setUp({ imagePullSecrets: [{ name: 'pull' }] })
    const volumeMounts = [{ name: 'own', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }]
    const object = pod({ containers: [{ name: 'c', volumeMounts } as Container], imagePullSecrets: [{ name: 'own' }] })
    await admit(plugin, request({ object }))
    assert.equal(object.spec!.volumes, undefined)
    assert.deepEqual(object.spec!.imagePullSecrets, [{ name: 'own' }])
  })

  it('leaves it to validation to say that there is no container', async () => {
    const { plugin } = setUp()
    const object = pod()
    delete (object.spec as Partial<PodSpec>).containers
    await admit(plugin, request({ object }))
    assert.equal(object.spec!.serviceAccountName, 'default')
    assert.equal(object.spec!.volumes, undefined)
  })

  it('refuses accounts that do not exist', async () => {
    await refuses(
      setUp().plugin,
      request({ object: pod({ serviceAccountName: 'x' }) }),
      'pods "pod" is forbidden: error looking up service account ns/x: serviceaccount "x" not found',
    )
  })

  it('waits for the default account of a new namespace', async () => {
    const { context, clock, plugin } = setUp()
    const object = pod({}, { namespace: 'new' })
    const admitted = admit(plugin, request({ object }))
    await clock.advance(300)
    context.objects.put(ServiceAccounts, { metadata: { name: 'default', namespace: 'new' } })
    await clock.advance(300)
    await admitted
    assert.equal(object.spec!.serviceAccountName, 'default')
    const refused = refuses(
      plugin,
      request({ object: pod({}, { namespace: 'never' }) }),
      'pods "pod" is forbidden: error looking up service account never/default: serviceaccount "default" not found',
    )
    await clock.advance(10_000)
    await refused
  })

  const mirror = { annotations: { 'kubernetes.io/config.mirror': 'x' } }
  const mirrors: [string, Partial<PodSpec>, string][] = [
    ['accounts', { serviceAccountName: 'default' }, 'a mirror pod may not reference service accounts'],
    ['secrets', { volumes: [{ name: 'v', secret: { secretName: 's' } }] }, 'a mirror pod may not reference secrets'],
    [
      'tokens',
      { volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] },
      'a mirror pod may not use ServiceAccountToken volume projections',
    ],
  ]
  for (const [name, spec, why] of mirrors) {
    it(`keeps ${name} from mirror pods`, async () => {
      await refuses(setUp().plugin, request({ object: pod(spec, mirror) }), `pods "pod" is forbidden: ${why}`)
    })
  }

  it('enforces mountable secrets where the account asks for it', async () => {
    const annotations = { 'kubernetes.io/enforce-mountable-secrets': 'true' }
    const metadata = { name: 'default', namespace: 'ns', annotations }
    const { plugin } = setUp({ metadata, secrets: [{ name: 'mine' }] })
    const using = (secretName: string) => pod({ volumes: [{ name: 'v', secret: { secretName } }] })
    await admit(plugin, request({ object: using('mine') }))
    await refuses(
      plugin,
      request({ object: using('other') }),
      'pods "pod" is forbidden: volume with secret.secretName="other" is not allowed because service account default does not reference that secret',
    )
  })
})

describe('Priority', () => {
  function setUp(...classes: object[]) {
    const context = fakeContext()
    context.objects.put(PriorityClasses, { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' })
    for (const each of classes) context.objects.put(PriorityClasses, each)
    return priority(context)
  }
  const cases: [string, object[], Partial<PodSpec>, Partial<PodSpec>][] = [
    ['none', [], {}, { priority: 0, preemptionPolicy: 'PreemptLowerPriority' }],
    [
      'a class',
      [],
      { priorityClassName: 'high' },
      { priorityClassName: 'high', priority: 1000, preemptionPolicy: 'Never' },
    ],
    [
      'a system class, even before bootstrap',
      [],
      { priorityClassName: 'system-node-critical' },
      { priorityClassName: 'system-node-critical', priority: 2000001000, preemptionPolicy: 'PreemptLowerPriority' },
    ],
    [
      'the lowest of two defaults',
      [
        { metadata: { name: 'a' }, value: 9, globalDefault: true },
        { metadata: { name: 'b' }, value: 5, globalDefault: true },
      ],
      {},
      { priorityClassName: 'b', priority: 5 },
    ],
  ]
  for (const [name, classes, given, expected] of cases) {
    it(`resolves ${name}`, async () => {
      const object = pod(given)
      await admit(setUp(...classes), request({ object }))
      const { containers, ...spec } = object.spec!
      assert.deepEqual(spec, expected)
    })
  }
  const refusals: [Partial<PodSpec>, string][] = [
    [{ priorityClassName: 'x' }, 'no PriorityClass with name x was found'],
    [
      { priorityClassName: 'high', priority: 7 },
      'the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name',
    ],
    [
      { priorityClassName: 'high', preemptionPolicy: 'PreemptLowerPriority' },
      'the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec; priority admission controller computed Never from the given PriorityClass name',
    ],
  ]
  for (const [given, why] of refusals) {
    it(`refuses: ${why}`, () => refuses(setUp(), request({ object: pod(given) }), `pods "pod" is forbidden: ${why}`))
  }
  it('keeps the priority of pods that exist', async () => {
    const object = pod()
    await admit(setUp(), request({ operation: 'UPDATE', object, oldObject: pod({ priority: 3 }) }))
    assert.equal(object.spec!.priority, 3)
  })
  it('allows one default class', () =>
    refuses(
      setUp({ metadata: { name: 'a' }, value: 9, globalDefault: true }),
      request({ type: PriorityClasses, object: { metadata: { name: 'b' }, value: 1, globalDefault: true } }),
      'priorityclasses.scheduling.k8s.io "b" is forbidden: PriorityClass a is already marked as default. Only one default can exist',
    ))
})

describe('DefaultTolerationSeconds', () => {
  const added = (key: string) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 })
  const [notReady, unreachable] = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const
  const own = { key: notReady, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }
  const cases: [string, PodSpec['tolerations'], PodSpec['tolerations']][] = [
    ['none', undefined, [added(notReady), added(unreachable)]],
    ['its own', [own], [own, added(unreachable)]],
    ['everything', [{ operator: 'Exists' }], [{ operator: 'Exists' }]],
    [
      'another effect',
      [{ key: notReady, effect: 'NoSchedule' }],
      [{ key: notReady, effect: 'NoSchedule' }, added(notReady), added(unreachable)],
    ],
  ]
  for (const [name, tolerations, expected] of cases) {
    it(`adds what is missing: ${name}`, async () => {
      const object = pod(tolerations === undefined ? {} : { tolerations })
      await admit(defaultTolerationSeconds(), request({ object }))
      assert.deepEqual(object.spec!.tolerations, expected)
    })
  }
  it('for as long as it is told', async () => {
    const object = pod({})
    await admit(defaultTolerationSeconds({ notReady: 7, unreachable: 0 }), request({ object }))
    assert.deepEqual(
      object.spec!.tolerations?.map(each => each.tolerationSeconds),
      [7, 0],
    )
  })
})

describe('TaintNodesByCondition', () => {
  it('taints new nodes once', async () => {
    const object = { metadata: { name: 'n' }, spec: { taints: [] } }
    await admit(taintNodesByCondition, request({ type: Nodes, object }))
    await admit(taintNodesByCondition, request({ type: Nodes, object }))
    assert.deepEqual(object.spec.taints, [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }])
  })
})

describe('LimitRanger', () => {
  function setUp(...limits: object[]) {
    const context = fakeContext()
    context.objects.put(LimitRanges, { metadata: { name: 'l', namespace: 'ns' }, spec: { limits } })
    return limitRanger(context)
  }
  const using = (resources: object, more: Partial<PodSpec> = {}) =>
    pod({ containers: [{ name: 'c', resources } as Container], ...more })

  it('fills in defaults and says so', async () => {
    const plugin = setUp({ type: 'Container', default: { cpu: '1', memory: '1Gi' }, defaultRequest: { cpu: '100m' } })
    const object = using({ limits: { cpu: '500m' } })
    await admit(plugin, request({ object }))
    assert.deepEqual(object.spec!.containers[0]!.resources, {
      limits: { cpu: '500m', memory: '1Gi' },
      requests: { cpu: '100m' },
    })
    assert.equal(
      object.metadata.annotations!['kubernetes.io/limit-ranger'],
      'LimitRanger plugin set: cpu request for container c; memory limit for container c',
    )
  })

  const cases: [string, object, Pod, string][] = [
    [
      'a request below',
      { type: 'Container', min: { cpu: '100m' } },
      using({ requests: { cpu: '50m' } }),
      'minimum cpu usage per Container is 100m, but request is 50m',
    ],
    [
      'no request',
      { type: 'Container', min: { memory: '1Gi' } },
      using({}),
      'minimum memory usage per Container is 1Gi.  No request is specified',
    ],
    [
      'a limit above',
      { type: 'Container', max: { cpu: '1' } },
      using({ limits: { cpu: '1500m' } }),
      'maximum cpu usage per Container is 1, but limit is 1500m',
    ],
    [
      'no limit',
      { type: 'Container', max: { cpu: '1' } },
      using({}),
      'maximum cpu usage per Container is 1.  No limit is specified',
    ],
    [
      'two at once',
      { type: 'Container', max: { cpu: '1', memory: '1Gi' } },
      using({}),
      '[maximum cpu usage per Container is 1.  No limit is specified, maximum memory usage per Container is 1Gi.  No limit is specified]',
    ],
    [
      'a ratio above',
      { type: 'Container', maxLimitRequestRatio: { cpu: '2' } },
      using({ requests: { cpu: '100m' }, limits: { cpu: '250m' } }),
      'cpu max limit to request ratio per Container is 2, but provided ratio is 2.500000',
    ],
    [
      'a pod above',
      { type: 'Pod', max: { memory: '1Gi' } },
      pod({
        containers: ['a', 'b'].map(name => ({ name, resources: { limits: { memory: '600Mi' } } }) as Container),
      }),
      'maximum memory usage per Pod is 1Gi, but limit is 1200Mi',
    ],
  ]
  for (const [name, limit, object, why] of cases) {
    it(`refuses ${name}`, () => refuses(setUp(limit), request({ object }), `pods "pod" is forbidden: ${why}`))
  }

  it('accepts what is within, and leaves pods alone that exist', async () => {
    const plugin = setUp({ type: 'Container', min: { cpu: '100m' }, max: { cpu: '1' } })
    await admit(plugin, request({ object: using({ requests: { cpu: '0.1' }, limits: { cpu: '1000m' } }) }))
    await admit(plugin, request({ operation: 'UPDATE', object: using({}), oldObject: using({}) }))
  })

  it('bounds claims', async () => {
    const claim = (storage: string) => {
      const spec = { resources: { requests: { storage } } }
      return { metadata: { name: 'claim', namespace: 'ns' }, spec } as unknown as PersistentVolumeClaim
    }
    const plugin = setUp({ type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '10Gi' } })
    await admit(plugin, request({ type: PersistentVolumeClaims, object: claim('5Gi') }))
    await refuses(
      plugin,
      request({ type: PersistentVolumeClaims, object: claim('11Gi') }),
      'persistentvolumeclaims "claim" is forbidden: maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 11Gi',
    )
  })
})

describe('RuntimeClass', () => {
  const context = fakeContext()
  context.objects.put(RuntimeClasses, {
    metadata: { name: 'sandbox' },
    handler: 'runsc',
    overhead: { podFixed: { cpu: '250m' } },
    scheduling: { nodeSelector: { sandbox: 'yes' }, tolerations: [{ key: 'sandbox', operator: 'Exists' }] },
  })
  const plugin = runtimeClass(context)

  it('gives overhead and constraints', async () => {
    const tolerations = [{ key: 'sandbox', operator: 'Equal', value: 'x' }]
    const object = pod({ runtimeClassName: 'sandbox', nodeSelector: { zone: 'a' }, tolerations })
    await admit(plugin, request({ object }))
    const { overhead, nodeSelector, tolerations: merged } = object.spec!
    assert.deepEqual(
      { overhead, nodeSelector, merged },
      {
        overhead: { cpu: '250m' },
        nodeSelector: { zone: 'a', sandbox: 'yes' },
        merged: [{ key: 'sandbox', operator: 'Exists' }],
      },
    )
  })
  const refusals: [string, Partial<PodSpec>, string][] = [
    ['a class nobody made', { runtimeClassName: 'x' }, 'pod rejected: RuntimeClass "x" not found'],
    [
      'another overhead',
      { runtimeClassName: 'sandbox', overhead: { cpu: '1' } },
      "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    ],
    [
      'overhead without a class',
      { overhead: { cpu: '1' } },
      'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    ],
    [
      'a conflict',
      { runtimeClassName: 'sandbox', nodeSelector: { sandbox: 'no' } },
      'conflict: runtimeClass.scheduling.nodeSelector[sandbox] = yes; pod.spec.nodeSelector[sandbox] = no',
    ],
  ]
  for (const [name, spec, why] of refusals) {
    it(`refuses ${name}`, () => refuses(plugin, request({ object: pod(spec) }), `pods "pod" is forbidden: ${why}`))
  }
  it('refuses overhead without a class that is there but empty', async () => {
    const object = pod({})
    noteEmpty(object.spec!, 'overhead', {})
    await refuses(plugin, request({ object }), `pods "pod" is forbidden: ${refusals[2]![2]}`)
  })
})
