import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { type CertifiedKey, createAuthority, systemClock } from '@canopus/platform'
import { authenticationData, combineBundles, combineData } from './authentication-config.ts'

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

describe('what extension API servers are told', () => {
  it('are authorities of proxies too where no client has a certificate', () => {
    const told = authenticationData({ requestHeaderClientCa: one, requestHeaderAllowedNames: [] }, systemClock.now())
    assert.deepEqual(told, {
      'requestheader-client-ca-file': one,
      'requestheader-allowed-names': '[]',
      'requestheader-username-headers': '["X-Remote-User"]',
      'requestheader-uid-headers': '["X-Remote-Uid"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
      'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    })
  })
  it('is nothing where nobody is trusted', () => assert.deepEqual(authenticationData({}, 0), {}))

  it('are names of before and the new ones, each once', () => {
    const names = (...list: string[]) => ({ 'requestheader-allowed-names': JSON.stringify(list) })
    assert.deepEqual(combineData(names('a', 'b'), names('c', 'a'), 0), names('a', 'b', 'c'))
    assert.deepEqual(combineData({}, names('c', 'c'), 0), names('c', 'c'))
    assert.deepEqual(combineData({ 'requestheader-allowed-names': 'no list' }, names('c'), 0), names('c'))
  })
})
