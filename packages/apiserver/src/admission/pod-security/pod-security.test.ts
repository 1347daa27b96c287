import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CronJobs, Deployments, Namespaces, Pods } from '@canopus/api'
import type { PodSpec } from '@canopus/api/core/v1'
import type { KubeObject } from '@canopus/apimachinery'
import { MetricsRegistry } from '@canopus/base'
import { admit, type FakeRequest, fakeContext, refusalOf, request } from '../testing/request.ts'
import { podSecurity } from './index.ts'

const PREFIX = 'pod-security.kubernetes.io/'
const spec = (more: Partial<PodSpec> = {}): PodSpec => ({ containers: [{ name: 'c', image: 'a' }], ...more })
const pod = (of: PodSpec = spec(), metadata: object = {}) => ({
  metadata: { name: 'p', namespace: 'ns', ...metadata },
  spec: of,
})
const hardened = spec({
  securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [
    { name: 'c', image: 'a', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } },
  ],
})

const namespace = (modes: Record<string, string>) => ({
  metadata: {
    name: 'ns',
    labels: Object.fromEntries(Object.entries(modes).map(([mode, value]) => [PREFIX + mode, value])),
  },
})

/** A plugin over a namespace with these labels; `send` answers with the warnings. */
function setUp(modes: Record<string, string>) {
  const context = fakeContext()
  context.objects.put(Namespaces, namespace(modes))
  const plugin = podSecurity(context)
  async function send(facts: FakeRequest): Promise<string[]> {
    const warnings: string[] = []
    await admit(plugin, { ...request(facts), warn: text => warnings.push(text) })
    return warnings
  }
  const refused = (facts: FakeRequest): Promise<string> =>
    refusalOf(plugin, request(facts)).then(error => `${error.code} ${error.message}`)
  return { context, send, refused }
}

const RESTRICTED =
  'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), ' +
  'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), ' +
  'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ' +
  'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'

describe('PodSecurity: pods', () => {
  it('lets everything into namespaces without labels', async () => {
    const { send } = setUp({})
    assert.deepEqual(await send({ object: pod(spec({ hostNetwork: true })) }), [])
  })

  it('refuses with all that is wrong, and lets hardened pods in', async () => {
    const { send, refused } = setUp({ enforce: 'restricted' })
    assert.equal(
      await refused({ object: pod() }),
      `403 pods "p" is forbidden: violates PodSecurity "restricted:latest": ${RESTRICTED}`,
    )
    assert.deepEqual(await send({ object: pod(hardened) }), [])
  })

  it('judges by the version asked for', async () => {
    const { send, refused } = setUp({ enforce: 'restricted', 'enforce-version': 'v1.7' })
    assert.equal(
      await refused({ object: pod() }),
      '403 pods "p" is forbidden: violates PodSecurity "restricted:v1.7": ' +
        'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)',
    )
    assert.deepEqual(await send({ object: pod(spec({ securityContext: { runAsNonRoot: true } })) }), [])
  })

  it('words baseline findings in the order of their names, with every culprit', async () => {
    const { refused } = setUp({ enforce: 'baseline', 'enforce-version': 'v1.99' })
    const bad = spec({
      hostPID: true,
      hostNetwork: true,
      initContainers: [
        { name: 'i', securityContext: { privileged: true }, ports: [{ containerPort: 9, hostPort: 9 }] },
      ],
      containers: [
        {
          name: 'c',
          securityContext: { privileged: true, capabilities: { add: ['SYS_ADMIN', 'NET_RAW'] } },
          ports: [{ containerPort: 80, hostPort: 80 }],
        },
      ],
      securityContext: {
        seLinuxOptions: { type: 'x', user: 'u' },
        sysctls: [{ name: 'a.b', value: '1' }],
        appArmorProfile: { type: 'Unconfined' },
      },
      volumes: [{ name: 'v', hostPath: { path: '/' } }],
    })
    assert.equal(
      await refused({
        object: pod(bad, { annotations: { 'container.apparmor.security.beta.kubernetes.io/c': 'unconfined' } }),
      }),
      '403 pods "p" is forbidden: violates PodSecurity "baseline:v1.99": forbidden AppArmor profiles (pod and annotation ' +
        'must not set AppArmor profile type to "Unconfined", "container.apparmor.security.beta.kubernetes.io/c="unconfined""), ' +
        'non-default capabilities (container "c" must not include "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add), ' +
        'host namespaces (hostNetwork=true, hostPID=true), hostPath volumes (volume "v"), ' +
        'hostPort (containers "i", "c" use hostPorts 80, 9), ' +
        'privileged (containers "i", "c" must not set securityContext.privileged=true), ' +
        'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "x"; user may not be set), ' +
        'forbidden sysctls (a.b)',
    )
  })

  it('warns where that is all that is asked for', async () => {
    const { send } = setUp({ warn: 'restricted', 'warn-version': 'v1.30' })
    assert.deepEqual(await send({ object: pod() }), [`would violate PodSecurity "restricted:v1.30": ${RESTRICTED}`])
  })

  it('asks the store for namespaces that the cache does not know yet', async () => {
    const { context } = setUp({})
    context.objects.putOnlyFresh(Namespaces, {
      metadata: { name: 'new', labels: { [`${PREFIX}enforce`]: 'baseline' } },
    })
    const object = pod(spec({ hostIPC: true }), { namespace: 'new' })
    const error = await refusalOf(podSecurity(context), request({ object }))
    assert.match(error.message, /host namespaces \(hostIPC=true\)$/)
  })

  it('looks at updates only where an image or an ephemeral container changes', async () => {
    const { send, refused } = setUp({ enforce: 'restricted' })
    const update = { operation: 'UPDATE', oldObject: pod() } as const
    assert.deepEqual(await send({ ...update, object: pod(spec(), { labels: { a: 'b' } }) }), [])
    const image = spec({ containers: [{ name: 'c', image: 'b' }] })
    assert.match(await refused({ ...update, object: pod(image) }), /^403 .* violates PodSecurity "restricted:latest"/)
    const debugged = pod(spec({ ephemeralContainers: [{ name: 'debug', image: 'sh' }] }))
    assert.match(
      await refused({ ...update, object: debugged, subresource: 'ephemeralcontainers' }),
      /containers "c", "debug" must set securityContext.allowPrivilegeEscalation=false/,
    )
    assert.deepEqual(await send({ ...update, object: pod(image), subresource: 'status' }), [])
  })
})

describe('PodSecurity: what the audit log and metrics are told', () => {
  const wanted = `would violate PodSecurity "restricted:latest": ${RESTRICTED}`
  const metadata = { name: 'w', namespace: 'ns' }
  const labels = (decision: string, mode: string, level: string, version: string, resource = 'pod'): string =>
    `decision="${decision}",mode="${mode}",policy_level="${level}",policy_version="${version}",` +
    `request_operation="create",resource="${resource}",subresource=""`
  const rows: [string, Record<string, string>, FakeRequest, Record<string, string>, string[]][] = [
    [
      'nothing asked for',
      {},
      { object: pod() },
      { enforce: 'privileged:latest' },
      [labels('allow', 'enforce', 'privileged', 'latest')],
    ],
    [
      'a refusal, which is what audit asks for too',
      { enforce: 'restricted', audit: 'restricted' },
      { object: pod() },
      { enforce: 'restricted:latest', audit: wanted },
      [labels('deny', 'enforce', 'restricted', 'latest'), labels('deny', 'audit', 'restricted', 'latest')],
    ],
    [
      'audit and warnings, beside an older version and one to come',
      {
        enforce: 'baseline',
        'enforce-version': 'v1.20',
        audit: 'restricted',
        warn: 'restricted',
        'warn-version': 'v1.99',
      },
      { object: pod() },
      { enforce: 'baseline:v1.20', audit: wanted },
      [
        labels('allow', 'enforce', 'baseline', 'v1.20'),
        labels('deny', 'audit', 'restricted', 'latest'),
        labels('deny', 'warn', 'restricted', 'future'),
      ],
    ],
    [
      'a workload',
      { audit: 'restricted' },
      { type: Deployments, object: { metadata, spec: { template: { spec: spec() } } } },
      { audit: wanted },
      [labels('deny', 'audit', 'restricted', 'latest', 'controller')],
    ],
  ]
  for (const [name, modes, facts, told, counted] of rows) {
    it(name, async () => {
      const metrics = new MetricsRegistry()
      const context = fakeContext({ metrics })
      context.objects.put(Namespaces, namespace(modes))
      const annotations: Record<string, string> = {}
      const annotate = (key: string, text: string): void => {
        annotations[key.replace(/^pod-security.kubernetes.io\/(enforce|audit)-(policy|violations)$/, '$1')] = text
      }
      await admit(podSecurity(context), { ...request(facts), annotate }).catch(() => {})
      assert.deepEqual(annotations, told)
      const lines = metrics.text().match(/(?<=^pod_security_evaluations_total\{).*(?=\} [1-9])/gm)
      assert.deepEqual(new Set(lines), new Set(counted))
    })
  }
})

describe('PodSecurity: what goes wrong is counted', () => {
  const workload = { type: Deployments, object: { metadata: { name: 'w', namespace: 'none' }, spec: {} } }
  const rows: [string, FakeRequest, string][] = [
    ['labels that say nothing', { object: pod() }, 'fatal="false",request_operation="create",resource="pod"'],
    [
      'no namespace',
      { object: pod(spec(), { namespace: 'none' }) },
      'fatal="true",request_operation="create",resource="pod"',
    ],
    ['no namespace for a workload', workload, 'fatal="true",request_operation="create",resource="controller"'],
  ]
  for (const [name, facts, counted] of rows) {
    it(name, async () => {
      const metrics = new MetricsRegistry()
      const context = fakeContext({ metrics })
      context.objects.put(Namespaces, namespace({ enforce: 'strict' }))
      await admit(podSecurity(context), request(facts)).catch(() => {})
      const lines = metrics.text().match(/(?<=^pod_security_errors_total\{).*(?=,subresource=""\} 1$)/gm)
      assert.deepEqual(lines, [counted])
    })
  }
})

describe('PodSecurity: workloads', () => {
  const metadata = { name: 'w', namespace: 'ns' }

  it('warns of templates whose pods will be refused', async () => {
    const { send } = setUp({ enforce: 'restricted' })
    const warning = `would violate PodSecurity "restricted:latest": ${RESTRICTED}`
    const template = { spec: spec() }
    assert.deepEqual(await send({ type: Deployments, object: { metadata, spec: { template } } }), [warning])
    const jobTemplate = { spec: { template } }
    assert.deepEqual(await send({ type: CronJobs, object: { metadata, spec: { jobTemplate } } }), [warning])
  })

  it('is silent where warnings are turned off', async () => {
    const { send } = setUp({ enforce: 'restricted', warn: 'privileged' })
    assert.deepEqual(await send({ type: Deployments, object: { metadata, spec: { template: { spec: spec() } } } }), [])
  })
})

describe('PodSecurity: namespaces', () => {
  it('refuses wrong labels, but not those that were wrong before', async () => {
    const { send, refused } = setUp({})
    const wrong = namespace({ enforce: 'strict', 'warn-version': '1.20' }) as unknown as KubeObject
    const message =
      '422 Namespace "ns" is invalid: ' +
      '[metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted, ' +
      'metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1.20": must be "latest" or "v1.x"]'
    assert.equal(await refused({ type: Namespaces, object: wrong }), message)
    const update = { type: Namespaces, operation: 'UPDATE', object: wrong } as const
    assert.equal(await refused({ ...update, oldObject: namespace({}) }), message)
    assert.deepEqual(await send({ ...update, oldObject: wrong }), [])
  })

  it('holds pods to the strictest level where the label is wrong', async () => {
    const { refused } = setUp({ enforce: 'strict' })
    assert.match(await refused({ object: pod() }), /violates PodSecurity "restricted:latest"/)
  })

  it('tells which pods violate a stricter level', async () => {
    const { context, send } = setUp({})
    const owner = [{ uid: 'u', controller: true, kind: 'ReplicaSet', name: 'r', apiVersion: 'apps/v1' }]
    context.objects.put(Pods, pod(spec({ hostPID: true }), { name: 'b-2', ownerReferences: owner }))
    context.objects.put(Pods, pod(spec({ hostPID: true }), { name: 'b-1', ownerReferences: owner }))
    context.objects.put(Pods, pod(spec({ volumes: [{ name: 'v', hostPath: { path: '/' } }] }), { name: 'a' }))
    context.objects.put(Pods, pod(hardened, { name: 'good' }))
    const change = (before: Record<string, string>, now: Record<string, string>) =>
      send({ type: Namespaces, operation: 'UPDATE', oldObject: namespace(before), object: namespace(now) })
    assert.deepEqual(await change({}, { enforce: 'baseline' }), [
      'existing pods in namespace "ns" violate the new PodSecurity enforce level "baseline:latest"',
      'a: hostPath volumes',
      'b-1 (and 1 other pod): host namespaces',
    ])
    assert.deepEqual(await change({ enforce: 'restricted' }, { enforce: 'baseline' }), [])
    assert.deepEqual(await change({}, { warn: 'baseline' }), [])
  })
})
