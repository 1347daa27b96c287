import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CustomResourceDefinition } from '@canopus/api/apiextensions/v1'
import type { StorageVersionMigration } from '@canopus/api/storagemigration/v1beta1'
import { conflictError, invalidError, notFoundError, type ResourceType, StatusError } from '@canopus/apimachinery'
import { definitionFinished, inState, isDue, needsVersion, outcome, stopped, turnOf, unfitness } from './plan.ts'

const NOW = '2026-01-01T00:00:00Z'

/** `states`: types of conditions that are true, `-` before those that are false. */
function migration(
  name: string,
  states: readonly string[] = [],
  more: object = {},
  second = 0,
): StorageVersionMigration {
  const conditions = states.map(word => ({
    type: word.replace('-', ''),
    status: word.startsWith('-') ? 'False' : 'True',
    reason: 'R',
    message: '',
    lastTransitionTime: NOW,
  }))
  return {
    metadata: {
      name,
      uid: name,
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: `2026-01-01T00:00:0${second}Z`,
    },
    spec: { resource: { group: 'g', resource: 'r' } },
    status: { conditions, ...more },
  }
}

describe('whose turn it is', () => {
  const cases: readonly [string, StorageVersionMigration[], finished: string[], next: string | undefined][] = [
    ['nobody', [], [], undefined],
    ['the first by name', [migration('b'), migration('a')], [], 'a'],
    ['the oldest', [migration('a', [], {}, 2), migration('b', [], {}, 1)], [], 'b'],
    ['nobody while one runs', [migration('a'), migration('b', ['Running'])], [], undefined],
    ['the next once one is done', [migration('a'), migration('b', ['Running', 'Succeeded'])], ['b'], 'a'],
    ['the next once one has failed', [migration('b', ['Running', 'Failed']), migration('c')], ['b'], 'c'],
    ['nobody once all is said', [migration('b', ['-Running', 'Succeeded'])], [], undefined],
  ]
  for (const [name, all, finished, next] of cases) {
    it(name, () => {
      const turn = turnOf(all)
      assert.deepEqual([turn.finished.map(each => each.metadata.name), turn.next?.metadata.name], [finished, next])
    })
  }
})

describe('what a migration needs', () => {
  const at = { resourceVersion: '7' }
  const cases: readonly [string, StorageVersionMigration, version: boolean, due: boolean][] = [
    ['one that waits', migration('a'), false, false],
    ['one that runs', migration('a', ['Running']), true, false],
    ['one that knows where it begins', migration('a', ['Running'], at), false, true],
    ['one that is done', migration('a', ['Running', 'Succeeded'], at), false, false],
    ['one that failed early', migration('a', ['Running', 'Failed']), false, false],
  ]
  for (const [name, each, version, due] of cases) {
    it(name, () => assert.deepEqual([needsVersion(each), isDue(each)], [version, due]))
  }
})

it('a state is entered once', () => {
  const words = { reason: 'R', message: 'M' }
  const once = inState(migration('a'), 'Running', words, NOW)
  assert.deepEqual(once.status?.conditions, [{ type: 'Running', status: 'True', ...words, lastTransitionTime: NOW }])
  assert.equal(inState(once, 'Running', words, NOW), once)
  const over = stopped(once, NOW)
  assert.deepEqual(over.status?.conditions?.[0]?.reason, 'MigrationCompleted')
  assert.equal(inState(over, 'Running', words, NOW), over)
})

describe('a definition after its migration', () => {
  const crd = (generation: number, seen?: number): CustomResourceDefinition =>
    ({
      metadata: { name: 'r.g', generation },
      spec: {
        versions: [
          { name: 'v1', storage: false },
          { name: 'v2', storage: true },
        ],
      },
      status: {
        storedVersions: ['v1', 'v2'],
        conditions: seen === undefined ? [] : [{ type: 'StorageMigrating', status: 'True', observedGeneration: seen }],
      },
    }) as unknown as CustomResourceDefinition
  const STALE = 'The migration has succeeded but the stored versions have not been updated due to a generation mismatch'
  const cases: readonly [string, CustomResourceDefinition, boolean, string[] | undefined, string][] = [
    ['done', crd(2, 2), true, ['v2'], 'The migration has succeeded and the stored versions have been updated'],
    ['changed meanwhile', crd(3, 2), true, undefined, STALE],
    ['never marked', crd(3), true, undefined, STALE],
    ['failed', crd(2, 2), false, ['v2'], 'The migration has failed'],
  ]
  for (const [name, definition, succeeded, stored, message] of cases) {
    it(name, () => {
      const status = definitionFinished(definition, succeeded, NOW)
      const [condition] = status.conditions as { message: string; observedGeneration: number }[]
      assert.deepEqual(
        [status.storedVersions, condition?.message, condition?.observedGeneration],
        [stored, message, definition.metadata.generation],
      )
    })
  }
})

it('a resource has to be listed, patched and updated', () => {
  const type = (...verbs: string[]) => ({ group: 'g', version: 'v1', plural: 'rs', verbs }) as unknown as ResourceType
  assert.equal(unfitness(type('get', 'list', 'patch', 'update')), undefined)
  const text = 'resource "g/v1, Resource=rs" does not support discovery operations: [update patch list]'
  assert.equal(unfitness(type('get', 'list')), text)
})

const about = { group: '', resource: 'secrets', name: 'a' }
const status = (code: number, reason: string): StatusError => new StatusError({ code, reason, message: reason })
const outcomes: readonly [string, unknown, string][] = [
  ['changed meanwhile', conflictError(about, 'it was modified'), 'skip'],
  ['too many requests', status(429, 'TooManyRequests'), 'retry'],
  ['a server that is tired', status(503, 'ServiceUnavailable'), 'retry'],
  ['a server that broke', status(500, 'InternalError'), 'retry'],
  ['a timeout', status(504, 'Timeout'), 'retry'],
  ['no answer', new TypeError('socket hang up'), 'retry'],
  ['forbidden', status(403, 'Forbidden'), 'fail'],
  ['invalid', invalidError(about, []), 'fail'],
  ['gone', notFoundError(about), 'fail'],
]
for (const [name, error, what] of outcomes) {
  it(`an object that could not be written: ${name}`, () => assert.equal(outcome(error), what))
}
