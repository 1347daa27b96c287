import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { countedAddresses } from './counted-servers.ts'

describe('servers whose number is known', () => {
  const cases: readonly [name: string, present: string[] | undefined, count: number, expected: string[]][] = [
    ['nobody yet', undefined, 1, ['10.0.0.2']],
    ['alone', ['10.0.0.2'], 1, ['10.0.0.2']],
    ['one more', ['10.0.0.1'], 2, ['10.0.0.1', '10.0.0.2']],
    ['as many as there are', ['10.0.0.3', '10.0.0.2'], 2, ['10.0.0.3', '10.0.0.2']],
    ['one too many: the next one goes', ['10.0.0.1', '10.0.0.3'], 2, ['10.0.0.1', '10.0.0.2']],
    ['two too many: all around', ['10.0.0.1', '10.0.0.3'], 1, ['10.0.0.2']],
    ['itself and too many', ['10.0.0.1', '10.0.0.2', '10.0.0.3'], 2, ['10.0.0.1', '10.0.0.2']],
  ]
  for (const [name, present, count, expected] of cases)
    it(name, () => assert.deepEqual(countedAddresses(present, '10.0.0.2', count), expected))
})
