/** PodSecurity as a configuration file sets it up, and what it notes for the audit log. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Deployments, Namespaces, Pods } from '@canopus/api'
import { MetricsRegistry } from '@canopus/base'
import { readPodSecurityConfiguration } from '../configuration/pod-security.ts'
import { admit, type FakeRequest, fakeContext, request } from '../testing/request.ts'
import { podSecurity } from './index.ts'

const PREFIX = 'pod-security.kubernetes.io/'
const HOST = { hostNetwork: true, containers: [{ name: 'c', image: 'i' }] }
const VIOLATION = 'host namespaces (hostNetwork=true)'
const pod = (spec: object = HOST, namespace = 'ns') => ({ metadata: { name: 'p', namespace }, spec })
const deployment = { metadata: { name: 'd', namespace: 'ns' }, spec: { template: { spec: HOST } } }
const namespace = (name: string, modes: Record<string, string>) => ({
  metadata: { name, labels: Object.fromEntries(Object.entries(modes).map(([mode, value]) => [PREFIX + mode, value])) },
})

interface Outcome {
  refused?: string
  warnings?: string[]
  audit?: Record<string, string>
  /** Labels of `pod_security_exemptions_total`. */
  exempted?: string[]
}

async function outcome(configuration: object, labels: Record<string, string>, facts: FakeRequest): Promise<Outcome> {
  const head = { apiVersion: 'pod-security.admission.config.k8s.io/v1', kind: 'PodSecurityConfiguration' }
  const metrics = new MetricsRegistry()
  const context = fakeContext({
    metrics,
    configuration: { podSecurity: readPodSecurityConfiguration({ ...head, ...configuration }) },
  })
  context.objects.put(Namespaces, namespace('ns', labels))
  context.objects.put(Pods, pod({ ...HOST, runtimeClassName: 'kata' }))
  const warnings: string[] = []
  const audit: Record<string, string> = {}
  const attributes = {
    ...request(facts),
    warn: (text: string) => void warnings.push(text),
    annotate: (key: string, value: string) => {
      audit[key.replace(PREFIX, '')] = value
    },
  }
  const notes = () => {
    const exempted = metrics.text().match(/(?<=^pod_security_exemptions_total\{).*(?=\} [1-9])/gm)
    return {
      ...(warnings.length > 0 ? { warnings } : {}),
      ...(Object.keys(audit).length > 0 ? { audit } : {}),
      ...(exempted ? { exempted: [...exempted] } : {}),
    }
  }
  try {
    await admit(podSecurity(context), attributes)
  } catch (error) {
    return { refused: (error as Error).message, ...notes() }
  }
  return notes()
}

const BASELINE = `PodSecurity "baseline:latest": ${VIOLATION}`
const REFUSED = `pods "p" is forbidden: violates ${BASELINE}`
const allModes = { enforce: 'baseline', audit: 'baseline', warn: 'baseline' }
const exempting = (exemptions: object) => ({ defaults: { enforce: 'baseline' }, exemptions })
const update = (modes: Record<string, string>): FakeRequest => ({
  operation: 'UPDATE',
  type: Namespaces,
  object: namespace('ns', modes),
  oldObject: namespace('ns', {}),
})

const exemption = (operation: string, resource: string): string =>
  `request_operation="${operation}",resource="${resource}",subresource=""`
const CREATED_POD = exemption('create', 'pod')

const cases: [string, object, Record<string, string>, FakeRequest, Outcome][] = [
  ['privileged everywhere', {}, {}, { object: pod() }, { audit: { 'enforce-policy': 'privileged:latest' } }],
  [
    'the default is enforced',
    { defaults: allModes },
    {},
    { object: pod() },
    {
      refused: REFUSED,
      audit: { 'enforce-policy': 'baseline:latest', 'audit-violations': `would violate ${BASELINE}` },
    },
  ],
  [
    'labels come before the default, each for itself',
    { defaults: { ...allModes, 'enforce-version': 'v1.20' } },
    { enforce: 'privileged' },
    { object: pod() },
    {
      warnings: [`would violate ${BASELINE}`],
      audit: { 'enforce-policy': 'privileged:v1.20', 'audit-violations': `would violate ${BASELINE}` },
    },
  ],
  [
    'workloads are audited and warned about',
    { defaults: { audit: 'baseline', warn: 'baseline' } },
    {},
    { type: Deployments, object: deployment },
    { warnings: [`would violate ${BASELINE}`], audit: { 'audit-violations': `would violate ${BASELINE}` } },
  ],
  [
    'labels that are wrong are told to the auditor',
    {},
    { audit: 'x' },
    { object: pod() },
    {
      audit: {
        error: `Failed to parse policy: metadata.labels[${PREFIX}audit]: Invalid value: "x": must be one of privileged, baseline, restricted`,
        'enforce-policy': 'privileged:latest',
      },
    },
  ],
  [
    'an exempt namespace',
    exempting({ namespaces: ['ns'] }),
    {},
    { object: pod() },
    { audit: { exempt: 'namespace' }, exempted: [CREATED_POD] },
  ],
  [
    'an exempt user',
    exempting({ usernames: ['jane'] }),
    {},
    { object: pod() },
    { audit: { exempt: 'user' }, exempted: [CREATED_POD] },
  ],
  [
    'an exempt runtime class',
    exempting({ runtimeClasses: ['kata'] }),
    {},
    { object: pod({ ...HOST, runtimeClassName: 'kata' }) },
    { audit: { exempt: 'runtimeClass' }, exempted: [CREATED_POD] },
  ],
  [
    'a workload of an exempt user',
    exempting({ usernames: ['jane'] }),
    {},
    { type: Deployments, operation: 'UPDATE', object: deployment, oldObject: deployment },
    { audit: { exempt: 'user' }, exempted: [exemption('update', 'controller')] },
  ],
  [
    'others',
    exempting({ runtimeClasses: ['kata'], usernames: ['joe'], namespaces: ['other'] }),
    {},
    { object: pod() },
    { refused: REFUSED, audit: { 'enforce-policy': 'baseline:latest' } },
  ],
  [
    'labels of an exempt namespace are in vain',
    exempting({ namespaces: ['ns'] }),
    {},
    { type: Namespaces, object: namespace('ns', { enforce: 'restricted', 'audit-version': 'v1.1' }) },
    {
      warnings: [
        'namespace "ns" is exempt from Pod Security, and the policy (enforce=restricted:latest) will be ignored',
      ],
    },
  ],
  ['unless they say what holds anyway', exempting({ namespaces: ['ns'] }), {}, update({ enforce: 'baseline' }), {}],
  [
    'pods of exempt runtime classes do not matter where a namespace becomes stricter',
    { exemptions: { runtimeClasses: ['kata'] } },
    {},
    update({ enforce: 'baseline' }),
    {},
  ],
]

describe('PodSecurity by configuration', () => {
  for (const [title, configuration, labels, facts, expected] of cases) {
    it(title, async () => assert.deepEqual(await outcome(configuration, labels, facts), expected))
  }
})
