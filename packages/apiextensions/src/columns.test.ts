import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { KubeObject } from '@canopus/apimachinery'
import { printerColumns } from './columns.ts'

const column = (name: string, jsonPath: string, type = 'string') => ({ name, jsonPath, type })

it('a column that cannot be read ends the list', () => {
  const names = printerColumns([column('A', '.a'), column('B', '.b[?(@.k'), column('C', '.c')]).map(({ name }) => name)
  assert.deepEqual(names, ['Name', 'A'])
})

it('text shows anything, null and large numbers too', () => {
  const [, a] = printerColumns([column('A', '.a')])
  const shown = (value: unknown): unknown => a!.value({ metadata: { name: 'x' }, a: value } as unknown as KubeObject, 0)
  assert.equal(shown('x'), 'x')
  assert.equal(shown(null), '<no value>')
  assert.equal(shown({ b: 9007199254740993n }), '{"b":9007199254740993}')
  assert.equal(shown(undefined), null)
})
