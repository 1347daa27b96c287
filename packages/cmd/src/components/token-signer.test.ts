import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkTokenSignerFlags, tokenLives } from './token-signer.ts'

describe('a program that signs tokens, by flags', () => {
  const refused: readonly [flags: object, message: RegExp][] = [
    [{ serviceAccountSigningKeyFile: 'sa.key' }, /mutually exclusive/],
    [{ serviceAccountKeyFile: ['sa.pub'] }, /mutually exclusive/],
    [{ serviceAccountSigningEndpoint: '@a/b' }, /must be a valid abstract socket name$/],
  ]
  for (const [flags, message] of refused) {
    it(`refuses ${JSON.stringify(flags)}`, () => {
      const all = { serviceAccountSigningEndpoint: '@signer.sock', serviceAccountMaxTokenExpiration: 0, ...flags }
      assert.throws(() => checkTokenSignerFlags(all), { message })
    })
  }

  it('takes names of sockets', () => {
    for (const serviceAccountSigningEndpoint of ['@a.b-c_d', '/run/signer.sock']) {
      checkTokenSignerFlags({ serviceAccountSigningEndpoint, serviceAccountMaxTokenExpiration: 0 })
    }
  })

  it('tokens live as long as both allow', () => {
    const lives = (milliseconds: number) => tokenLives({ serviceAccountMaxTokenExpiration: milliseconds }, 7200)
    assert.deepEqual(lives(0), { serviceAccountMaxTokenSeconds: 7200, extendedTokenSeconds: 7200 })
    assert.deepEqual(lives(3_600_000), { serviceAccountMaxTokenSeconds: 3600, extendedTokenSeconds: 7200 })
    assert.throws(() => lives(7_201_000), /cannot be set longer than .*: 7201s > 7200s/)
  })
})
