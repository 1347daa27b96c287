import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { builtInKinds } from '@canopus/api'
import { fieldErrorText, type KubeObject } from '@canopus/apimachinery'
import { autoUpdate } from '../bootstrap/flow-control.ts'
import { MANDATORY_LEVELS, MANDATORY_SCHEMAS, SUGGESTED_LEVELS } from './defaults.ts'
import { withMandatorySpecs } from './mandatory-specs.ts'

type Open = KubeObject & { spec: Record<string, never> & { [field: string]: unknown } }

const copy = (all: readonly object[], name: string): Open =>
  structuredClone((all as readonly KubeObject[]).find(({ metadata }) => metadata.name === name)) as Open

function errorsOf(plural: string, object: Open): string[] {
  const kind = withMandatorySpecs(builtInKinds.find(({ type }) => type.plural === plural)!)
  const created = kind.strategy.validate!(object).map(fieldErrorText)
  assert.deepEqual(kind.strategy.validateUpdate!(object, object).map(fieldErrorText), created)
  return created.map(each => each.replace(/Invalid value: .*: spec/s, 'spec'))
}

const LEVELS = 'prioritylevelconfigurations'
const changed = (object: Open, change: object): Open => ({ ...object, spec: { ...object.spec, ...change } }) as Open
const exempt = copy(MANDATORY_LEVELS, 'exempt')
const catchAll = copy(MANDATORY_SCHEMAS, 'catch-all')

describe('mandatory objects of flow control', () => {
  const rows: readonly [string, string, Open, string[]][] = [
    ['as they are', LEVELS, copy(MANDATORY_LEVELS, 'catch-all'), []],
    ['schemas as they are', 'flowschemas', catchAll, []],
    [
      'a level that is changed',
      LEVELS,
      changed(copy(MANDATORY_LEVELS, 'catch-all'), {
        limited: { nominalConcurrencyShares: 6, lendablePercent: 0, limitResponse: { type: 'Reject' } },
      }),
      ["spec: spec of 'catch-all' must equal the fixed value"],
    ],
    [
      'a schema that is changed',
      'flowschemas',
      changed(catchAll, { matchingPrecedence: 9999 }),
      ["spec: spec of 'catch-all' must equal the fixed value"],
    ],
    [
      'what the exempt level may have',
      LEVELS,
      changed(exempt, { exempt: { nominalConcurrencyShares: 10, lendablePercent: 5 } }),
      [],
    ],
    [
      'the exempt level, limited',
      LEVELS,
      changed(exempt, {
        type: 'Limited',
        exempt: undefined,
        limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } },
      }),
      ["spec: spec of 'exempt' except the 'spec.exempt' field must equal the fixed value"],
    ],
    ['others are free', LEVELS, changed(copy(SUGGESTED_LEVELS, 'system'), {}), []],
  ]
  for (const [name, plural, object, expected] of rows) {
    it(name, () => {
      const errors = errorsOf(plural, object)
      if (expected.length === 0) assert.deepEqual(errors, [])
      else for (const each of expected) assert.ok(errors.includes(each), errors.join('\n'))
    })
  }

  it('what an administrator gives the exempt level is not taken back', () => {
    const given = changed(exempt, { exempt: { nominalConcurrencyShares: 10, lendablePercent: 5 } })
    const wanted = MANDATORY_LEVELS.find(({ metadata }) => metadata.name === 'exempt')!
    assert.equal(autoUpdate(given as never, wanted as never, true).kind, 'keep')
  })
})
