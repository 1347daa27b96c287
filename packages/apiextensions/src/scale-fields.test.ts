import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fieldErrorText, type KubeObject } from '@canopus/apimachinery'
import { checkScaleSpec, checkScaleStatus, scalePath } from './scale-fields.ts'

const scale = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.status.selector',
}
const object = (fields: object): KubeObject => ({ metadata: { name: 'x' }, ...fields }) as KubeObject

const specs: readonly [unknown, string[]][] = [
  [undefined, []],
  [null, []],
  [{}, []],
  [{ replicas: 2147483647 }, []],
  [{ replicas: 2147483648 }, ['.spec.replicas: Invalid value: 2147483648: should be less than or equal to 2147483647']],
  [
    { replicas: 9223372036854775807n },
    ['.spec.replicas: Invalid value: 9223372036854775807: should be less than or equal to 2147483647'],
  ],
  [{ replicas: -1 }, ['.spec.replicas: Invalid value: -1: should be a non-negative integer']],
  [
    { replicas: 1.5 },
    ['.spec.replicas: Invalid value: 0: .spec.replicas accessor error: 1.5 is of the type float64, expected int64'],
  ],
  [
    { replicas: { b: 1, a: [true] } },
    [
      '.spec.replicas: Invalid value: 0: .spec.replicas accessor error: map[a:[true] b:1] is of the type map[string]interface {}, expected int64',
    ],
  ],
  [
    'text',
    [
      '.spec.replicas: Invalid value: 0: .spec.replicas accessor error: text is of the type string, expected map[string]interface{}',
    ],
  ],
]

describe('the numbers of a scale', () => {
  for (const [spec, expected] of specs)
    it(`spec ${String(spec)} ${expected.length === 0 ? 'is taken' : expected[0]}`, () => {
      assert.deepEqual(checkScaleSpec(object(spec === undefined ? {} : { spec }), scale).map(fieldErrorText), expected)
      const replicas = typeof spec === 'object' ? (spec as { replicas?: unknown } | null)?.replicas : spec
      const status = typeof spec === 'string' ? spec : { replicas, selector: 'a=b' }
      if (replicas !== undefined)
        assert.deepEqual(
          checkScaleStatus(object({ status }), { ...scale, labelSelectorPath: '' }).map(fieldErrorText),
          expected.map(text => text.replaceAll('.spec', '.status')),
        )
    })

  it('a selector is a text', () =>
    assert.deepEqual(checkScaleStatus(object({ status: { selector: 1 } }), scale).map(fieldErrorText), [
      '.status.selector: Invalid value: "": .status.selector accessor error: 1 is of the type int64, expected string',
    ]))

  it('a path has names alone', () => assert.deepEqual(scalePath('.spec.replicas[0]'), ['spec', 'replicas[0]']))
})
