import assert from 'node:assert/strict'
import { test } from 'node:test'
import { builtInKinds, type Descriptions } from '@canopus/api'
import { columnsOf, describing } from './describe.ts'

const podIP = { message: 'core.v1.PodStatus', field: 'podIP' }
const documentation: Descriptions = {
  'core.v1.PodStatus': { podIP: 'The address.', phase: 'The phase.\n\nPossible enum values:\n - `"Failed"`' },
  'core.v1.PodSpec': { nodeName: 'The node.' },
}

test('columns are described by the documentation of fields, which is read once', () => {
  let reads = 0
  const describe = describing(() => {
    reads++
    return documentation
  }, columnsOf(builtInKinds))
  assert.equal(describe(podIP), 'The address.')
  assert.equal(describe({ message: 'core.v1.PodSpec', field: 'nodeName' }), 'The node.')
  assert.equal(describe({ message: 'core.v1.PodSpec', field: 'unknown' }), '')
  assert.equal(reads, 1)
})

test('known values are no part of a description', () => {
  const phase = { message: 'core.v1.PodStatus', field: 'phase' }
  const column = { name: 'Phase', type: 'string' as const, description: phase, priority: 0, value: () => '' }
  assert.equal(
    describing(
      () => documentation,
      () => [column],
    )(phase),
    'The phase.',
  )
})

test('without documentation nothing is said', () => {
  assert.equal(describing(() => undefined, columnsOf(builtInKinds))(podIP), '')
})
