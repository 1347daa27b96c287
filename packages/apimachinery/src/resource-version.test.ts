import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compareResourceVersions, resourceVersionProblem } from './resource-version.ts'

describe('resource versions', () => {
  it('are whole numbers above zero, of any length', () => {
    for (const good of ['1', '10', '9'.repeat(100)]) assert.equal(resourceVersionProblem(good), undefined, good)
    for (const bad of ['', '0', '01', '-1', '1.5', '1a', 'a', '1 ']) {
      assert.equal(resourceVersionProblem(bad), `resource version is not well formed: ${bad}`)
    }
  })

  const cases: readonly [string, string, number][] = [
    ['1', '1', 0],
    ['9', '10', -1],
    ['100', '99', 1],
    ['18446744073709551616', '18446744073709551617', -1],
    [`1${'0'.repeat(100)}`, '9'.repeat(100), 1],
  ]
  for (const [one, other, sign] of cases) {
    it(`${one} and ${other}`, () => assert.equal(Math.sign(compareResourceVersions(one, other)), sign))
  }
})
