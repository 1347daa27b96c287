import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { createAuthority, createCertificateRequest, createKey, issueCertificate, systemClock } from '@canopus/platform'
import { startMemoryServer } from '../testing/memory-server.ts'
import { caBundleProblem, certificatesProblem, keyPairProblem, signingRequestProblem } from './pem-checks.ts'

const block = (type: string, bytes: Buffer): string =>
  `-----BEGIN ${type}-----\n${bytes.toString('base64')}\n-----END ${type}-----\n`
const JUNK = Buffer.from('nothing of that kind')
const base64 = (text: string): string => Buffer.from(text).toString('base64')

let certificate: string
let key: string
let otherKey: string
let request: string
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
  type: 'pkcs1',
  format: 'pem',
}) as string

before(async () => {
  const clock = systemClock
  const authority = await createAuthority({ commonName: 'ca', clock })
  const issued = await issueCertificate(authority, { commonName: 'a', hosts: ['a'], purposes: ['server auth'], clock })
  certificate = issued.certificate
  key = issued.key
  otherKey = await createKey()
  request = createCertificateRequest(otherKey, { commonName: 'u' })
})

describe('a certificate and its key', () => {
  const rows: readonly [string, () => string, () => string, string | undefined][] = [
    ['go together', () => certificate, () => key, undefined],
    ['where the key is another', () => certificate, () => otherKey, 'tls: private key does not match public key'],
    [
      'where the key is of another kind',
      () => certificate,
      () => rsa,
      'tls: private key type does not match public key type',
    ],
    ['where there is none', () => '', () => key, 'tls: failed to find any PEM data in certificate input'],
    [
      'the wrong way round',
      () => key,
      () => certificate,
      'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched',
    ],
    ['where there is no key', () => certificate, () => 'x', 'tls: failed to find any PEM data in key input'],
    [
      'twice the certificate',
      () => certificate,
      () => certificate,
      'tls: found a certificate rather than a key in the PEM for the private key',
    ],
    ['where it is junk', () => block('CERTIFICATE', JUNK), () => key, 'x509: malformed certificate'],
    ['where the key is junk', () => certificate, () => block('PRIVATE KEY', JUNK), 'tls: failed to parse private key'],
    [
      'where it is something else',
      () => block('PUBLIC KEY', JUNK) + block('X', JUNK),
      () => key,
      'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [PUBLIC KEY X]',
    ],
  ]
  for (const [name, first, second, expected] of rows) {
    it(name, () => assert.equal(keyPairProblem(first(), second()), expected))
  }
})

describe('bundles and requests', () => {
  it('are told from junk', () => {
    assert.equal(caBundleProblem(certificate), undefined)
    assert.equal(caBundleProblem(block('CERTIFICATE', JUNK) + certificate), undefined)
    assert.equal(caBundleProblem('Cg=='), 'unable to load root certificates: unable to parse bytes as PEM block')
    assert.match(caBundleProblem(block('CERTIFICATE', JUNK)) ?? '', /failed to parse certificate: x509: malformed/)
    assert.match(caBundleProblem(block('X', JUNK)) ?? '', /no valid certificate authority data seen$/)
    assert.equal(certificatesProblem(certificate + certificate), undefined)
    assert.equal(certificatesProblem(certificate + block('CERTIFICATE', JUNK)), 'x509: malformed certificate')
    assert.match(
      certificatesProblem(block('CERTIFICATE', Buffer.alloc(0))) ?? '',
      /^found CERTIFICATE PEM block containing 0/,
    )
    assert.equal(signingRequestProblem(request), undefined)
    assert.equal(signingRequestProblem(certificate), 'PEM block type must be CERTIFICATE REQUEST')
    assert.match(signingRequestProblem(block('CERTIFICATE REQUEST', JUNK)) ?? '', /^asn1: structure error/)
    const der = Buffer.from(request.replace(/-----.*-----/g, ''), 'base64')
    der[der.length - 3]! ^= 1
    assert.equal(signingRequestProblem(block('CERTIFICATE REQUEST', der)), 'x509: ECDSA verification failure')
  })
})

it('the API server warns of pairs that do not match, and refuses requests that nobody can have made', async () => {
  const server = await startMemoryServer()
  const secrets = '/api/v1/namespaces/default/secrets'
  const secret = (name: string, tls: string): object => ({
    metadata: { name },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': base64(certificate), 'tls.key': base64(tls) },
  })
  const good = await server.send('POST', secrets, secret('good', key))
  const bad = await server.send('POST', secrets, secret('bad', otherKey))
  const ask = (pem: string) =>
    server.send('POST', '/apis/certificates.k8s.io/v1/certificatesigningrequests', {
      metadata: { name: 'r' },
      spec: { request: base64(pem), signerName: 'example.com/any', usages: ['client auth'] },
    })
  const junk = await ask(block('CERTIFICATE REQUEST', JUNK))
  const fine = await ask(request)
  await server.stop()
  assert.deepEqual([good.status, good.headers.warning], [201, undefined])
  assert.deepEqual([bad.status, bad.headers.warning], [201, ['299 - "tls: private key does not match public key"']])
  assert.equal(junk.status, 422)
  assert.match(junk.json.message, /spec.request: Invalid value: .*: asn1: structure error/)
  assert.equal(fine.status, 201, fine.text)
})

it('a definition whose webhook can be trusted by nothing is not established, and none becomes so', async () => {
  const server = await startMemoryServer()
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  const clientConfig = (caBundle: string): object => ({ url: 'https://127.0.0.1:1/', caBundle: base64(caBundle) })
  const definition = (plural: string, bundle: string): object => ({
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com',
      scope: 'Cluster',
      names: { plural, kind: plural },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      conversion: {
        strategy: 'Webhook',
        webhook: { clientConfig: clientConfig(bundle), conversionReviewVersions: ['v1'] },
      },
    },
  })
  const watch = await server.watch(`${path}?watch=true`)
  type Condition = { type: string; status: string; reason: string }
  const established = async (name: string): Promise<Condition> => {
    for (;;) {
      const { object } = await watch.next()
      const found = object.status?.conditions?.find((each: Condition) => each.type === 'Established')
      if (object.metadata.name === name && found !== undefined) return found
    }
  }
  await server.send('POST', path, definition('bads', 'junk'))
  const bad = await established('bads.example.com')
  await server.send('POST', path, definition('goods', certificate))
  const good = await established('goods.example.com')
  const merge = { 'content-type': 'application/merge-patch+json' }
  const spoil = { spec: { conversion: { webhook: { clientConfig: clientConfig('junk') } } } }
  const spoilt = await server.send('PATCH', `${path}/goods.example.com`, spoil, merge)
  const healed = { spec: { conversion: { webhook: { clientConfig: clientConfig(certificate) } } } }
  await server.send('PATCH', `${path}/bads.example.com`, healed, merge)
  let now = await established('bads.example.com')
  while (now.status !== 'True') now = await established('bads.example.com')
  watch.end()
  await server.stop()
  assert.deepEqual([bad.status, bad.reason], ['False', 'InvalidCABundle'])
  assert.equal(good.status, 'True')
  assert.equal(spoilt.status, 422)
  assert.match(
    spoilt.json.message,
    /spec.conversion.webhookClientConfig.caBundle: Invalid value: .*unable to parse bytes as PEM/,
  )
})
