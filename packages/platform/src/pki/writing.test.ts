import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { CertificationRequest } from '@peculiar/asn1-csr'
import { AsnParser, AsnSerializer } from '@peculiar/asn1-schema'
import { BasicConstraints, Certificate, SubjectAlternativeName } from '@peculiar/asn1-x509'
import fc from 'fast-check'
import { systemClock } from '../system-clock.ts'
import { type CertifiedKey, createAuthority, createKey } from './certificate.ts'
import { namedBits, oid, time } from './der.ts'
import { publicKeyBytes, publicKeyOf } from './keys.ts'
import { KEY_USAGES } from './names.ts'
import { EXTENSION } from './object-identifiers.ts'
import { parseCertificateRequest } from './request.ts'
import { certificateBytes, requestBytes } from './writing.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** What the library makes of bytes that it has read. */
const again = (bytes: Uint8Array, type: new () => object): string =>
  hex(new Uint8Array(AsnSerializer.serialize(AsnParser.parse(bytes, type) as object)))

describe('DER', () => {
  for (const [dotted, bytes] of [
    ['2.5.4.3', '0603550403'],
    ['1.2.840.113549.1.1.11', '06092a864886f70d01010b'],
    ['1.3.6.1.4.1.57683.2', '06092b0601040183c25302'],
    ['2.16.840.1.113730.4.1', '06096086480186f8420401'],
  ] as const)
    it(`writes the object identifier ${dotted}`, () => assert.equal(hex(oid(dotted)), bytes))

  for (const [flags, bytes] of [
    [0b1, '03020780'],
    [0b101, '030205a0'],
    [0b1000_0000, '03020001'],
    [0b1_0000_0000, '0303070080'],
    [0b10_0101, '030202a4'],
  ] as const)
    it(`writes the bits ${flags.toString(2)} without what is not set at the end`, () =>
      assert.equal(hex(namedBits(flags)), bytes))

  for (const [date, text] of [
    ['1949-12-31T23:59:59Z', '19491231235959Z'],
    ['1950-01-01T00:00:00Z', '500101000000Z'],
    ['2049-12-31T23:59:59.999Z', '491231235959Z'],
    ['2050-01-01T00:00:00Z', '20500101000000Z'],
  ] as const)
    it(`writes the time ${date} in whole seconds`, () =>
      assert.equal(time(Date.parse(date)).toString('latin1', 2), text))
})

const word = fc.string({ minLength: 1, maxLength: 300, unit: 'binary' })
const dnsName = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,200}[a-z]$/)
const contents = fc.record({
  subject: fc.record(
    { commonName: fc.oneof(fc.constant(''), word), organizations: fc.array(word, { maxLength: 4 }) },
    { noNullPrototype: true },
  ),
  usages: fc.subarray([...KEY_USAGES, 'server auth', 'client auth', 'microsoft sgc']),
  hosts: fc.array(fc.oneof(dnsName, fc.ipV4(), fc.ipV6()), { maxLength: 40 }),
  emails: fc.array(fc.constant('jane@a.example'), { maxLength: 1 }),
  uris: fc.array(fc.constant('spiffe://a/b'), { maxLength: 1 }),
  isAuthority: fc.boolean(),
  notBefore: fc.integer({ min: Date.UTC(1900), max: Date.UTC(2040) }),
  notAfter: fc.integer({ min: Date.UTC(2041), max: Date.UTC(9999) }),
})

describe('certificates and requests as they are written', () => {
  let authorities: (CertifiedKey & { raw: Buffer })[]
  let publicKey: Uint8Array
  let key: string
  before(async () => {
    key = await createKey()
    publicKey = publicKeyBytes(publicKeyOf(key))
    const made = await Promise.all([
      createAuthority({ commonName: 'a', clock: systemClock }),
      createAuthority({ commonName: 'b', clock: systemClock, keyType: 'rsa' }),
    ])
    authorities = made.map(each => ({ ...each, raw: new X509Certificate(each.certificate).raw }))
  })

  it('have the one encoding that the library gives them, and its names', () => {
    fc.assert(
      fc.property(contents, fc.nat(2), (content, by) => {
        const authority = authorities[by]
        const signer = authority ?? { key }
        const bytes = certificateBytes({ ...content, publicKey, signer }, authority?.raw)
        assert.equal(again(bytes, Certificate), hex(bytes))
        const { extensions } = AsnParser.parse(bytes, Certificate).tbsCertificate
        const extensionOf = (id: string) => extensions?.find(({ extnID }) => extnID === id)?.extnValue.buffer
        const names = extensionOf(EXTENSION.alternativeNames)
        const count = new Set(content.hosts).size + content.emails.length + content.uris.length
        assert.equal(names === undefined ? 0 : AsnParser.parse(names, SubjectAlternativeName).length, count)
        const { cA } = AsnParser.parse(extensionOf(EXTENSION.basicConstraints)!, BasicConstraints)
        assert.equal(cA, content.isAuthority)
        const read = new X509Certificate(bytes)
        assert.equal(
          read.verify(
            authority === undefined ? publicKeyOf(key) : new X509Certificate(authority.certificate).publicKey,
          ),
          true,
        )
        if (authority !== undefined) assert.ok(read.checkIssued(new X509Certificate(authority.certificate)))
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  it('requests too', async () => {
    await fc.assert(
      fc.asyncProperty(contents, async ({ subject, hosts }) => {
        const bytes = requestBytes(key, { ...subject, hosts })
        assert.equal(again(bytes, CertificationRequest), hex(bytes))
        const { dnsNames, addresses, ...read } = await parseCertificateRequest(
          `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`,
        )
        assert.equal(dnsNames.length + addresses.length, new Set(hosts).size)
        assert.deepEqual(read.subject, subject)
      }),
      { seed: 1, numRuns: 100 },
    )
  })
})
