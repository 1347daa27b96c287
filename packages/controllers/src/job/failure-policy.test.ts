import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Job, PodFailurePolicyRule } from '@canopus/api/batch/v1'
import type { Pod } from '@canopus/api/core/v1'
import { judgeFailure } from './failure-policy.ts'

/** Exit codes by container (`init:` before those that come first), and conditions that hold. */
function podOf(codes: Record<string, number>, conditions: Record<string, string> = {}): Pod {
  const statusOf = (init: boolean) =>
    Object.entries(codes)
      .filter(([name]) => name.startsWith('init:') === init)
      .map(([name, exitCode]) => ({ name: name.replace('init:', ''), state: { terminated: { exitCode } } }))
  return {
    metadata: { name: 'p', namespace: 'x' },
    status: {
      phase: 'Failed',
      containerStatuses: statusOf(false),
      initContainerStatuses: statusOf(true),
      conditions: Object.entries(conditions).map(([type, status]) => ({ type, status })),
    },
  } as unknown as Pod
}

const codes = (action: string, operator: 'In' | 'NotIn', values: number[], containerName?: string) =>
  ({ action, onExitCodes: { operator, values, ...(containerName ? { containerName } : {}) } }) as PodFailurePolicyRule
const conditions = (action: string, type: string, status?: string) =>
  ({ action, onPodConditions: [{ type, ...(status ? { status } : {}) }] }) as PodFailurePolicyRule

describe('what the failure of a pod means to its job', () => {
  const disrupted = { DisruptionTarget: 'True' }
  const failJob = (what: string, index = 0) => `FailJob ${what} matching FailJob rule at index ${index}`
  const exited = (container: string, code: number) => `Container ${container} for pod x/p failed with exit code ${code}`
  type Case = [what: string, rules: PodFailurePolicyRule[], pod: Pod, expected: string, perIndex?: boolean]
  const cases: Case[] = [
    ['no rules', [], podOf({ c: 1 }), 'Count'],
    ['a code that is listed', [codes('FailJob', 'In', [1, 42])], podOf({ c: 42 }), failJob(exited('c', 42))],
    ['a code that is not', [codes('FailJob', 'In', [1, 42])], podOf({ c: 2 }), 'Count'],
    ['any but these', [codes('Ignore', 'NotIn', [1])], podOf({ c: 2 }), 'Ignore'],
    ['success is no failure, listed or not', [codes('Ignore', 'NotIn', [1])], podOf({ c: 0 }), 'Count'],
    ['another container', [codes('Ignore', 'In', [3], 'd')], podOf({ c: 3, d: 4 }), 'Count'],
    ['this container', [codes('FailJob', 'In', [4], 'd')], podOf({ c: 3, d: 4 }), failJob(exited('d', 4))],
    ['one that comes first', [codes('FailJob', 'In', [5])], podOf({ c: 0, 'init:i': 5 }), failJob(exited('i', 5))],
    ['a condition', [conditions('Ignore', 'DisruptionTarget')], podOf({ c: 1 }, disrupted), 'Ignore'],
    [
      'a condition that does not hold',
      [conditions('Ignore', 'DisruptionTarget')],
      podOf({}, { DisruptionTarget: 'False' }),
      'Count',
    ],
    [
      'a condition that must not hold',
      [conditions('Ignore', 'Ready', 'False')],
      podOf({}, { Ready: 'False' }),
      'Ignore',
    ],
    [
      'a condition ends the job',
      [conditions('FailJob', 'ConfigIssue')],
      podOf({}, { ConfigIssue: 'True' }),
      failJob('Pod x/p has condition ConfigIssue'),
    ],
    [
      'the first rule decides',
      [conditions('Ignore', 'DisruptionTarget'), codes('FailJob', 'In', [1])],
      podOf({ c: 1 }, disrupted),
      'Ignore',
    ],
    [
      'the next where the first does not match',
      [conditions('Ignore', 'DisruptionTarget'), codes('FailJob', 'In', [1])],
      podOf({ c: 1 }),
      failJob(exited('c', 1), 1),
    ],
    [
      'counting on purpose keeps later rules away',
      [codes('Count', 'In', [1]), codes('FailJob', 'NotIn', [9])],
      podOf({ c: 1 }),
      'Count',
    ],
    ['its index', [codes('FailIndex', 'In', [1])], podOf({ c: 1 }), 'FailIndex', true],
    [
      'its index, where failures are not counted by index',
      [codes('FailIndex', 'In', [1]), codes('Ignore', 'In', [1])],
      podOf({ c: 1 }),
      'Ignore',
    ],
  ]
  for (const [what, rules, pod, expected, perIndex = false] of cases) {
    it(what, () => {
      const spec = { podFailurePolicy: { rules }, ...(perIndex ? { backoffLimitPerIndex: 1 } : {}) }
      const verdict = judgeFailure({ spec } as unknown as Job, pod)
      assert.equal(verdict.action === 'FailJob' ? `FailJob ${verdict.message}` : verdict.action, expected)
    })
  }
})
