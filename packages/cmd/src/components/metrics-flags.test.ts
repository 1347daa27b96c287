import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { Failure } from '@canopus/cli'
import { checkHiddenMetrics, type MetricsFlags, metricsRegistryOf, stringToString } from './metrics-flags.ts'

const directory = mkdtempSync(join(tmpdir(), 'metrics-flags-'))
after(() => rmSync(directory, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

const good = file('good', '"counted_total,a": "x,y"\n"counted_total,b": ""\n')
const badKey = file('bad-key', '"counted_total a": x\n')
const list = file('list', '- x\n')
const KEYS =
  'must have keys with format `metricName,labelName` where metricName matches "[a-zA-Z_:][a-zA-Z0-9_:]*" and labelName matches "[a-zA-Z_][a-zA-Z0-9_]*"'

describe('flags of metrics', () => {
  const refused: readonly [string, MetricsFlags, string | RegExp][] = [
    [
      'another version than the one before',
      { showHiddenMetricsForVersion: '1.34' },
      `metrics.showHiddenMetricsForVersion: Invalid value: "1.34": must be omitted or have the value '1.35'; only the previous minor version is allowed`,
    ],
    [
      'names that are none',
      { disabledMetrics: ['good', 'not good'] },
      'metrics.disabledMetrics: Invalid value: ["good","not good"]: must be fully qualified metric names matching "^[a-zA-Z_:][a-zA-Z0-9_:]*$", got "not good"',
    ],
    [
      'keys without a label',
      { allowMetricLabels: { counted_total: 'x' } },
      `metrics.allowListMapping: Invalid value: {"counted_total":"x"}: ${KEYS}`,
    ],
    [
      'the same in a file',
      { allowMetricLabelsManifest: badKey },
      `metrics.allowListMappingManifest: Invalid value: "${badKey}": invalid allow list mapping in manifest: [metrics.allowListMappingManifest: Invalid value: {"counted_total a":"x"}: ${KEYS}]`,
    ],
    ['no file', { allowMetricLabelsManifest: join(directory, 'none') }, /: failed to read allow list manifest: /],
    ['a file of something else', { allowMetricLabelsManifest: list }, /: failed to parse allow list manifest: /],
    [
      'both',
      { allowMetricLabels: { 'm,a': 'x' }, allowMetricLabelsManifest: good },
      `metrics: Invalid value: {"allowListMapping":{"m,a":"x"},"allowListMappingManifest":"${good}"}: cannot specify both allowListMapping and allowListMappingManifest`,
    ],
  ]
  for (const [name, flags, message] of refused) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => metricsRegistryOf(flags),
        (error: Error) => {
          assert.ok(error instanceof Failure)
          if (typeof message === 'string') assert.equal(error.message, message)
          else assert.match(error.message, message)
          return true
        },
      )
    })
  }

  it("refuses another version in the proxy's words", () => {
    checkHiddenMetrics({ showHiddenMetricsForVersion: '1.35' })
    assert.throws(() => checkHiddenMetrics({ showHiddenMetricsForVersion: '1.2' }), {
      message: `KubeProxyConfiguration.ShowHiddenMetricsForVersion: Invalid value: "1.2": invalid showHiddenMetricsForVersion: showHiddenMetricsForVersion: Invalid value: "1.2": must be omitted or have the value '1.35'; only the previous minor version is allowed`,
    })
  })

  const labels = stringToString('"counted_total,a=x,y","counted_total,b="')
  for (const flags of [{ allowMetricLabels: labels }, { allowMetricLabelsManifest: good }]) {
    it(`constrains labels by ${Object.keys(flags)[0]}`, () => {
      const registry = metricsRegistryOf({ ...flags, showHiddenMetricsForVersion: '1.35', disabledMetrics: ['hushed'] })
      const counted = registry.counter('counted_total', '', ['a', 'b'])
      for (const [a = '', b = ''] of [['y'], ['z', 'z'], ['x', 'x']]) counted.with(a, b).add()
      registry.gauge('hushed', '').with()
      assert.deepEqual(registry.text().match(/^[a-z].*$/gm), [
        'counted_total{a="y",b=""} 1',
        'counted_total{a="unexpected",b="unexpected"} 1',
        'counted_total{a="x",b="unexpected"} 1',
      ])
    })
  }

  const words: readonly [string, object][] = [
    ['m,a=x', { 'm,a': 'x' }],
    ['m,a=x,y', { 'm,a': 'x,y' }],
    ['"m,a=x,y"', { 'm,a': 'x,y' }],
    ['"m,a=x,y","m,b=z"', { 'm,a': 'x,y', 'm,b': 'z' }],
    ['a=1,b=say ""no""', { a: '1', b: 'say ""no""' }],
  ]
  for (const [text, found] of words) it(`reads ${text}`, () => assert.deepEqual(stringToString(text), found))
  it('adds to what was read before', () => {
    assert.deepEqual(stringToString('b=2', { a: '1' }), { a: '1', b: '2' })
    assert.throws(() => stringToString('b'), /b must be formatted as key=value/)
  })
})
