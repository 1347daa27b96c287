import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { createCertificateRequest } from '@canopus/platform'
import { signingRequestProblem } from './pem-checks.ts'

const pem = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
const hex = (text: string): string => pem(Buffer.from(text.replaceAll(' ', ''), 'hex'))

describe('certificate signing requests are refused in the words of Go', () => {
  let good: Buffer
  before(async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const text = createCertificateRequest(key, { commonName: 'u' })
    good = Buffer.from(text.replace(/-----[^-]*-----/g, ''), 'base64')
  })

  const PARAMETERS =
    '{optional:false explicit:false application:false private:false defaultValue:<nil> tag:<nil> stringType:0 timeType:0 set:false omitEmpty:false}'
  const rows: readonly [name: string, text: string, problem: string][] = [
    ['nothing', hex(''), 'asn1: syntax error: sequence truncated'],
    ['an empty sequence', hex('30 00'), 'asn1: syntax error: sequence truncated'],
    ['an indefinite length', hex('30 80 00 00'), 'asn1: syntax error: indefinite length found (not DER)'],
    ['a length that could be shorter', hex('30 81 01 00'), 'asn1: structure error: non-minimal length'],
    ['a length beyond all', hex('30 84 ff ff ff ff'), 'asn1: structure error: length too large'],
    ['a length with zeros', hex('30 82 00 80'), 'asn1: structure error: superfluous leading zeros in length'],
    ['too few bytes', hex('30 05 00'), 'asn1: syntax error: data truncated'],
    [
      'another tag',
      hex('31 00'),
      `asn1: structure error: tags don't match (16 vs {class:0 tag:17 length:0 isCompound:true}) ${PARAMETERS} certificateRequest @2`,
    ],
    [
      'text that is no base64',
      '-----BEGIN CERTIFICATE REQUEST-----\n!\n-----END CERTIFICATE REQUEST-----\n',
      'PEM block type must be CERTIFICATE REQUEST',
    ],
  ]
  for (const [name, text, problem] of rows) it(name, () => assert.equal(signingRequestProblem(text), problem))

  it('one that was changed after it was made', () => {
    assert.equal(signingRequestProblem(pem(good)), undefined)
    assert.equal(
      signingRequestProblem(pem(Buffer.concat([good, Buffer.from([0])]))),
      'asn1: syntax error: trailing data',
    )
    const subject = Buffer.from(good)
    subject[good.indexOf(Buffer.from([0x0c, 0x01, 0x75])) + 2] = 0x76
    assert.equal(signingRequestProblem(pem(subject)), 'x509: ECDSA verification failure')
    const point = Buffer.from(good)
    point[good.indexOf(Buffer.from([0x03, 0x42, 0x00, 0x04])) + 4]! ^= 1
    assert.equal(signingRequestProblem(pem(point)), 'P256 point not on curve')
  })
})
