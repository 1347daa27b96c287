import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PersistentVolumeClaims, Pods, quotaEvaluator } from '@canopus/api'
import type { KubeObject, ResourceType } from '@canopus/apimachinery'
import { demandOf } from '../limited-resources.ts'
import { isPluginOn } from '../plugin-names.ts'
import { levelVersionText } from '../pod-security/policy.ts'
import { charge } from '../quota-check.ts'
import { type AdmissionConfiguration, readAdmissionConfiguration } from './file.ts'

const HEAD = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\n'
const SECURITY = 'apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\n'
const QUOTA = 'apiVersion: apiserver.config.k8s.io/v1\nkind: ResourceQuotaConfiguration\n'
const LIMITS = 'apiVersion: eventratelimit.admission.k8s.io/v1alpha1\nkind: Configuration\n'
const HOOKS = 'apiVersion: apiserver.config.k8s.io/v1\nkind: WebhookAdmissionConfiguration\n'

type Files = Record<string, string>

const isUsual = (plugin: string): boolean => isPluginOn(plugin)

function read(files: Files, isOn: (plugin: string) => boolean = isUsual): AdmissionConfiguration {
  const readFile = (path: string): string => {
    if (files[path] === undefined) throw new Error(`open ${path}: no such file or directory`)
    return files[path]
  }
  return readAdmissionConfiguration('/etc/adm/config.yaml', readFile, isOn)
}

/** A file that leads to another for the plugin. */
const leading = (plugin: string, text: string): Files => ({
  '/etc/adm/config.yaml': `${HEAD}plugins:\n- {name: ${plugin}, path: plugin.yaml}\n`,
  '/etc/adm/plugin.yaml': text,
})

describe('--admission-control-config-file: what is refused', () => {
  const only = (text: string): Files => ({ '/etc/adm/config.yaml': text })
  const cases: [string, Files, string][] = [
    [
      'no file',
      {},
      'failed to read plugin config: unable to read admission control configuration from "/etc/adm/config.yaml" ' +
        '[open /etc/adm/config.yaml: no such file or directory]',
    ],
    ['no kind', only('plugins: []\n'), `failed to read plugin config: Object 'Kind' is missing in '{"plugins":[]}'`],
    [
      'a kind that there is not',
      only('apiVersion: apiserver.config.k8s.io/v1\nkind: Foo\n'),
      'failed to read plugin config: no kind "Foo" is registered for version "apiserver.config.k8s.io/v1"',
    ],
    [
      'a field that there is not',
      only(`${HEAD}plugins:\n- {name: a, file: b}\n`),
      'failed to read plugin config: strict decoding error: unknown field "plugins[0].file"',
    ],
    [
      'no such file of a plugin',
      only(`${HEAD}plugins:\n- {name: PodSecurity, path: /gone}\n`),
      `couldn't init admission plugin "PodSecurity": open /gone: no such file or directory`,
    ],
    [
      'a level that there is not',
      leading('PodSecurity', `${SECURITY}defaults: {enforce: strict, warn-version: v2}\n`),
      'failed to initialize admission plugin "PodSecurity": PodSecurity configuration error: ' +
        '[enforce: must be one of privileged, baseline, restricted, warn-version: must be "latest" or "v1.x"]',
    ],
    [
      'exemptions that cannot be',
      leading('PodSecurity', `${SECURITY}exemptions: {namespaces: [a, a], usernames: [""]}\n`),
      'failed to initialize admission plugin "PodSecurity": PodSecurity invalid: ' +
        '[exemptions.namespaces[1]: Duplicate value: "a", ' +
        'exemptions.usernames[0]: Invalid value: "": username must not be empty]',
    ],
    [
      'a misspelt mode',
      leading('PodSecurity', `${SECURITY}defaults: {enforced: baseline}\n`),
      `couldn't init admission plugin "PodSecurity": strict decoding error: unknown field "defaults.enforced"`,
    ],
    [
      'no resource',
      leading('ResourceQuota', `${QUOTA}limitedResources: [{matchContains: [cpu]}]\n`),
      `couldn't init admission plugin "ResourceQuota": limitedResources[0].resource: Required value`,
    ],
    [
      'a path of a kubeconfig from nowhere',
      leading('ValidatingAdmissionWebhook', `${HOOKS}kubeConfigFile: a/b\n`),
      `couldn't init admission plugin "ValidatingAdmissionWebhook": ` +
        'kubeConfigFile: Invalid value: "a/b": must be an absolute file path',
    ],
    [
      'manifests',
      leading('MutatingAdmissionWebhook', `${HOOKS}kubeConfigFile: ""\nstaticManifestsDir: /m\n`),
      `couldn't init admission plugin "MutatingAdmissionWebhook": staticManifestsDir: Forbidden: ` +
        'staticManifestsDir requires the ManifestBasedAdmissionControlConfig feature gate to be enabled',
    ],
  ]
  for (const [title, files, message] of cases) it(title, () => assert.throws(() => read(files), { message }))

  const TOLERATIONS = 'apiVersion: podtolerationrestriction.admission.k8s.io/v1alpha1\nkind: Configuration\n'
  const optional: [string, string, Files, string][] = [
    ['no limits', 'EventRateLimit', only(HEAD), 'limits: Invalid value: []: must not be empty'],
    [
      'limits that are none',
      'EventRateLimit',
      leading('EventRateLimit', `${LIMITS}limits: [{type: All, qps: 1, burst: 0, cacheSize: -1}]\n`),
      '[limits[0].type: Unsupported value: "All": supported values: "Server", "Namespace", "User", "SourceAndObject", ' +
        'limits[0].burst: Invalid value: 0: must be positive, limits[0].cacheSize: Invalid value: -1: must not be negative]',
    ],
    ['no image policy', 'ImagePolicyWebhook', only(HEAD), 'no config specified'],
    [
      'an image policy that is remembered for too long',
      'ImagePolicyWebhook',
      leading('ImagePolicyWebhook', 'imagePolicy: {allowTTL: 3600}\n'),
      'valid value is between 1s and 30m0s, got 1h0m0s',
    ],
    [
      'tolerations that are none',
      'PodTolerationRestriction',
      leading('PodTolerationRestriction', `${TOLERATIONS}whitelist: [{key: a, operator: Exists, value: b}]\n`),
      'invalid config: [podtolerationrestriction.whitelist[0].operator: Invalid value: "b": ' +
        "value must be empty when `operator` is 'Exists']",
    ],
  ]
  for (const [title, plugin, files, why] of optional) {
    const message = `couldn't init admission plugin ${JSON.stringify(plugin)}: ${why}`
    it(title, () => assert.throws(() => read(files, name => name === plugin), { message }))
  }
})

describe('--admission-control-config-file: what is taken', () => {
  it('files of before there were kinds, plugins that nobody knows, and those that are off', () => {
    assert.deepEqual(
      read({ '/etc/adm/config.yaml': 'podNodeSelectorPluginConfig: {clusterDefaultNodeSelector: a=b}\n' }),
      {},
    )
    assert.deepEqual(read({ '/etc/adm/config.yaml': `${HEAD}plugins: [{name: Foo, path: bar}]\n` }), {})
    assert.deepEqual(
      read(leading('PodSecurity', 'nonsense'), plugin => isUsual(plugin) && plugin !== 'PodSecurity'),
      {},
    )
  })

  it('what plugins are told that run only where they are asked for', () => {
    assert.deepEqual(
      read({ '/etc/adm/config.yaml': 'podNodeSelectorPluginConfig: {ns: a=b}\n' }, name => name === 'PodNodeSelector'),
      { nodeSelectors: { ns: 'a=b' } },
    )
    const policy = '{"imagePolicy": {"kubeConfigFile": "/k", "allowTTL": -1, "denyTTL": 7, "defaultAllow": true}}'
    assert.deepEqual(
      read({ '/etc/adm/config.yaml': policy }, name => name === 'ImagePolicyWebhook'),
      { imagePolicy: { kubeConfigFile: '/k', allowTtl: 0, denyTtl: 7000, retryBackoff: 500, defaultAllow: true } },
    )
    const limit = { type: 'User', qps: 5, burst: 10 }
    const files = leading('EventRateLimit', `${LIMITS}limits: [${JSON.stringify(limit)}]\n`)
    assert.deepEqual(
      read(files, name => name === 'EventRateLimit'),
      { eventLimits: [limit] },
    )
  })

  it('what is written in the file itself, by every version', () => {
    for (const version of ['v1', 'v1beta1', 'v1alpha1']) {
      const inline = `{apiVersion: pod-security.admission.config.k8s.io/${version}, kind: PodSecurityConfiguration, defaults: {enforce: baseline, enforce-version: v1.30}, exemptions: {runtimeClasses: [kata]}}`
      const text = `${HEAD}plugins:\n- name: PodSecurity\n  path: /passed/over\n  configuration: ${inline}\n`
      const { podSecurity } = read({ '/etc/adm/config.yaml': text })
      assert.deepEqual(Object.values(podSecurity!.defaults).map(levelVersionText), [
        'baseline:v1.30',
        'privileged:latest',
        'privileged:latest',
      ])
      assert.deepEqual([...podSecurity!.exemptions.runtimeClasses], ['kata'])
    }
  })
})

describe('limited resources', () => {
  const limits = (text: string) =>
    read(leading('ResourceQuota', `${QUOTA}limitedResources:\n${text}`)).limitedResources!
  const claim = { metadata: { name: 'c', namespace: 'ns' }, spec: { resources: { requests: { storage: '1Gi' } } } }
  const gold = { ...claim, spec: { ...claim.spec, storageClassName: 'gold' } }
  const pod = {
    metadata: { name: 'p', namespace: 'ns' },
    spec: { containers: [], priorityClassName: 'cluster-services' },
  }
  const scopeText = `- {resource: pods, matchScopes: [{scopeName: PriorityClass, operator: In, values: [cluster-services]}]}`
  const GOLD = 'gold.storageclass.storage.k8s.io/requests.storage'
  const quota = (hard: Record<string, string>, spec: object = {}) =>
    ({
      metadata: { name: 'q', namespace: 'ns' },
      spec: { hard, ...spec },
      status: { hard, used: Object.fromEntries(Object.keys(hard).map(name => [name, '0'])) },
    }) as unknown as Parameters<typeof charge>[0][number]
  const ofClass = { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'Exists' }] } }
  const storage = `- {resource: persistentvolumeclaims, matchContains: [.storageclass.storage.k8s.io/requests.storage]}`
  const cases: [string, string, ResourceType, object, Parameters<typeof charge>[0], string][] = [
    ['nothing covers', storage, PersistentVolumeClaims, gold, [], `insufficient quota to consume: ${GOLD}`],
    ['nothing that counts', storage, PersistentVolumeClaims, claim, [], 'fits'],
    ['covered', storage, PersistentVolumeClaims, gold, [quota({ [GOLD]: '2Gi' })], 'fits'],
    ['covered, but full', storage, PersistentVolumeClaims, gold, [quota({ [GOLD]: '2' })], 'exceeded quota: q'],
    ['of another kind', storage, Pods, pod, [], 'fits'],
    ['a scope that nothing covers', scopeText, Pods, pod, [quota({ pods: '1' })], 'uncovered'],
    ['a scope that is covered', scopeText, Pods, pod, [quota({ pods: '1' }, ofClass)], 'fits'],
    ['of no such class', scopeText, Pods, { ...pod, spec: { containers: [] } }, [], 'fits'],
  ]
  for (const [title, text, type, object, quotas, expected] of cases) {
    it(title, () => {
      const [evaluator, limited] = [quotaEvaluator(type)!, limits(text)]
      const verdict = charge(quotas, {
        evaluator,
        object: object as KubeObject,
        oldObject: undefined,
        now: 0,
        demand: usage => demandOf(limited, type, evaluator, object as KubeObject, usage),
      })
      assert.ok((verdict.kind === 'refused' ? verdict.why : verdict.kind).startsWith(expected), JSON.stringify(verdict))
    })
  }
})
