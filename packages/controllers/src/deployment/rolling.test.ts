import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Deployment, ReplicaSet } from '@canopus/api/apps/v1'
import { DESIRED_REPLICAS, MAX_REPLICAS } from './revision.ts'
import { limitsOf, planRolling, planScale, type Resize } from './rolling.ts'

type Limits = { maxSurge?: number | string; maxUnavailable?: number | string }

const deploymentOf = (replicas: number, rolling: Limits | 'Recreate' = {}, actual = replicas): Deployment =>
  ({
    metadata: { name: 'web' },
    spec: {
      replicas,
      strategy: rolling === 'Recreate' ? { type: 'Recreate' } : { type: 'RollingUpdate', rollingUpdate: rolling },
    },
    status: { replicas: actual },
  }) as unknown as Deployment

/** Sets of these sizes, the oldest first; `size/available`, else all of them are available. */
const setsOf = (sizes: string, noted?: { desired?: number; max?: number }): ReplicaSet[] =>
  sizes
    .split(' ')
    .filter(Boolean)
    .map((text, index) => {
      const [size, available] = text.split('/').map(Number)
      return {
        metadata: {
          name: `rs-${index}`,
          creationTimestamp: `2026-01-01T00:00:0${index}Z`,
          annotations: {
            ...(noted?.desired === undefined ? {} : { [DESIRED_REPLICAS]: String(noted.desired) }),
            ...(noted?.max === undefined ? {} : { [MAX_REPLICAS]: String(noted.max) }),
          },
        },
        spec: { replicas: size },
        status: { availableReplicas: available ?? size },
      } as unknown as ReplicaSet
    })

/** The sizes afterwards, the oldest first. */
const after = (sets: readonly ReplicaSet[], resizes: readonly Resize[]): string =>
  sets.map(set => resizes.find(each => each.set === set)?.replicas ?? set.spec.replicas).join(' ')

describe('limitsOf', () => {
  const cases: [replicas: number, rolling: Limits | 'Recreate', surge: number, unavailable: number][] = [
    [10, {}, 3, 2],
    [1, {}, 1, 0],
    [10, { maxSurge: 0, maxUnavailable: '1%' }, 0, 1],
    [3, { maxSurge: 2, maxUnavailable: 7 }, 2, 3],
    [0, { maxSurge: 2, maxUnavailable: 1 }, 0, 0],
    [4, 'Recreate', 0, 0],
  ]
  for (const [replicas, rolling, maxSurge, maxUnavailable] of cases) {
    it(`${replicas} pods, ${JSON.stringify(rolling)}: ${maxSurge} more, ${maxUnavailable} fewer`, () => {
      assert.deepEqual(limitsOf(deploymentOf(replicas, rolling)), { maxSurge, maxUnavailable })
    })
  }
})

describe('planRolling, old sets before the new one', () => {
  const cases: [what: string, wanted: number, rolling: Limits, sizes: string, expected: string][] = [
    ['the new one begins with the surge', 10, { maxSurge: 3, maxUnavailable: 2 }, '10 0', '10 3'],
    ['then the old one gives way', 10, { maxSurge: 3, maxUnavailable: 2 }, '10 3/0', '8 3'],
    ['then the new one takes the room', 10, { maxSurge: 3, maxUnavailable: 2 }, '8 3/0', '8 5'],
    ['all wait while the new ones do not serve', 10, { maxSurge: 3, maxUnavailable: 2 }, '8 5/0', '8 5'],
    ['nor for old ones that a node took', 10, { maxSurge: 3, maxUnavailable: 2 }, '8/7 5/0', '8 5'],
    ['unhealthy old ones go first, after going back', 10, { maxSurge: 3, maxUnavailable: 2 }, '5/0 8/7', '1 8'],
    ['a third template: there is no room yet for its pods', 10, { maxSurge: 3, maxUnavailable: 2 }, '8 5/0 0', '8 0 0'],
    ['nothing may be missing', 2, { maxSurge: 1, maxUnavailable: 0 }, '2 1/0', '2 1'],
    ['nothing may be missing, and one serves', 2, { maxSurge: 1, maxUnavailable: 0 }, '2 1', '1 1'],
    ['no surge: first some must go', 4, { maxSurge: 0, maxUnavailable: 1 }, '4 0', '3 0'],
    ['the oldest of several first', 4, { maxSurge: 0, maxUnavailable: 1 }, '2 2 0', '1 2 0'],
    ['a new one that is too big', 3, {}, '0 5', '0 3'],
    ['done', 3, {}, '0 3', '0 3'],
  ]
  for (const [what, wanted, rolling, sizes, expected] of cases) {
    it(what, () => {
      const sets = setsOf(sizes)
      assert.equal(after(sets, planRolling(deploymentOf(wanted, rolling), sets.at(-1)!, sets.slice(0, -1))), expected)
    })
  }
})

describe('planScale shares out what is added or taken away', () => {
  type Case = [
    what: string,
    from: number,
    to: number,
    rolling: Limits | 'Recreate',
    sizes: string,
    expected: string,
    noted?: { desired?: number; max?: number },
  ]
  const still: Limits = { maxSurge: 0, maxUnavailable: 1 }
  const cases: Case[] = [
    ['one set alone', 10, 12, still, '0 10', '0 12'],
    ['one set alone, smaller', 10, 5, still, '0 10', '0 5'],
    ['an old one alone', 10, 12, still, '10 0', '12 0'],
    ['none at all: the new one', 0, 3, still, '0 0', '0 3'],
    ['in proportion', 5, 10, still, '3 2', '6 4'],
    ['in proportion, smaller', 5, 3, still, '3 2', '2 1'],
    ['the small one vanishes', 9, 4, still, '1 8', '0 4'],
    ['of three', 7, 10, still, '2 3 2', '3 4 3'],
    ['of three, smaller', 13, 8, still, '3 8 2', '2 5 1'],
    ['what is left over goes to the newest of equals', 3, 4, still, '1 1 1', '1 1 2'],
    ['to nothing', 10, 0, still, '6 4', '0 0'],
    ['with a surge', 10, 20, { maxSurge: 2 }, '7 5', '13 9', { desired: 10, max: 12 }],
    ['nothing noted: by the pods that are there', 5, 10, still, '3 2', '6 4', {}],
    ['new ones serve alone: the others go', 3, 3, still, '2 3', '0 3', { desired: 3, max: 3 }],
    ['but only where they were meant to', 4, 3, still, '2 3', '2 1'],
    ['no sharing when all are to go first', 5, 10, 'Recreate', '3 2', '3 2'],
  ]
  for (const [what, from, to, rolling, sizes, expected, noted = { desired: from, max: from }] of cases) {
    it(`${what}: ${sizes} to ${expected}`, () => {
      const sets = setsOf(sizes, noted)
      const deployment = deploymentOf(to, rolling, from)
      assert.equal(after(sets, planScale(deployment, sets.at(-1)!, sets.slice(0, -1))), expected)
    })
  }
  it('nothing noted and no pods: what is added goes to the biggest', () => {
    const sets = setsOf('3/0 2/0', {})
    assert.equal(after(sets, planScale(deploymentOf(10, still, 0), sets[1]!, [sets[0]!])), '8 2')
  })
})
