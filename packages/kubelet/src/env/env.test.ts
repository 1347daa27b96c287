import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, EnvVar, Service } from '@canopus/api/core/v1'
import { buildPod } from '../testing/builders.ts'
import { DownwardError, type DownwardFacts, fieldValue, resourceValue } from './downward.ts'
import { ContainerConfigError, makeEnvironment, type ReferencedObjects } from './environment.ts'
import { expand } from './expand.ts'
import { serviceEnvironment } from './service-env.ts'

const facts: DownwardFacts = {
  nodeName: 'n1',
  hostIps: ['192.168.0.1'],
  podIps: ['10.0.0.5', 'fd00::5'],
  allocatable: { cpu: '4', memory: '8Gi' },
}
const variables: Record<string, string> = { A: 'one', EMPTY: '', NESTED: '$(A)' }
// as upstream third_party/forked/golang/expansion/expand_test.go
const expansions: [string, string][] = [
  ['$(A)', 'one'],
  ['x$(A)y$(A)', 'xoneyone'],
  ['$(EMPTY)', ''],
  ['$(NESTED)', '$(A)'],
  ['$(NOPE)', '$(NOPE)'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$one'],
  ['$', '$'],
  ['$$', '$'],
  ['$(A', '$(A'],
  ['$A $ x', '$A $ x'],
  ['$()', '$()'],
]
for (const [text, expected] of expansions)
  test(`expand ${text}`, () =>
    assert.equal(
      expand(text, name => variables[name]),
      expected,
    ))

const pod = buildPod(
  {
    serviceAccountName: 'sa',
    containers: [{ name: 'main', resources: { limits: { cpu: '1500m' }, requests: { memory: '1000001' } } }],
  },
  { labels: { b: 'two', a: 'say "hi"\n' }, annotations: { 'x/y': 'z' } },
)
const fields: [string, string][] = [
  ['metadata.name', 'web'],
  ['metadata.namespace', 'default'],
  ['metadata.uid', 'u1'],
  ['metadata.labels', 'a="say \\"hi\\"\\n"\nb="two"'],
  ["metadata.labels['b']", 'two'],
  ["metadata.annotations['x/y']", 'z'],
  ["metadata.annotations['none']", ''],
  ['spec.nodeName', 'n1'],
  ['spec.serviceAccountName', 'sa'],
  ['status.hostIP', '192.168.0.1'],
  ['status.podIP', '10.0.0.5'],
  ['status.podIPs', '10.0.0.5,fd00::5'],
]
for (const [fieldPath, expected] of fields)
  test(`field ${fieldPath}`, () => assert.equal(fieldValue({ fieldPath }, pod, facts), expected))
test('an unknown field is an error', () =>
  assert.throws(() => fieldValue({ fieldPath: 'spec.hostname' }, pod, facts), DownwardError))

const resources: [string, string | undefined, string][] = [
  ['limits.cpu', undefined, '2'],
  ['limits.cpu', '1m', '1500'],
  ['limits.memory', '1Gi', '8'],
  ['requests.memory', undefined, '1000001'],
  ['requests.memory', '1Mi', '1'],
  ['requests.cpu', '1m', '1500'],
]
for (const [resource, divisor, expected] of resources)
  test(`resource ${resource} in ${divisor ?? '1'}`, () => {
    const selector = divisor === undefined ? { resource } : { resource, divisor }
    assert.equal(resourceValue(selector, pod, pod.spec.containers[0]!, facts), expected)
  })

const objects: ReferencedObjects = {
  configMap: async (_, name) =>
    name === 'cm' ? ({ data: { KEY: 'value', 'odd.key': 'x', 'no=name': 'y' } } as never) : undefined,
  secret: async (_, name) => (name === 's' ? ({ data: { PASSWORD: 'Z2VoZWlt' } } as never) : undefined),
}
const make = (container: Partial<Container>) =>
  makeEnvironment(pod, { name: 'main', ...container }, new Map([['SVC', '10.0.0.1']]), objects, facts)

test('later sources win, and variables may refer to earlier ones and to services', async () => {
  const env = await make({
    envFrom: [{ prefix: 'P_', configMapRef: { name: 'cm' } }, { secretRef: { name: 's' } }],
    env: [
      { name: 'ADDRESS', value: 'http://$(SVC)/$(KEY)' },
      { name: 'PASSWORD', value: 'mine' },
      { name: 'AGAIN', value: '$(PASSWORD)' },
    ],
  })
  assert.deepEqual(Object.fromEntries(env), {
    P_KEY: 'value',
    'P_odd.key': 'x',
    PASSWORD: 'mine',
    ADDRESS: 'http://10.0.0.1/$(KEY)',
    AGAIN: 'mine',
    SVC: '10.0.0.1',
  })
})

const missing: [string, Partial<Container>, string | undefined][] = [
  ['config map', { envFrom: [{ configMapRef: { name: 'nope' } }] }, 'configmap "nope" not found'],
  ['optional config map', { envFrom: [{ configMapRef: { name: 'nope', optional: true } }] }, undefined],
  ['secret', { envFrom: [{ secretRef: { name: 'nope' } }] }, 'secret "nope" not found'],
  [
    'key of a config map',
    { env: [key('configMapKeyRef', 'cm', 'NOPE')] },
    "couldn't find key NOPE in ConfigMap default/cm",
  ],
  ['key of a secret', { env: [key('secretKeyRef', 's', 'NOPE')] }, "couldn't find key NOPE in Secret default/s"],
  ['optional key', { env: [key('secretKeyRef', 'nope', 'NOPE', true)] }, undefined],
]
function key(kind: 'configMapKeyRef' | 'secretKeyRef', name: string, of: string, optional = false): EnvVar {
  return { name: 'V', valueFrom: { [kind]: { name, key: of, optional } } }
}
for (const [name, container, message] of missing)
  test(`a missing ${name}`, async () => {
    if (message === undefined) assert.equal((await make(container)).has('V'), false)
    else
      await assert.rejects(make(container), error => error instanceof ContainerConfigError && error.message === message)
  })

test('services: own namespace, kubernetes always, headless never', () => {
  const service = (name: string, namespace: string, clusterIP: string, ports: object[] = [{ port: 80 }]): Service =>
    ({ metadata: { name, namespace }, spec: { clusterIP, ports } }) as never
  const services = [
    service('kubernetes', 'default', '10.96.0.1', [{ name: 'https', port: 443 }]),
    service('my-web', 'team', '10.96.0.2', [
      { name: 'http', port: 80 },
      { name: 'dns-udp', port: 53, protocol: 'UDP' },
    ]),
    service('other', 'default', '10.96.0.3'),
    service('headless', 'team', 'None'),
  ]
  const env = serviceEnvironment(services, 'team', true)
  assert.deepEqual(Object.fromEntries([...env].filter(([name]) => name.startsWith('MY_WEB'))), {
    MY_WEB_SERVICE_HOST: '10.96.0.2',
    MY_WEB_SERVICE_PORT: '80',
    MY_WEB_SERVICE_PORT_HTTP: '80',
    MY_WEB_SERVICE_PORT_DNS_UDP: '53',
    MY_WEB_PORT: 'tcp://10.96.0.2:80',
    MY_WEB_PORT_80_TCP: 'tcp://10.96.0.2:80',
    MY_WEB_PORT_80_TCP_PROTO: 'tcp',
    MY_WEB_PORT_80_TCP_PORT: '80',
    MY_WEB_PORT_80_TCP_ADDR: '10.96.0.2',
    MY_WEB_PORT_53_UDP: 'udp://10.96.0.2:53',
    MY_WEB_PORT_53_UDP_PROTO: 'udp',
    MY_WEB_PORT_53_UDP_PORT: '53',
    MY_WEB_PORT_53_UDP_ADDR: '10.96.0.2',
  })
  assert.equal(env.get('KUBERNETES_SERVICE_HOST'), '10.96.0.1')
  assert.ok(!env.has('OTHER_SERVICE_HOST') && !env.has('HEADLESS_SERVICE_HOST'))
  assert.deepEqual(
    [...serviceEnvironment(services, 'team', false).keys()].filter(name => !name.startsWith('KUBERNETES')),
    [],
  )
})
