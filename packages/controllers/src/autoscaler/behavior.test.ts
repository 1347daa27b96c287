import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HorizontalPodAutoscalerBehavior, HPAScalingPolicy } from '@canopus/api/autoscaling/v2'
import { downLimit, type NormalizeInput, normalize, ScalingHistory, upLimit } from './behavior.ts'

const NOW = 1_700_000_000_000
const pods = (value: number, periodSeconds = 60): HPAScalingPolicy => ({ type: 'Pods', value, periodSeconds })
const percent = (value: number, periodSeconds = 60): HPAScalingPolicy => ({ type: 'Percent', value, periodSeconds })

function history(before: { ups?: number; downs?: number; recommended?: readonly [number, number][] }): ScalingHistory {
  const made = new ScalingHistory()
  if (before.ups) made.ups = [{ count: before.ups, at: NOW - 10_000 }]
  if (before.downs) made.downs = [{ count: before.downs, at: NOW - 10_000 }]
  made.recommendations = (before.recommended ?? []).map(([count, ago]) => ({ count, at: NOW - ago }))
  return made
}

const input = (given: Partial<NormalizeInput>): NormalizeInput => ({
  currentReplicas: 3,
  proposed: 3,
  minReplicas: 1,
  maxReplicas: 100,
  behavior: undefined,
  downscaleWindow: 300_000,
  now: NOW,
  ...given,
})

const limits: [string, HPAScalingPolicy[], string, Parameters<typeof history>[0], number, number][] = [
  ['the greater change', [pods(4), percent(100)], 'Max', {}, 14, 0],
  ['the smaller change', [pods(4), percent(100)], 'Min', {}, 11, 3],
  ['shares are rounded towards change', [percent(1)], 'Max', {}, 8, 6],
  ['none', [pods(4)], 'Disabled', {}, 7, 7],
  ['what was added counts', [pods(4)], 'Max', { ups: 3 }, 8, 0],
  ['what was taken away counts', [pods(4)], 'Max', { downs: 3 }, 14, 6],
  ['older changes do not', [pods(4, 5)], 'Max', { ups: 3, downs: 3 }, 11, 3],
]
for (const [name, policies, selectPolicy, before, up, down] of limits) {
  test(`limits of seven replicas: ${name}`, () => {
    const rules = { policies, selectPolicy }
    assert.equal(upLimit(7, history(before), rules, NOW), up)
    assert.equal(downLimit(7, history(before), rules, NOW), down)
  })
}

const rules = (up: object, down: object): HorizontalPodAutoscalerBehavior => ({
  scaleUp: { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [percent(1000, 60)], ...up },
  scaleDown: { selectPolicy: 'Max', policies: [percent(100, 60)], ...down },
})

const table: [string, Parameters<typeof history>[0], Partial<NormalizeInput>, [number, string, string, string]][] = [
  ['nothing to do', {}, {}, [3, 'ReadyForNewScale', 'False', 'DesiredWithinRange']],
  ['no more than twice as many', {}, { proposed: 10 }, [6, 'ReadyForNewScale', 'True', 'ScaleUpLimit']],
  ['or four', {}, { currentReplicas: 1, proposed: 10 }, [4, 'ReadyForNewScale', 'True', 'ScaleUpLimit']],
  ['no more than the most', {}, { proposed: 10, maxReplicas: 5 }, [5, 'ReadyForNewScale', 'True', 'TooManyReplicas']],
  ['no fewer than the fewest', {}, { proposed: 0 }, [1, 'ReadyForNewScale', 'True', 'TooFewReplicas']],
  [
    'not down while more was wanted lately',
    { recommended: [[5, 100_000]] },
    { proposed: 2 },
    [5, 'ScaleDownStabilized', 'False', 'DesiredWithinRange'],
  ],
  [
    'down when that is long ago',
    { recommended: [[5, 300_001]] },
    { proposed: 2 },
    [2, 'ReadyForNewScale', 'False', 'DesiredWithinRange'],
  ],
  [
    'rules: waits before going up',
    { recommended: [[4, 30_000]] },
    { proposed: 9, behavior: rules({ stabilizationWindowSeconds: 60 }, {}) },
    [4, 'ScaleUpStabilized', 'False', 'DesiredWithinRange'],
  ],
  [
    'rules: waits before going down as long as elsewhere where they do not say',
    { recommended: [[3, 100_000]] },
    { proposed: 2, behavior: rules({}, {}) },
    [3, 'ScaleDownStabilized', 'False', 'DesiredWithinRange'],
  ],
  [
    'rules: goes down at once where they say so',
    { recommended: [[3, 100_000]] },
    { proposed: 2, behavior: rules({}, { stabilizationWindowSeconds: 0 }) },
    [2, 'ReadyForNewScale', 'False', 'DesiredWithinRange'],
  ],
  [
    'rules: not faster down than allowed',
    {},
    { currentReplicas: 10, proposed: 2, behavior: rules({}, { stabilizationWindowSeconds: 0, policies: [pods(1)] }) },
    [9, 'ReadyForNewScale', 'True', 'ScaleDownLimit'],
  ],
  [
    'rules: not at all after too much',
    { ups: 5 },
    { currentReplicas: 10, proposed: 20, behavior: rules({ policies: [pods(4)] }, {}) },
    [10, 'ReadyForNewScale', 'True', 'ScaleUpLimit'],
  ],
]
for (const [name, before, given, expected] of table) {
  test(`normalize: ${name}`, () => {
    const { replicas, ableToScale, limited } = normalize(history(before), input(given))
    assert.deepEqual([replicas, ableToScale.reason, limited.status, limited.reason], expected)
  })
}

test('proposals of within the window are kept, and changes of within the longest period', () => {
  const made = history({
    recommended: [
      [1, 400_000],
      [2, 200_000],
    ],
  })
  normalize(made, input({ proposed: 3 }))
  assert.deepEqual(
    made.recommendations.map(each => each.count),
    [2, 3],
  )
  const behavior = rules({ policies: [pods(1, 30), pods(1, 90)] }, {})
  made.ups = [
    { count: 1, at: NOW - 100_000 },
    { count: 2, at: NOW - 80_000 },
  ]
  made.scaled(behavior, 3, 7, NOW)
  assert.deepEqual(
    made.ups.map(each => each.count),
    [2, 4],
  )
  made.scaled(undefined, 3, 9, NOW)
  assert.equal(made.ups.length, 2)
})
