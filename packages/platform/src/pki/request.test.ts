import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { describe, it } from 'node:test'
import { systemClock } from '../system-clock.ts'
import { createAuthority, issueCertificate } from './certificate.ts'
import { pemOf, publicKeyBytes, publicKeyOf } from './keys.ts'
import { parseCertificate } from './parse.ts'
import { parseCertificateRequest } from './request.ts'
import { keyIdentifierOf } from './writing.ts'

const pem = (base64: string): string => pemOf('CERTIFICATE REQUEST', Buffer.from(base64, 'base64'))

const NOTHING = { dnsNames: [], addresses: [], emails: [], uris: [], usages: [] }

/** Requests that OpenSSL made. */
const cases = [
  {
    title: 'RSA with SHA-384, names of all kinds and usages; a kind of name that nobody reads is passed over',
    request:
      'MIIB+jCCAWMCAQAwKzEMMAoGA1UECgwDZGV2MQwwCgYDVQQKDANvcHMxDTALBgNVBAMMBGphbmUwgZ8wDQYJKoZIhvcNAQEBBQAD' +
      'gY0AMIGJAoGBAM1/u26Exp/DIvJ/oP85XIC7ZUgZHP0QlEpPkgXdQYuxoJUmwtRdvuUrai/o1j+NXd+jc6L0NabWyFueyCUaCdTO' +
      'DbManZRfFXZPkl/hVplHX5P2ex/ttvd2yx2C9DWorz2nKJBp2m4W61HGZC1f8Qm5b180002c4ljoh/xyVsUXAgMBAAGggY4wgYsG' +
      'CSqGSIb3DQEJDjF+MHwwCwYDVR0PBAQDAgOIMB0GA1UdJQQWMBQGCCsGAQUFBwMCBggrBgEFBQcDBDBOBgNVHREERzBFgglhLmV4' +
      'YW1wbGWHBAoBAgOHEP0AAAAAAAAAAAAAAAAAAAGBDmphbmVAYS5leGFtcGxlhgxzcGlmZmU6Ly9hL2KIAioDMA0GCSqGSIb3DQEB' +
      'DAUAA4GBAJFgh7P9GKcj99lrDR4dtBp9/Dkor9w6bku6owSpJtFw26blrbkjVICx7n/cTmMb7rTy+09jERjtdQDjgMtzzbHp+QWS' +
      '6tcPZylyqLuqEJE8tHSFTNiQm+k9d3jzRgZPB7nlJfjgkCSTgsvN0hiTxDkXzlyoM3Lifd2tUPVBJjWi',
    facts: {
      subject: { commonName: 'jane', organizations: ['dev', 'ops'] },
      dnsNames: ['a.example'],
      addresses: ['10.1.2.3', 'fd00::1'],
      emails: ['jane@a.example'],
      uris: ['spiffe://a/b'],
      usages: ['digital signature', 'key agreement', 'client auth', 'email protection'],
    },
  },
  {
    title: 'RSA-PSS',
    request:
      'MIIBgTCBtwIBADAOMQwwCgYDVQQDDANwc3MwgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJAoGBAM1/u26Exp/DIvJ/oP85XIC7ZUgZ' +
      'HP0QlEpPkgXdQYuxoJUmwtRdvuUrai/o1j+NXd+jc6L0NabWyFueyCUaCdTODbManZRfFXZPkl/hVplHX5P2ex/ttvd2yx2C9DWo' +
      'rz2nKJBp2m4W61HGZC1f8Qm5b180002c4ljoh/xyVsUXAgMBAAGgADBBBgkqhkiG9w0BAQowNKAPMA0GCWCGSAFlAwQCAQUAoRww' +
      'GgYJKoZIhvcNAQEIMA0GCWCGSAFlAwQCAQUAogMCAV4DgYEAJcMNeDMBWPmUO2IRmkC33vDcEnu7eUQ82R1XjAl3ldLZUvGXWrk2' +
      'ei2O4Fhg3jvq8h/4hCk3PfPqhXfkTNGifxpACBl5PSKoWLk8piMPhRAT4R2YaDWAbKGJygcB/suX/CHpPfh4fzTt6l+Gtov3f1IB' +
      'nhS7KDjlv6f85bMTUkU=',
    facts: { subject: { commonName: 'pss', organizations: [] }, ...NOTHING },
  },
  {
    title: 'P-384',
    request:
      'MIIBCDCBjgIBADAPMQ0wCwYDVQQDDARwMzg0MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEt6VCenONvrBn+u7fUHRbBNUmDIsZ6x8J' +
      'FayPUXbEwybSpn0h74BA7qQSCikpisdslA/+2tRQ6DPu0Ffhu7YoHXiz1Z9+RjudpYN6UH9YmL653rQkhkfu4oEBw5Xf6SALoAAw' +
      'CgYIKoZIzj0EAwMDaQAwZgIxALla+DUqiT6dEOuHSJ0S1FkWXwpyoHKO2w7RPVwX/jUJRorXXkaFwXNw/8d2ZKMHQAIxALPjvcuw' +
      'FSxUqnMIoytgxWe3asuKFNzLO4p+Z/sLsy6ZDA7OGpSt7IJpXXDFjwXj3A==',
    facts: { subject: { commonName: 'p384', organizations: [] }, ...NOTHING },
  },
  {
    title: 'Ed25519',
    request:
      'MIGMMEACAQAwDTELMAkGA1UEAwwCZWQwKjAFBgMrZXADIQC+Jh80jBnMI/urDcVdSi3BLEypaf6p/GOgLAqIMkloCaAAMAUGAytl' +
      'cANBAMhLJCVCCl+rWK8siuTRpzdKwYwrBqnCt4wuZbTuMK7K/MsqMBL9WkcGK7E7N4LSizIcp5+vkRyIQ1Qp8u2TYgA=',
    facts: { subject: { commonName: 'ed', organizations: [] }, ...NOTHING },
  },
  {
    title: 'P-256 with SHA-512 and names of two bytes for each character',
    request:
      'MIHiMIGIAgEAMCYxFTATBgNVBAMeDABKAPwAcgBnAGUAbjENMAsGA1UECh4EbyJbVzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA' +
      'BOLohQmbZKiHW5gbKGo+7Vx9uBBXf8Dtc+HBB0WC0NnP5M2nfNZXZFzyM9Rtnp/c2BTj3o7bYgdT2kenLpS1gzKgADAKBggqhkjO' +
      'PQQDBANJADBGAiEAoqIjvz20Njh58+yJ1o8RrFkDzZfG3o91n/cxHJ5sM1ECIQDu/ofuuSK5yWfBsfa2CWV0y8RS8J37Zl73Ndg2' +
      '28w6sQ==',
    facts: { subject: { commonName: 'Jürgen', organizations: ['漢字'] }, ...NOTHING },
  },
]

describe('certificate requests of OpenSSL', () => {
  for (const { title, request, facts } of cases) {
    it(`are read: ${title}`, async () => {
      const { publicKey, ...read } = await parseCertificateRequest(pem(request))
      assert.deepEqual(read, facts)
      assert.ok(publicKey.length > 40)
    })

    it(`are refused when any byte differs or something follows: ${title}`, async () => {
      const bytes = Buffer.from(request, 'base64')
      for (let at = 0; at < bytes.length; at += 7) {
        const altered = Buffer.from(bytes)
        altered[at]! ^= 0x04
        await assert.rejects(parseCertificateRequest(pem(altered.toString('base64'))), `byte ${at}`)
      }
      const around = Buffer.from(bytes)
      around[0]! ^= 0x80
      await assert.rejects(parseCertificateRequest(pem(around.toString('base64'))), /malformed/)
      const longer = Buffer.concat([bytes, Buffer.from([5, 0])])
      await assert.rejects(parseCertificateRequest(pem(longer.toString('base64'))), /trailing data/)
      await assert.rejects(parseCertificateRequest(pem(bytes.subarray(0, -1).toString('base64'))), /malformed/)
    })
  }
})

it('a certificate names the key of its authority as the authority itself does', async () => {
  const authority = await createAuthority({ commonName: 'other', clock: systemClock })
  // As from another program, which numbers its keys in its own way.
  const own = keyIdentifierOf(publicKeyBytes(publicKeyOf(authority.key))).toString('latin1')
  const other = new X509Certificate(authority.certificate).raw
    .toString('latin1')
    .replaceAll(own, 'ABCDEFGHIJKLMNOPQRST')
  const certificate = pemOf('CERTIFICATE', Buffer.from(other, 'latin1'))
  const options = { commonName: 'leaf', purposes: ['client auth' as const], clock: systemClock }
  const leaf = await issueCertificate({ certificate, key: authority.key }, options)
  assert.equal(new X509Certificate(leaf.certificate).checkIssued(new X509Certificate(certificate)), true)
  assert.equal(new X509Certificate(leaf.certificate).checkIssued(new X509Certificate(authority.certificate)), false)
})

it('names and dates of every form are written as they are read', async () => {
  const clock = { ...systemClock, now: () => Date.UTC(2045, 5, 1, 12, 30, 15, 999) }
  const authority = await createAuthority({ commonName: 'late', clock })
  const { certificate } = await issueCertificate(authority, {
    commonName: 'Jürgen, "漢字"',
    hosts: ['::ffff:10.1.2.3', '::', 'fd00:0:0:1::1', '*.a.example'],
    purposes: ['client auth'],
    clock,
    validity: 3000 * 24 * 3600 * 1000,
  })
  assert.deepEqual(parseCertificate(certificate), {
    subject: { commonName: 'Jürgen, "漢字"', organizations: [] },
    notBefore: Date.UTC(2045, 5, 1, 12, 25, 15),
    notAfter: Date.UTC(2053, 7, 18, 12, 30, 15),
    isAuthority: false,
    dnsNames: ['*.a.example'],
    addresses: ['::ffff:a01:203', '::', 'fd00:0:0:1::1'],
  })
  const odd = { commonName: 'x', hosts: ['jürgen.example'], purposes: [], clock }
  await assert.rejects(issueCertificate(authority, odd), /cannot be an IA5String/)
})
