import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { systemClock } from '../system-clock.ts'
import { type CertifiedKey, createAuthority, issueCertificate } from './certificate.ts'
import { certificatesByName, entryFor } from './named-certificates.ts'

describe('which certificate a client that asks for a name is shown', () => {
  const made: Record<string, CertifiedKey> = {}
  before(async () => {
    const authority = await createAuthority({ commonName: 'test', clock: systemClock })
    const issue = (commonName: string, hosts: string[]) =>
      issueCertificate(authority, { commonName, hosts, purposes: ['server auth'], clock: systemClock })
    made.a = await issue('a.org', ['b.org', '*.c.org', '10.0.0.1'])
    made.b = await issue('10.0.0.2', ['b.org', 'd.org'])
    made.spoken = await issue('Somebody & Sons', [])
    made.all = await issue('*', [])
  })
  /** Certificates in order, each with the names that were given; then name and certificate, `-` for none of them. */
  const table: [string, string][] = [
    ['a', 'a.org=a b.org=a x.c.org=a x.y.c.org=- c.org=- 10.0.0.1=- e.org=-'],
    ['a', 'A.Org=a a.org.=a'],
    ['a b', 'b.org=a d.org=b 10.0.0.2=-'],
    ['b a', 'b.org=b a.org=a'],
    ['a:foo', 'foo=a a.org=- b.org=-'],
    ['a b:b.org,*.z.org', 'b.org=b a.org=a y.z.org=b d.org=-'],
    ['a:foo b:foo', 'foo=a'],
    ['a:*.z.org b:x.z.org', 'x.z.org=b y.z.org=a'],
    ['spoken', 'somebody=-'],
    ['all', 'word=all two.words=-'],
    ['', 'a.org=-'],
  ]
  for (const [given, expected] of table) {
    it(`${given || 'none'}: ${expected}`, () => {
      const certificates = given.split(' ').flatMap(each => {
        const [name = '', names = ''] = each.split(':')
        return name === '' ? [] : [{ ...made[name]!, names: names === '' ? [] : names.split(',') }]
      })
      const byName = certificatesByName(certificates)
      for (const pair of expected.split(' ')) {
        const [name, certificate] = pair.split('=') as [string, string]
        assert.equal(entryFor(byName, name)?.certificate, made[certificate]?.certificate, name)
      }
    })
  }
})
