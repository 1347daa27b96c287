import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { linearize, type Operation, type State } from './linearizability.ts'

const write = (value: string, called: number, answered: number): Operation => ({
  what: `write ${value}`,
  called,
  answered,
  effect: () => value,
})
const read = (found: State, called: number, answered: number): Operation => ({
  what: `read ${found}`,
  called,
  answered,
  effect: state => (state === found ? state : false),
})
const NEVER = Number.POSITIVE_INFINITY

describe('linearize', () => {
  const cases: [string, Operation[], boolean][] = [
    ['a read after a write', [write('a', 0, 1), read('a', 2, 3)], true],
    ['a stale read', [write('a', 0, 1), write('b', 2, 3), read('a', 4, 5)], false],
    ['a read beside a write, before', [write('a', 0, 9), read(undefined, 1, 2)], true],
    ['a read beside a write, after', [write('a', 0, 9), read('a', 1, 2)], true],
    ['reads that go back in time', [write('a', 0, 9), read('a', 1, 2), read(undefined, 3, 4)], false],
    [
      'two readers that see writes in two orders',
      [write('a', 0, 9), write('b', 0, 9), read('a', 10, 11), read('b', 12, 13)],
      false,
    ],
    ['a write without an answer that took effect', [write('a', 0, NEVER), read('a', 5, 6)], true],
    ['one that did not', [write('a', 0, NEVER), read(undefined, 5, 6)], true],
    ['one that did, and went away again', [write('a', 0, NEVER), read('a', 5, 6), read(undefined, 7, 8)], false],
    ['a lost write', [write('a', 0, 1), read(undefined, 2, 3)], false],
  ]
  for (const [name, operations, expected] of cases) {
    test(`${name}: ${expected}`, () => assert.equal(linearize(operations) !== undefined, expected))
  }
})
