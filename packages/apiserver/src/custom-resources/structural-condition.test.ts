import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CustomResourceDefinition, JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import { statusOf } from './names.ts'
import { structuralCondition } from './structural-condition.ts'

const NOW = '2026-01-01T00:00:00Z'

function definition(schemas: (JSONSchemaProps | undefined)[], preserveUnknownFields?: boolean) {
  return {
    metadata: { name: 'foos.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Cluster',
      names: { plural: 'foos', kind: 'Foo' },
      ...(preserveUnknownFields === undefined ? {} : { preserveUnknownFields }),
      versions: schemas.map((openAPIV3Schema, index) => ({
        name: `v${index + 1}`,
        served: true,
        storage: index === 0,
        ...(openAPIV3Schema && { schema: { openAPIV3Schema } }),
      })),
    },
  } as CustomResourceDefinition
}

const structural: JSONSchemaProps = { type: 'object', properties: { a: { type: 'string' } } }
const untyped: JSONSchemaProps = { type: 'object', properties: { a: {} } }
const FIELD = 'schema.openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields'

const table: readonly [what: string, given: CustomResourceDefinition, message: string | undefined][] = [
  ['structural', definition([structural, structural]), undefined],
  ['no schema', definition([undefined], false), undefined],
  ['all fields kept', definition([undefined], true), 'spec.preserveUnknownFields: Invalid value: true: must be false'],
  ['a field without a type', definition([structural, untyped]), `spec.versions[1].${FIELD}`],
  [
    'several faults',
    definition([untyped], true),
    `[spec.preserveUnknownFields: Invalid value: true: must be false, spec.versions[0].${FIELD}]`,
  ],
]

describe('the condition of schemas that are not structural', () => {
  for (const [what, given, message] of table)
    it(what, () => {
      const condition = { type: 'NonStructuralSchema', status: 'True', reason: 'Violations', message }
      assert.deepEqual(structuralCondition(given), message === undefined ? undefined : condition)
    })

  it('goes once they are', () => {
    const before = { ...definition([untyped]), status: statusOf(definition([untyped]), [], NOW) }
    assert.ok(before.status.conditions?.some(({ type }) => type === 'NonStructuralSchema'))
    const after = statusOf({ ...definition([structural]), status: before.status }, [], NOW)
    assert.deepEqual(
      after.conditions?.map(({ type }) => type),
      ['NamesAccepted', 'Established'],
    )
  })
})
