import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { type CertifiedKey, createAuthority, systemClock } from '@canopus/platform'
import { combineBundles } from './authentication-config.ts'

let one: string
let two: string
before(async () => {
  const made = async (commonName: string): Promise<CertifiedKey> => createAuthority({ commonName, clock: systemClock })
  one = `${(await made('one')).certificate.trim()}\n`
  two = `${(await made('two')).certificate.trim()}\n`
})

describe('authorities that extension API servers are told of', () => {
  const rows: readonly [
    name: string,
    earlier: () => string,
    own: () => string,
    expected: () => string,
    later?: number,
  ][] = [
    ['are the ones of before and the new ones', () => one, () => two, () => one + two],
    ['are each there once', () => one + two, () => `\n${two}`, () => one + two],
    ['are no longer there when they have expired', () => one, () => '', () => '', 200 * 365 * 86_400_000],
    ['are there without what else is in the file', () => '', () => `# of tests\n${one}and more`, () => one],
    ['are taken as they are where they are no certificates', () => 'A', () => 'B', () => 'B'],
  ]
  for (const [name, earlier, own, expected, later = 0] of rows) {
    it(name, () => assert.equal(combineBundles(earlier(), own(), systemClock.now() + later), expected()))
  }
})
