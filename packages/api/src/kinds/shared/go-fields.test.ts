import assert from 'node:assert/strict'
import { test } from 'node:test'
import { goFields } from './go-fields.ts'

const rows: readonly [string, object, object][] = [
  ['core.v1.SeccompProfile', { localhostProfile: 'a' }, { Type: '', LocalhostProfile: 'a' }],
  ['core.v1.Taint', { key: 'k', effect: 'NoSchedule' }, { Key: 'k', Value: '', Effect: 'NoSchedule', TimeAdded: null }],
  [
    'policy.v1.PodDisruptionBudgetSpec',
    { minAvailable: 1, selector: { matchLabels: { a: 'b' } } },
    { MinAvailable: 1, Selector: { matchLabels: { a: 'b' } }, MaxUnavailable: null, UnhealthyPodEvictionPolicy: null },
  ],
  [
    'core.v1.ScopeSelector',
    { matchExpressions: [{ scopeName: 'BestEffort' }] },
    { MatchExpressions: [{ ScopeName: 'BestEffort', Operator: '', Values: null }] },
  ],
]
for (const [message, value, wanted] of rows) {
  test(`${message} ${JSON.stringify(value)}`, () => {
    assert.equal(JSON.stringify(goFields(message, value)), JSON.stringify(wanted))
  })
}
