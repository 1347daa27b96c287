import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EventKind, type Kind, PodKind, ReplicationControllerKind } from '@canopus/api'
import type { DeleteOptions, KubeObject } from '@canopus/apimachinery'
import { planDeletion } from './deletion-plan.ts'

const NOW = Date.parse('2026-11-29T12:00:00.500Z')
const at = (seconds: number): string =>
  new Date(Math.floor(NOW / 1000) * 1000 + seconds * 1000).toISOString().replace('.000', '')

const podOf = (metadata: object, more: object = {}): KubeObject =>
  ({
    metadata: { name: 'p', uid: 'u', generation: 1, ...metadata },
    spec: { nodeName: 'n1', terminationGracePeriodSeconds: 30 },
    ...more,
  }) as unknown as KubeObject

const unbound = { spec: { terminationGracePeriodSeconds: 30 } }
const ended = { status: { phase: 'Failed' } }
const going = { deletionTimestamp: at(20), deletionGracePeriodSeconds: 30 }
const late = { deletionTimestamp: at(-5), deletionGracePeriodSeconds: 30 }

interface Outcome {
  /** `wait`: marked, and still there. */
  readonly step: 'none' | 'remove' | 'mark and remove' | 'wait'
  readonly until?: string
  readonly grace?: number
  readonly finalizers?: readonly string[]
  readonly generation?: number
  /** What admission hears, where it is not what the client said. */
  readonly told?: number
}

function outcome(kind: Kind, object: KubeObject, options: DeleteOptions): Outcome {
  const plan = planDeletion(kind.strategy, object, options, NOW)
  if (plan.step === 'none') return { step: 'none' }
  const told = plan.options.gracePeriodSeconds
  const heard = told === options.gracePeriodSeconds || told === undefined ? {} : { told }
  if (plan.step === 'remove') return { step: 'remove', ...heard }
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers, generation } = plan.object.metadata
  return {
    step: plan.removes ? 'mark and remove' : 'wait',
    until: deletionTimestamp!,
    grace: deletionGracePeriodSeconds!,
    ...(finalizers === undefined ? {} : { finalizers }),
    ...(generation === 1 || generation === undefined ? {} : { generation }),
    ...heard,
  }
}

describe('deletion of pods', () => {
  const table: readonly [name: string, pod: KubeObject, options: DeleteOptions, Outcome][] = [
    ['by default', podOf({}), {}, { step: 'wait', until: at(30), grace: 30, generation: 2, told: 30 }],
    ['with a period', podOf({}), { gracePeriodSeconds: 5 }, { step: 'wait', until: at(5), grace: 5, generation: 2 }],
    [
      'by force',
      podOf({}),
      { gracePeriodSeconds: 0 },
      { step: 'mark and remove', until: at(0), grace: 0, generation: 2 },
    ],
    [
      'with a negative period',
      podOf({}),
      { gracePeriodSeconds: -7 },
      { step: 'wait', until: at(1), grace: 1, generation: 2, told: 1 },
    ],
    [
      'without a node',
      podOf({}, unbound),
      { gracePeriodSeconds: 60 },
      { step: 'mark and remove', until: at(0), grace: 0, generation: 2, told: 0 },
    ],
    ['ended', podOf({}, ended), {}, { step: 'mark and remove', until: at(0), grace: 0, generation: 2, told: 0 }],
    [
      'ended, held by a finalizer',
      podOf({ finalizers: ['x/y'] }, ended),
      {},
      { step: 'wait', until: at(0), grace: 0, finalizers: ['x/y'], generation: 2, told: 0 },
    ],
    [
      'in the foreground by force',
      podOf({}),
      { gracePeriodSeconds: 0, propagationPolicy: 'Foreground' },
      { step: 'wait', until: at(0), grace: 0, finalizers: ['foregroundDeletion'], generation: 2 },
    ],
    ['going already', podOf(going), {}, { step: 'none' }],
    ['going already, with as long', podOf(going), { gracePeriodSeconds: 30 }, { step: 'none' }],
    ['going already, another policy', podOf(going), { propagationPolicy: 'Orphan' }, { step: 'none' }],
    ['shortened', podOf(going), { gracePeriodSeconds: 15 }, { step: 'wait', until: at(5), grace: 15 }],
    [
      'shortened below what has passed',
      podOf(going),
      { gracePeriodSeconds: 5 },
      { step: 'wait', until: at(0), grace: 1 },
    ],
    ['shortened after its time', podOf(late), { gracePeriodSeconds: 29 }, { step: 'wait', until: at(0), grace: 1 }],
    [
      'confirmed by the kubelet',
      podOf(going),
      { gracePeriodSeconds: 0 },
      { step: 'mark and remove', until: at(0), grace: 0 },
    ],
    [
      'confirmed, held by a finalizer',
      podOf({ ...going, finalizers: ['x/y'] }),
      { gracePeriodSeconds: 0 },
      { step: 'wait', until: at(0), grace: 0, finalizers: ['x/y'] },
    ],
    ['without time left', podOf({ deletionTimestamp: at(-9), deletionGracePeriodSeconds: 0 }), {}, { step: 'remove' }],
    [
      'without time left, held by a finalizer',
      podOf({ deletionTimestamp: at(-9), deletionGracePeriodSeconds: 0, finalizers: ['x/y'] }),
      {},
      { step: 'wait', until: at(-9), grace: 0, finalizers: ['x/y'] },
    ],
  ]
  for (const [name, pod, options, expected] of table) {
    it(name, () => assert.deepEqual(outcome(PodKind as Kind, pod, options), expected))
  }
})

describe('deletion of what goes at once', () => {
  const thing = (metadata: object = {}): KubeObject =>
    ({ metadata: { name: 'c', uid: 'u', ...metadata } }) as KubeObject
  const controllers = ReplicationControllerKind as Kind
  const orphan: Outcome = { step: 'wait', until: at(0), grace: 0, finalizers: ['orphan'] }
  const foreground: Outcome = { ...orphan, finalizers: ['foregroundDeletion'] }
  const table: readonly [name: string, kind: Kind, object: KubeObject, options: DeleteOptions, Outcome][] = [
    ['dependents are orphaned by default', controllers, thing(), {}, orphan],
    ['or not', controllers, thing(), { propagationPolicy: 'Background' }, { step: 'remove' }],
    ['or not, the old way', controllers, thing(), { orphanDependents: false }, { step: 'remove' }],
    ['the finalizer that is there counts', controllers, thing({ finalizers: ['foregroundDeletion'] }), {}, foreground],
    [
      'unless the client says otherwise',
      controllers,
      thing({ finalizers: ['orphan', 'a/b'] }),
      { propagationPolicy: 'Foreground' },
      { ...orphan, finalizers: ['a/b', 'foregroundDeletion'] },
    ],
    [
      'finalizers that stay keep their order',
      controllers,
      thing({ finalizers: ['orphan', 'a/b'] }),
      {},
      { ...orphan, finalizers: ['orphan', 'a/b'] },
    ],
    ['events have no dependents', EventKind as Kind, thing(), { propagationPolicy: 'Foreground' }, { step: 'remove' }],
    [
      'generations count the mark',
      controllers,
      thing({ generation: 4, finalizers: ['a/b'] }),
      { propagationPolicy: 'Background' },
      { ...orphan, finalizers: ['a/b'], generation: 5 },
    ],
    [
      'the time is never in the future',
      controllers,
      thing({ finalizers: ['a/b'], deletionTimestamp: at(90) }),
      { propagationPolicy: 'Background', gracePeriodSeconds: 300 },
      { ...orphan, finalizers: ['a/b'] },
    ],
  ]
  for (const [name, kind, object, options, expected] of table) {
    it(name, () => assert.deepEqual(outcome(kind, object, options), expected))
  }

  it('what is marked already is not written again', () => {
    const marked = thing({ finalizers: ['a/b'], deletionTimestamp: at(-3), deletionGracePeriodSeconds: 0 })
    const plan = planDeletion({}, marked, {}, NOW)
    assert.equal(plan.step === 'mark' && plan.object, marked)
  })
})
