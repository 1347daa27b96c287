import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MetricsRegistry } from '@canopus/base'
import { FeatureGates, parseFeatureGates } from './feature-gates.ts'
import { kindsOfFeatures, parseRuntimeConfig, RuntimeConfig } from './runtime-config.ts'

const GATE = 'StorageVersionMigrator'
const VERSION = 'storagemigration.k8s.io/v1beta1'

describe('--feature-gates', () => {
  const refused: readonly [string[], string][] = [
    [['Foo=true'], 'unrecognized feature gate: Foo'],
    [['SidecarContainers=false'], 'cannot set feature gate SidecarContainers to false, feature is locked to true'],
    [['PodsAPI=true'], 'cannot set feature gate PodsAPI to true: that is not implemented, it is always false'],
    [['AllAlpha=true'], 'cannot set feature gate AllAlpha to true: that is not implemented, it is always false'],
    [[GATE], 'malformed pair, expect string=bool'],
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

describe('--runtime-config', () => {
  const refused: readonly [string[], string][] = [
    [['api/all=false'], 'invalid runtime-config with only api/all=false'],
    [['foo/v1=true', 'bar/v2=true'], 'unknown api groups bar/v2,foo/v1'],
    [['apps=true'], 'runtime-config invalid key apps'],
    [['apps/v9=true'], 'group version apps/v9 that has not been registered'],
    [['api/beta=yes'], 'invalid value api/beta=yes'],
    [[`${VERSION}=yes`], `invalid value of ${VERSION}: yes, err: strconv.ParseBool: parsing "yes": invalid syntax`],
    [['storage.k8s.io/v1beta1=true'], 'to serve these is not implemented: storage.k8s.io/v1beta1'],
    [['batch/v1=false'], 'not to serve these is not implemented: batch/v1'],
    [['batch/v1/cronjobs=false'], 'not to serve these is not implemented: batch/v1/cronjobs'],
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

  it('nothing is served besides where nobody asked', () => {
    assert.deepEqual(kindsOfFeatures(parseFeatureGates([`${GATE}=true`]), new RuntimeConfig()), [])
  })
})
