import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DaemonSet } from '@canopus/api/apps/v1'
import type { Node, Pod } from '@canopus/api/core/v1'
import { type DaemonSetState, planPlacement, planUpdate, statusOf } from './plan.ts'

const NOW = Date.UTC(2026, 0, 1)
const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString()

/** `name`, behind it taints: `!NoSchedule` or `!NoExecute`. */
const nodeOf = (text: string): Node => {
  const [name, effect] = text.split('!')
  return { metadata: { name }, spec: effect ? { taints: [{ key: 'k', effect }] } : {} } as Node
}

interface Facts {
  on: string
  old?: boolean
  /** Default: runs and serves. */
  is?: 'up' | 'starting' | 'Failed' | 'Succeeded'
  going?: boolean
  /** Pinned to the node, not yet bound. */
  unbound?: boolean
  age?: number
}
const podOf = (name: string, { on, old, is = 'up', going, unbound, age = 60 }: Facts): Pod => {
  const phase = is === 'up' ? 'Running' : is === 'starting' ? 'Pending' : is
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [on] }]
  const affinity = {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] } },
  }
  return {
    metadata: {
      name,
      uid: name,
      creationTimestamp: at(-age),
      labels: { 'controller-revision-hash': old ? 'v1' : 'v2' },
      ...(going ? { deletionTimestamp: at(-1) } : {}),
    },
    spec: { containers: [], ...(unbound ? { affinity } : { nodeName: on }) },
    status: {
      phase,
      conditions: is === 'up' ? [{ type: 'Ready', status: 'True', lastTransitionTime: at(-age) }] : [],
    },
  } as unknown as Pod
}

const stateOf = (nodes: string[], pods: Record<string, Facts>, rolling: object, spec: object = {}): DaemonSetState => ({
  set: {
    metadata: { name: 'agent', uid: 'd' },
    spec: {
      template: { spec: { containers: [] } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: rolling },
      ...spec,
    },
  } as unknown as DaemonSet,
  nodes: nodes.map(nodeOf),
  pods: Object.entries(pods).map(([name, facts]) => podOf(name, facts)),
  hash: 'v2',
  now: NOW,
})
const namesOf = (pods: readonly Pod[]): string[] => pods.map(each => each.metadata.name).sort()

const REPLACE = { maxUnavailable: 1, maxSurge: 0 }
const SURGE = { maxUnavailable: 0, maxSurge: 1 }

type Case = [
  what: string,
  nodes: string[],
  pods: Record<string, Facts>,
  rolling: object,
  expected: { create?: string[]; delete?: string[]; ended?: string[] },
]

describe('planPlacement', () => {
  const cases: Case[] = [
    ['a pod for every node', ['a', 'b'], { x: { on: 'a' } }, REPLACE, { create: ['b'] }],
    ['not where it may not run', ['a!NoSchedule', 'b!NoExecute'], {}, REPLACE, {}],
    ['it stays where only new ones may not come', ['a!NoSchedule'], { x: { on: 'a' } }, REPLACE, {}],
    ['it leaves where it may not stay', ['a!NoExecute'], { x: { on: 'a' } }, REPLACE, { delete: ['x'] }],
    [
      'one on a wrong node goes at once, though it failed',
      ['a!NoExecute'],
      { x: { on: 'a', is: 'Failed' } },
      REPLACE,
      { delete: ['x'] },
    ],
    ['the oldest of two', ['a'], { x: { on: 'a', age: 5 }, y: { on: 'a', age: 9 } }, REPLACE, { delete: ['x'] }],
    [
      'the one that is bound before an older one',
      ['a'],
      { x: { on: 'a', age: 5 }, y: { on: 'a', age: 9, unbound: true } },
      REPLACE,
      { delete: ['y'] },
    ],
    [
      'a failed one goes before the next one comes',
      ['a'],
      { x: { on: 'a', is: 'Failed' } },
      REPLACE,
      { delete: ['x'], ended: ['x'] },
    ],
    [
      'one that has ended well too',
      ['a'],
      { x: { on: 'a', is: 'Succeeded' } },
      REPLACE,
      { delete: ['x'], ended: ['x'] },
    ],
    ['one on its way out is waited for', ['a'], { x: { on: 'a', going: true } }, REPLACE, {}],
    [
      'but not for one that has ended',
      ['a'],
      { x: { on: 'a', going: true, is: 'Failed' } },
      REPLACE,
      { create: ['a'] },
    ],
    ['nor while surging', ['a'], { x: { on: 'a', going: true } }, SURGE, { create: ['a'] }],
    [
      'of a node that is gone, what is not bound',
      [],
      { x: { on: 'a' }, y: { on: 'b', unbound: true } },
      REPLACE,
      { delete: ['y'] },
    ],
    [
      'surging: both while the new one comes up',
      ['a'],
      { x: { on: 'a', is: 'starting' }, y: { on: 'a', old: true } },
      SURGE,
      {},
    ],
    [
      'surging: the old one goes for the new one',
      ['a'],
      { x: { on: 'a' }, y: { on: 'a', old: true } },
      SURGE,
      { delete: ['y'] },
    ],
    [
      'surging: the old one goes when it does not serve',
      ['a'],
      { x: { on: 'a', is: 'starting' }, y: { on: 'a', old: true, is: 'starting' } },
      SURGE,
      { delete: ['y'] },
    ],
    ['surging: one of each', ['a'], { x: { on: 'a', age: 5 }, y: { on: 'a', age: 9 } }, SURGE, { delete: ['x'] }],
  ]
  for (const [what, nodes, pods, rolling, expected] of cases) {
    it(what, () => {
      const plan = planPlacement(stateOf(nodes, pods, rolling))
      const found = { create: plan.create, delete: namesOf(plan.delete), ended: namesOf(plan.ended) }
      assert.deepEqual(found, { create: [], delete: [], ended: [], ...expected })
    })
  }
})

describe('planUpdate', () => {
  const cases: Case[] = [
    ['nothing to do', ['a', 'b'], { x: { on: 'a' }, y: { on: 'b' } }, REPLACE, {}],
    ['one at a time', ['a', 'b'], { x: { on: 'a', old: true }, y: { on: 'b', old: true } }, REPLACE, { delete: ['x'] }],
    [
      'half of them',
      ['a', 'b', 'c', 'd'],
      Object.fromEntries(['a', 'b', 'c', 'd'].map(on => [on, { on, old: true }])),
      { maxUnavailable: '50%' },
      { delete: ['a', 'b'] },
    ],
    [
      'not while a new one does not serve',
      ['a', 'b'],
      { x: { on: 'a', is: 'starting' }, y: { on: 'b', old: true } },
      REPLACE,
      {},
    ],
    ['not while one is missing', ['a', 'b'], { y: { on: 'b', old: true } }, REPLACE, {}],
    [
      'not while one is on its way out',
      ['a', 'b'],
      { x: { on: 'a', old: true, going: true }, y: { on: 'b', old: true } },
      REPLACE,
      {},
    ],
    [
      'not while a node has an old and a new one',
      ['a', 'b'],
      { x: { on: 'a' }, z: { on: 'a', old: true }, y: { on: 'b', old: true } },
      REPLACE,
      {},
    ],
    [
      'what does not serve goes besides',
      ['a', 'b'],
      { x: { on: 'a', old: true, is: 'starting' }, y: { on: 'b', old: true } },
      REPLACE,
      { delete: ['x'] },
    ],
    [
      'also where no new one may come',
      ['a!NoSchedule', 'b'],
      { x: { on: 'a', old: true }, y: { on: 'b' } },
      REPLACE,
      { delete: ['x'] },
    ],
    [
      'neither is allowed: one all the same',
      ['a', 'b'],
      { x: { on: 'a', old: true }, y: { on: 'b', old: true } },
      { maxUnavailable: 0, maxSurge: 0 },
      { delete: ['x'] },
    ],
    [
      'surging: one more',
      ['a', 'b'],
      { x: { on: 'a', old: true }, y: { on: 'b', old: true } },
      SURGE,
      { create: ['a'] },
    ],
    [
      'surging: no more than so many',
      ['a', 'b'],
      { x: { on: 'a', old: true }, z: { on: 'a', is: 'starting' }, y: { on: 'b', old: true } },
      SURGE,
      {},
    ],
    [
      'surging: besides, where nobody is served',
      ['a', 'b'],
      { x: { on: 'a', old: true, is: 'starting' }, y: { on: 'b', old: true } },
      SURGE,
      { create: ['a', 'b'] },
    ],
    [
      'surging: the old one goes for the new one',
      ['a'],
      { x: { on: 'a', old: true }, z: { on: 'a' } },
      SURGE,
      { delete: ['x'] },
    ],
    [
      'surging: where none may come the old one stays while it is needed',
      ['a!NoSchedule', 'b'],
      { x: { on: 'a', old: true }, y: { on: 'b', is: 'starting' } },
      SURGE,
      {},
    ],
    [
      'surging: and goes when others serve',
      ['a!NoSchedule', 'b'],
      { x: { on: 'a', old: true }, y: { on: 'b' } },
      SURGE,
      { delete: ['x'] },
    ],
    [
      'surging: and goes when it does not serve itself',
      ['a!NoSchedule', 'b'],
      { x: { on: 'a', old: true, is: 'starting' }, y: { on: 'b', is: 'starting' } },
      SURGE,
      { delete: ['x'] },
    ],
  ]
  for (const [what, nodes, pods, rolling, expected] of cases) {
    it(what, () => {
      const plan = planUpdate(stateOf(nodes, pods, rolling))
      assert.deepEqual({ create: plan.create, delete: namesOf(plan.delete) }, { create: [], delete: [], ...expected })
    })
  }
})

describe('statusOf', () => {
  type Counts = [
    current: number,
    desired: number,
    misscheduled: number,
    ready: number,
    updated: number,
    available: number,
  ]
  const cases: [what: string, nodes: string[], pods: Record<string, Facts>, spec: object, counts: Counts][] = [
    ['all is well', ['a', 'b'], { x: { on: 'a' }, y: { on: 'b' } }, {}, [2, 2, 0, 2, 2, 2]],
    ['one is missing, one is old', ['a', 'b'], { x: { on: 'a', old: true } }, {}, [1, 2, 0, 1, 0, 1]],
    ['one is where none may come', ['a!NoSchedule', 'b'], { x: { on: 'a' } }, {}, [0, 1, 1, 0, 0, 0]],
    ['ready, but not for long enough', ['a'], { x: { on: 'a', age: 5 } }, { minReadySeconds: 10 }, [1, 1, 0, 1, 1, 0]],
    [
      'the older of two speaks for the node',
      ['a'],
      { x: { on: 'a', age: 5 }, y: { on: 'a', age: 9, old: true } },
      {},
      [1, 1, 0, 1, 0, 1],
    ],
  ]
  for (const [what, nodes, pods, spec, counts] of cases) {
    it(what, () => {
      const status = statusOf(stateOf(nodes, pods, REPLACE, spec), undefined)
      const { currentNumberScheduled, desiredNumberScheduled, numberMisscheduled, numberReady } = status
      assert.deepEqual(
        [
          currentNumberScheduled,
          desiredNumberScheduled,
          numberMisscheduled,
          numberReady,
          status.updatedNumberScheduled,
          status.numberAvailable,
        ],
        counts,
      )
      assert.equal(status.numberUnavailable, desiredNumberScheduled - status.numberAvailable!)
    })
  }
})
