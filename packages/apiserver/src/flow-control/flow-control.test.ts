import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { requestInfo } from '../filters/request-info.ts'
import type { User } from '../security.ts'
import type { SchemaObject } from './configuration.ts'
import { MANDATORY_LEVELS, MANDATORY_SCHEMAS, SUGGESTED_LEVELS, SUGGESTED_SCHEMAS } from './defaults.ts'
import { FlowControl, type Ticket, TooManyRequests } from './flow-control.ts'
import type { Level, LevelObject } from './level.ts'

const LEVELS = [...MANDATORY_LEVELS, ...SUGGESTED_LEVELS]
const SCHEMAS = [...MANDATORY_SCHEMAS, ...SUGGESTED_SCHEMAS]
const user = (name: string, ...groups: string[]): User => ({ name, groups: [...groups, 'system:authenticated'] })
const get = requestInfo('GET', '/api/v1/namespaces/a/pods/p', '')
const list = requestInfo('GET', '/api/v1/namespaces/a/pods', '')

let clock: SimulatedClock
let turns: (() => void)[]
let control: FlowControl

beforeEach(() => {
  clock = new SimulatedClock()
  turns = []
  control = make(600)
})

function make(seats: number): FlowControl {
  const made = new FlowControl({
    clock,
    seats,
    waitLimit: 15_000,
    facts: { stored: () => ({ count: 5000, bytes: 5000 * 4500 }), watchers: () => 0 },
    nextTurn: work => turns.push(work),
  })
  made.configure(LEVELS, SCHEMAS)
  return made
}

const level = (name: string): Level => [...control.levels].find(each => each.name === name)!
const admit = (who: User, info = get): Ticket | Promise<Ticket> => control.admit(who, info, 60_000, clock.monotonic())

const schemaOf = (level: string, name: string): SchemaObject => ({
  metadata: { name: level },
  spec: {
    matchingPrecedence: 1000,
    priorityLevelConfiguration: { name: level },
    rules: [
      {
        subjects: [{ kind: 'User', user: { name } }],
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true }],
      },
    ],
  },
})

/** A level with one seat. */
const limited = (name: string): LevelObject => ({
  metadata: { name },
  spec: {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares: 1,
      borrowingLimitPercent: 0,
      limitResponse: { type: 'Queue', queuing: { queues: 8, handSize: 1, queueLengthLimit: 50 } },
    },
  },
})

/** Runs turns of the event loop until none is left. */
async function turn(): Promise<void> {
  for (let work = turns.shift(); work !== undefined; work = turns.shift()) {
    work()
    await Promise.resolve()
    await Promise.resolve()
  }
}

describe('levels', () => {
  // 600 seats over 245 shares, rounded up: upstream's figures with its default flags.
  const rows: readonly [string, number, number][] = [
    ['system', 74, 50],
    ['node-high', 98, 73],
    ['leader-election', 25, 25],
    ['workload-high', 98, 49],
    ['workload-low', 245, 24],
    ['global-default', 49, 24],
    ['catch-all', 13, 13],
    ['exempt', 0, 0],
  ]
  for (const [name, nominal, least] of rows) {
    it(`${name} has ${nominal} seats, of which ${nominal - least} may be lent`, () => {
      assert.deepEqual([level(name).nominal, level(name).least], [nominal, least])
    })
  }

  it('allow one request a part of their seats', () => {
    assert.deepEqual(
      ['workload-low', 'global-default', 'catch-all'].map(name => level(name).mostSeats),
      [37, 8, 0],
    )
  })

  it('lend what they do not use to those who ask for more', async () => {
    control.start()
    const before = level('global-default').current
    const waiting = Array.from({ length: 200 }, () => admit(user('alice')))
    await clock.advance(10_001)
    const after = level('global-default').current
    assert.ok(after > before && after > 49, `${before} seats became ${after}`)
    assert.ok(level('workload-low').current < 245)
    assert.equal(waiting.filter(each => each instanceof Promise).length > 0, true)
    control.stop()
  })

  it('that are gone stay until they are idle', () => {
    const ticket = admit(user('alice')) as Ticket
    control.configure(
      LEVELS.filter(each => each.metadata.name !== 'global-default'),
      SCHEMAS,
    )
    assert.equal(control.hasLevel('global-default'), false)
    assert.ok(level('global-default').quiescing)
    assert.equal((admit(user('alice')) as Ticket).flow.level.name, 'catch-all')
    control.finish(ticket, clock.monotonic())
    void turn()
    control.configure(
      LEVELS.filter(each => each.metadata.name !== 'global-default'),
      SCHEMAS,
    )
    assert.equal(level('global-default'), undefined)
  })

  it('are there without any object', () => {
    control.configure([], [])
    assert.deepEqual([...control.levels].map(({ name }) => name).sort(), ['catch-all', 'exempt'])
    assert.equal((admit(user('alice')) as Ticket).flow.schema, 'catch-all')
    assert.equal((admit(user('root', 'system:masters')) as Ticket).flow.schema, 'exempt')
  })
})

describe('requests', () => {
  it('are told by the uids of schema and level', () => {
    const uid = (kind: string) => (each: { metadata: { name?: string } }) =>
      ({ ...each, metadata: { ...each.metadata, uid: `${kind}-${each.metadata.name}` } }) as never
    control.configure(LEVELS.map(uid('level')), SCHEMAS.map(uid('schema')))
    assert.deepEqual((admit(user('alice')) as Ticket).flow.headers, {
      'x-kubernetes-pf-flowschema-uid': 'schema-global-default',
      'x-kubernetes-pf-prioritylevel-uid': 'level-global-default',
    })
  })

  it('are turned away when their queues are full', () => {
    control = make(25) // two or three seats for everybody
    let refused: unknown
    let admitted = 0
    try {
      for (; admitted < 1000; admitted++) void admit(user('alice'))
    } catch (error) {
      refused = error
    }
    assert.ok(refused instanceof TooManyRequests)
    assert.equal(refused.retryAfter, 1)
    // Six queues of fifty, and those that have a seat.
    assert.equal(admitted, 300 + level('global-default').queues.executing)
    assert.ok(admit(user('bob')) instanceof Promise, 'another one still finds a place')
  })

  it('are turned away after a quarter of their time', async () => {
    control = make(25)
    const first = Array.from({ length: level('global-default').current }, () => admit(user('alice')) as Ticket)
    const waits = control.admit(user('alice'), get, 8000, clock.monotonic()) as Promise<Ticket>
    const outcomes: unknown[] = []
    waits.catch(error => outcomes.push(error))
    await clock.advance(1999)
    assert.equal(outcomes.length, 0)
    await clock.advance(1)
    assert.ok(outcomes[0] instanceof TooManyRequests)
    for (const ticket of first) control.finish(ticket, clock.monotonic())
    await turn()
    assert.ok(level('global-default').queues.idle)
    assert.deepEqual(
      [...[...control.figures].find(({ schema }) => schema === 'global-default')!.rejected],
      [['time-out', 1]],
    )
  })

  it('whose client has gone make room for the next', async () => {
    control = make(25)
    const seats = level('global-default').current
    const first = Array.from({ length: seats }, () => admit(user('alice')) as Ticket)
    void control.admit(user('alice'), get, 60_000, clock.monotonic(), { gone: () => true })
    const next = control.admit(user('bob'), get, 60_000, clock.monotonic()) as Promise<Ticket>
    control.finish(first[0]!, clock.monotonic())
    control.finish(first[1]!, clock.monotonic())
    await turn()
    await next
    assert.equal(level('global-default').queues.executing, seats - 1)
  })

  it('that are done within a turn of the event loop hold their seats to its end', async () => {
    control = make(1)
    control.configure(
      [...LEVELS, limited('loud'), limited('low')],
      [...SCHEMAS, schemaOf('loud', 'elephant'), schemaOf('low', 'mouse')],
    )
    const served = { elephant: 0, mouse: 0 }
    const done = (name: keyof typeof served, ticket: Ticket): void => {
      served[name]++
      control.finish(ticket, clock.monotonic())
    }
    const ask = (name: keyof typeof served): void => {
      const ticket = admit(user(name))
      if (ticket instanceof Promise) void ticket.then(each => done(name, each))
      else done(name, ticket)
    }
    for (let n = 0; n < 20; n++) ask('elephant')
    for (let n = 0; n < 3; n++) ask('mouse')
    assert.deepEqual(served, { elephant: 1, mouse: 1 })
    turns.shift()!()
    await Promise.resolve()
    assert.deepEqual(served, { elephant: 2, mouse: 2 }, 'each level has one seat')
    await turn()
    assert.deepEqual(served, { elephant: 20, mouse: 3 })
  })

  it('are not turned away where one of the same client has just been answered', async () => {
    control = make(1)
    control.configure([...LEVELS, limited('loud')], [...SCHEMAS, schemaOf('loud', 'elephant')])
    const first = admit(user('elephant')) as Ticket
    const waiting = Array.from({ length: 50 }, () => admit(user('elephant')) as Promise<Ticket>)
    assert.throws(() => admit(user('elephant')), TooManyRequests)
    control.finish(first, clock.monotonic())
    const again = admit(user('elephant')) as Promise<Ticket>
    assert.throws(() => admit(user('elephant')), TooManyRequests, 'one place for one answer')
    await turn()
    assert.equal(level('loud').queues.waiting, 50)
    assert.throws(() => admit(user('elephant')), TooManyRequests)
    for (const each of [...waiting, again]) {
      control.finish(await each, clock.monotonic())
      await turn()
    }
    assert.ok(level('loud').queues.idle)
  })

  it('that are wide begin one in a turn of the event loop', async () => {
    const begun: string[] = []
    const start = (name: string, who: User): void => {
      const ticket = admit(who, list)
      if (ticket instanceof Promise) void ticket.then(() => begun.push(name))
      else begun.push(name)
    }
    for (let n = 0; n < 3; n++) start(`root-${n}`, user('root', 'system:masters'))
    start('alice', user('alice'))
    assert.deepEqual(begun, ['root-0'])
    await turn()
    assert.deepEqual(begun, ['root-0', 'root-1', 'alice', 'root-2'], 'levels take turns')
  })
})
