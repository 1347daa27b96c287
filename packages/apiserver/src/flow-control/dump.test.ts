import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { requestInfo } from '../filters/request-info.ts'
import type { User } from '../security.ts'
import { MANDATORY_LEVELS, MANDATORY_SCHEMAS, SUGGESTED_LEVELS, SUGGESTED_SCHEMAS } from './defaults.ts'
import { dumpFlowControl } from './dump.ts'
import { FlowControl, type Ticket } from './flow-control.ts'

const PREFIX = '/debug/api_priority_and_fairness/'
const get = requestInfo('GET', '/api/v1/namespaces/a/pods/p', '')
const user = (name: string, ...groups: string[]): User => ({ name, groups: [...groups, 'system:authenticated'] })

function begin() {
  const clock = new SimulatedClock()
  const facts = { stored: () => undefined, watchers: () => 0 }
  const control = new FlowControl({ clock, seats: 24, waitLimit: 15_000, facts, nextTurn: () => {} })
  control.configure([...MANDATORY_LEVELS, ...SUGGESTED_LEVELS], [...MANDATORY_SCHEMAS, ...SUGGESTED_SCHEMAS])
  const lines = (name: string, query = ''): string[][] =>
    (dumpFlowControl(control, `${PREFIX}${name}`, query, clock) ?? '')
      .trimEnd()
      .split('\n')
      .map(line => line.split(/, */))
  return { clock, control, lines, admit: (who: User) => control.admit(who, get, 60_000, clock.monotonic()) }
}

describe('tables of flow control', () => {
  it('show each level', () => {
    const { admit, lines } = begin()
    admit(user('admin', 'system:masters'))
    const [head = [], ...rows] = lines('dump_priority_levels')
    assert.equal(head.length, 10)
    const names = rows.map(([name]) => name)
    assert.deepEqual(names, [...names].sort())
    assert.deepEqual(
      rows.find(([name]) => name === 'exempt'),
      ['exempt', '0', 'false', 'false', '0', '1', '1', '0', '0', '0'],
    )
  })

  it('show each queue, with the columns of all lines under one another', () => {
    const { clock, control } = begin()
    const text = dumpFlowControl(control, `${PREFIX}dump_queues`, '', clock)!
    const [head = '', ...lines] = text.trimEnd().split('\n')
    assert.match(lines[0]!, /^global-default, {4}0, {6}0, {15}.* 0\.00000000ss, +0, +0, +0\.00000000ss$/)
    for (const line of lines) assert.equal(line.indexOf('0.00000000ss'), head.indexOf('NextDispatchR'))
  })

  it('show who waits and who is served, until that is over', async () => {
    const { clock, control, admit, lines } = begin()
    const served: Ticket[] = []
    let next = admit(user('one'))
    for (; !(next instanceof Promise); next = admit(user('one'))) served.push(next)
    const rows = (): string[][] =>
      lines('dump_requests', 'includeRequestDetails=1')
        .slice(1)
        .sort((one, other) => Number(one[3]) - Number(other[3]))
    assert.deepEqual(
      rows().map(row => [row[0], row[1], row[3], row[4], row[9], row[10], row[11], row[12], row[15], row[16]]),
      [...served.map(() => ['-1', new Date(clock.now()).toISOString()]), ['0', '0001-01-01T00:00:00Z']].map(
        ([index, started]) => [
          'global-default',
          'global-default',
          index,
          'one',
          started,
          'one',
          'get',
          '/api/v1/namespaces/a/pods/p',
          'v1',
          'pods',
        ],
      ),
    )
    for (const each of served) control.finish(each, clock.monotonic())
    assert.deepEqual(
      rows().map(row => row[3]),
      ['0'],
    )
    void clock.advance(15_000)
    await assert.rejects(next)
    assert.deepEqual(rows(), [])
  })

  it('are at no other path', () => {
    const { clock, control } = begin()
    for (const path of [`${PREFIX}dump_x`, '/debug/pprof/']) {
      assert.equal(dumpFlowControl(control, path, '', clock), undefined)
    }
  })
})
