import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { type CertifiedKey, createAuthority, issueCertificate, systemClock } from '@canopus/platform'
import { followCertificate, servingCertificate } from './serving-certificate.ts'

const DAY = 86_400_000
const directory = mkdtempSync(join(tmpdir(), 'canopus-serving-'))
after(() => rmSync(directory, { recursive: true }))

describe('a certificate of our own making', () => {
  it('is kept, and made anew when it nears its end', async () => {
    const clock = new SimulatedClock({ start: Date.parse('2026-01-01T00:00:00Z') })
    const get = () => servingCertificate({ directory, name: 'own', hosts: ['localhost'], clock })
    const first = await get()
    // Upstream's are RSA, too: a client may have no cipher suite for anything else.
    assert.equal(new X509Certificate(first.certificate).publicKey.asymmetricKeyType, 'rsa')
    await clock.advance(300 * DAY)
    assert.deepEqual(await get(), first)
    await clock.advance(40 * DAY)
    const second = await get()
    assert.notEqual(second.certificate, first.certificate)
    assert.deepEqual(await get(), second)
  })

  it('does not replace one that somebody else put there, though that ends tomorrow', async () => {
    const clock = new SimulatedClock({ start: Date.parse('2026-01-01T00:00:00Z') })
    const authority = await createAuthority({ commonName: 'theirs', clock })
    const pair = await issueCertificate(authority, {
      commonName: 'them',
      purposes: ['server auth'],
      clock,
      validity: DAY,
    })
    writeFileSync(join(directory, 'given.crt'), pair.certificate)
    writeFileSync(join(directory, 'given.key'), pair.key)
    assert.deepEqual(await servingCertificate({ directory, name: 'given', hosts: ['localhost'], clock }), pair)
  })

  it('is not made where half of a pair is there', async () => {
    writeFileSync(join(directory, 'half.key'), 'a key')
    const options = { directory, name: 'half', hosts: [], clock: systemClock }
    await assert.rejects(servingCertificate(options), /half\.key belong together, but only one/)
  })

  it('is not made where only one of the two flags is given', async () => {
    const options = { directory, name: 'x', hosts: [], clock: systemClock }
    await assert.rejects(servingCertificate({ ...options, certFile: '/a' }), /belong together/)
    await assert.rejects(servingCertificate({ ...options, keyFile: '/a' }), /belong together/)
  })
})

it('a certificate that comes into the files is told once, with its key', async () => {
  const authority = await createAuthority({ commonName: 'test', clock: systemClock })
  const issue = (commonName: string): Promise<CertifiedKey> =>
    issueCertificate(authority, { commonName, purposes: ['server auth'], clock: systemClock })
  const files = { certificate: join(directory, 'tls.crt'), key: join(directory, 'tls.key') }
  const [first, second, third] = await Promise.all(['one', 'two', 'three'].map(issue))
  writeFileSync(files.certificate, first!.certificate)
  writeFileSync(files.key, first!.key)
  const heard: CertifiedKey[] = []
  let next = Promise.withResolvers<void>()
  const unfollow = followCertificate(
    files,
    pair => {
      heard.push(pair)
      next.resolve()
      next = Promise.withResolvers<void>()
    },
    60_000,
  )
  try {
    for (const pair of [second!, third!]) {
      const renewed = next.promise
      writeFileSync(files.certificate, pair.certificate)
      writeFileSync(files.key, pair.key)
      await renewed
    }
    assert.deepEqual(heard, [second, third])
  } finally {
    unfollow()
  }
})
