import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MetricsRegistry } from '@canopus/base'
import { FeatureGates, parseFeatureGates } from './feature-gates.ts'
import { kindsOfFeatures, parseRuntimeConfig, RuntimeConfig } from './runtime-config.ts'

const GATE = 'StorageVersionMigrator'
const ADMISSION = 'admissionregistration.k8s.io/v1alpha1'
const VERSION = 'storagemigration.k8s.io/v1beta1'

describe('--feature-gates', () => {
  const refused: readonly [string[], string | RegExp][] = [
    [['Foo=true'], 'unrecognized feature gate: Foo'],
    [['SidecarContainers=false'], 'cannot set feature gate SidecarContainers to false, feature is locked to true'],
    [['PodsAPI=true'], 'cannot set feature gate PodsAPI to true: that is not implemented, it is always false'],
    [['AllAlpha=true'], /cannot set feature gate \w+ to true: that is not implemented/],
    [['AllBeta=false'], /cannot set feature gate \w+ to false: that is not implemented/],
    [[GATE], `missing bool value for ${GATE}`],
    [[`${GATE}=yes`], `invalid value of ${GATE}: yes, err: strconv.ParseBool: parsing "yes": invalid syntax`],
    [['other:Foo=true'], 'component not registered: other'],
    [
      [`kube:${GATE}=true`, 'SidecarContainers=true'],
      'set kube feature gates with default empty prefix or kube: prefix consistently, do not mix use',
    ],
  ]
  for (const [words, message] of refused) {
    it(`refused: ${words}`, () => assert.throws(() => parseFeatureGates(words), { name: 'TypeError', message }))
  }

  const taken: readonly [string[], boolean][] = [
    [[], false],
    [[`${GATE}=true`], true],
    [[` ${GATE} = T `, ''], true],
    [[`kube:${GATE}=1`], true],
    [[`:${GATE}=true`], true],
    [[`${GATE}=true`, `${GATE}=false`], false],
    [['SidecarContainers=true', 'AllAlpha=false', 'PodsAPI=false'], false],
  ]
  for (const [words, on] of taken) {
    it(`taken: ${words}`, () => {
      const gates = parseFeatureGates(words)
      assert.deepEqual(
        [gates.enabled(GATE), gates.enabled('SidecarContainers'), gates.enabled('PodsAPI')],
        [on, true, false],
      )
      const registry = new MetricsRegistry()
      gates.register(registry)
      const line = `kubernetes_feature_enabled{name="${GATE}",stage="BETA"} ${on ? 1 : 0}\n`
      assert.ok(registry.text().includes(line))
    })
  }
})

it('features that may be turned off can be turned off here, where that has an effect', () => {
  const names = [
    'DetectCacheInconsistency',
    'PodTopologyLabelsAdmission',
    'SchedulerPopFromBackoffQ',
    'ServiceAccountNodeAudienceRestriction',
  ]
  const gates = parseFeatureGates(names.map(name => `${name}=false`))
  assert.deepEqual(
    names.map(name => [new FeatureGates().enabled(name), gates.enabled(name)]),
    names.map(() => [true, false]),
  )
})

describe('features of other components', () => {
  const words = [
    'GracefulNodeShutdown=false',
    'GracefulNodeShutdownBasedOnPodPriority=false',
    'WindowsGracefulNodeShutdown=false',
    'PodsAPI=true',
  ]
  it('are taken by those that never ask for them', () => {
    for (const component of ['apiserver', 'scheduler'] as const) {
      const gates = parseFeatureGates(words, component)
      assert.deepEqual([gates.enabled('GracefulNodeShutdown'), gates.enabled('PodsAPI')], [false, true])
    }
    for (const component of [undefined, 'kubelet'] as const) {
      assert.throws(() => parseFeatureGates(words, component), /GracefulNodeShutdown to false: that is not implemented/)
    }
    assert.throws(() => parseFeatureGates(['CBORServingAndStorage=true'], 'apiserver'), /that is not implemented/)
  })
  it('want their partners', () => {
    const message =
      'GracefulNodeShutdownBasedOnPodPriority is enabled, but depends on features that are disabled: [GracefulNodeShutdown]'
    assert.throws(
      () => parseFeatureGates(['GracefulNodeShutdown=false', 'WindowsGracefulNodeShutdown=false'], 'apiserver'),
      {
        message,
      },
    )
  })
  it('want them all', () => {
    const words = ['PodLevelResources=false', 'MatchLabelKeysInPodTopologySpread=false']
    const [one, other] = [
      ['InPlacePodLevelResourcesVerticalScaling', 'PodLevelResources'],
      ['MatchLabelKeysInPodTopologySpreadSelectorMerge', 'MatchLabelKeysInPodTopologySpread'],
    ].map(([name, need]) => `${name} is enabled, but depends on features that are disabled: [${need}]`)
    assert.throws(() => parseFeatureGates(words, 'apiserver'), { message: `[${one}, ${other}]` })
  })
  it('are taken by all where they are about the inside of a program', () => {
    assert.equal(parseFeatureGates(['ListFromCacheSnapshot=false']).enabled('ListFromCacheSnapshot'), false)
  })
})

describe('--runtime-config', () => {
  const refused: readonly [string[], string][] = [
    [['api/all=false'], 'invalid runtime-config with only api/all=false'],
    [['foo/v1=true', 'bar/v2=true'], 'unknown api groups bar/v2,foo/v1'],
    [['apps=true'], 'runtime-config invalid key apps'],
    [['apps/v9=true'], 'group version apps/v9 that has not been registered'],
    [['api/beta=yes'], 'invalid value api/beta=yes'],
    [[`${VERSION}=yes`], `invalid value of ${VERSION}: yes, err: strconv.ParseBool: parsing "yes": invalid syntax`],
    [
      [`${VERSION}/Things=true`],
      `invalid key ${VERSION}/Things: group/version/resource and resource is always lowercase plural, not "Things"`,
    ],
  ]
  for (const [words, message] of refused) {
    it(`refused: ${words}`, () => assert.throws(() => parseRuntimeConfig(words), { name: 'TypeError', message }))
  }

  const taken: readonly [string[], boolean][] = [
    [[], false],
    [[`${VERSION}=true`], true],
    [[VERSION], true],
    [[`${VERSION}/storageversionmigrations=true`], true],
    [[`${VERSION}=true`, `${VERSION}/storageversionmigrations=false`], false],
    [['api/beta=false', `${VERSION}=true`], true],
    [['api/ga=true', 'api/alpha=false', 'batch/v1=true', 'api/v1=true', 'storage.k8s.io/v1beta1=false'], false],
  ]
  for (const [words, served] of taken) {
    it(`taken: ${words}`, () => {
      const config = parseRuntimeConfig(words)
      const kinds = (gates: FeatureGates) => kindsOfFeatures(gates, config).map(({ type }) => type.plural)
      const on = parseFeatureGates([`${GATE}=true`])
      assert.deepEqual(kinds(on), served ? ['storageversionmigrations'] : [])
      assert.deepEqual(kinds(new FeatureGates()), [])
    })
  }

  const betas: readonly [string[], string[]][] = [
    [
      ['networking.k8s.io/v1beta1'],
      ['networking.k8s.io/v1beta1/ipaddresses', 'networking.k8s.io/v1beta1/servicecidrs'],
    ],
    [['networking.k8s.io/v1beta1/ipaddresses=true'], ['networking.k8s.io/v1beta1/ipaddresses']],
    [
      ['api/all=true', 'api/beta=false'],
      ['mutatingadmissionpolicies', 'mutatingadmissionpolicybindings'].map(each => `${ADMISSION}/${each}`),
    ],
    [['certificates.k8s.io/v1beta1=true'], []],
  ]
  for (const [words, expected] of betas) {
    it(`other versions: ${words}`, () => {
      const kinds = kindsOfFeatures(new FeatureGates(), parseRuntimeConfig(words))
      assert.deepEqual(
        kinds.map(({ type: { group, version, plural } }) => `${group}/${version}/${plural}`),
        expected,
      )
    })
  }

  const served: readonly [string[], string, string, boolean][] = [
    [[], 'batch', 'cronjobs', true],
    [['batch/v1=false'], 'batch', 'cronjobs', false],
    [['batch/v1=false'], 'apps', 'deployments', true],
    [['batch/v1/cronjobs=false'], 'batch', 'cronjobs', false],
    [['batch/v1/cronjobs=false'], 'batch', 'jobs', true],
    [['api/all=false', 'apps/v1=true'], 'apps', 'deployments', true],
    [['api/all=false', 'apps/v1=true'], '', 'pods', false],
    [['api/v1/pods=false'], '', 'pods', false],
  ]
  for (const [words, group, plural, expected] of served) {
    it(`served by ${words}: ${plural}`, () => {
      assert.equal(parseRuntimeConfig(words).enabled({ group, version: 'v1', plural }), expected)
    })
  }

  it('nothing is served besides where nobody asked', () => {
    assert.deepEqual(kindsOfFeatures(parseFeatureGates([`${GATE}=true`]), new RuntimeConfig()), [])
  })
})
