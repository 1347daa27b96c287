import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { CertificateSigningRequest, CertificateSigningRequestSpec } from '@canopus/api/certificates/v1'
import { SimulatedClock } from '@canopus/base'
import {
  type CertifiedKey,
  createAuthority,
  createCertificateRequest,
  createKey,
  isIssuedBy,
  parseCertificate,
  type RequestOptions,
} from '@canopus/platform'
import { createCsrSigner } from './csr-signer.ts'
import { SIGNERS } from './signers.ts'

const clock = new SimulatedClock()
const CLIENT = ['digital signature', 'client auth']
const SERVER = ['digital signature', 'key encipherment', 'server auth']
const NODE = { commonName: 'system:node:n1', organizations: ['system:nodes'] }

let ca: CertifiedKey
let key: string
before(async () => {
  ca = await createAuthority({ commonName: 'test', clock })
  key = await createKey()
})

async function csr(
  subject: RequestOptions,
  signerName: string,
  usages: string[],
  more: Partial<CertificateSigningRequestSpec> = {},
): Promise<CertificateSigningRequest> {
  const request = Buffer.from(createCertificateRequest(key, subject)).toString('base64')
  return { metadata: {}, spec: { request, signerName, usages, ...more } } as CertificateSigningRequest
}

describe('signing', () => {
  const cases: [string, RequestOptions, string, string[], string][] = [
    ['a client', { commonName: 'jane' }, SIGNERS.apiserverClient, CLIENT, 'signed'],
    [
      'a client without client auth',
      { commonName: 'j' },
      SIGNERS.apiserverClient,
      ['digital signature'],
      'missing required usage for client certificate: client auth',
    ],
    [
      'a client that wants to serve',
      { commonName: 'j' },
      SIGNERS.apiserverClient,
      SERVER,
      'invalid usage for client certificate: server auth',
    ],
    ['a kubelet client', NODE, SIGNERS.kubeletClient, CLIENT, 'signed'],
    ['a kubelet client with RSA usages', NODE, SIGNERS.kubeletClient, [...CLIENT, 'key encipherment'], 'signed'],
    [
      'a kubelet client with more usages',
      NODE,
      SIGNERS.kubeletClient,
      [...CLIENT, 'server auth'],
      'usages did not match [client auth digital signature key encipherment]',
    ],
    [
      'a kubelet client in other groups',
      { ...NODE, organizations: ['system:nodes', 'system:masters'] },
      SIGNERS.kubeletClient,
      CLIENT,
      'subject organization is not system:nodes',
    ],
    [
      'a kubelet client of another name',
      { ...NODE, commonName: 'admin' },
      SIGNERS.kubeletClient,
      CLIENT,
      'subject common name does not begin with system:node:',
    ],
    [
      'a kubelet client with a name',
      { ...NODE, hosts: ['n1'] },
      SIGNERS.kubeletClient,
      CLIENT,
      'DNS subjectAltNames are not allowed',
    ],
    [
      'a kubelet client with an address',
      { ...NODE, hosts: ['10.0.0.1'] },
      SIGNERS.kubeletClient,
      CLIENT,
      'IP subjectAltNames are not allowed',
    ],
    ['a kubelet server', { ...NODE, hosts: ['n1', '10.0.0.1'] }, SIGNERS.kubeletServing, SERVER, 'signed'],
    ['a kubelet server without a name', NODE, SIGNERS.kubeletServing, SERVER, 'DNS or IP subjectAltName is required'],
    [
      'a kubelet server with client usages',
      { ...NODE, hosts: ['n1'] },
      SIGNERS.kubeletServing,
      CLIENT,
      'usages did not match [digital signature key encipherment server auth]',
    ],
    [
      'anything for legacy-unknown',
      { commonName: 'x', hosts: ['a'] },
      SIGNERS.legacyUnknown,
      ['code signing'],
      'signed',
    ],
    ['nothing for foreign signers', { commonName: 'x' }, 'example.com/mine', CLIENT, 'foreign'],
  ]
  for (const [name, subject, signer, usages, expected] of cases) {
    it(`${name}: ${expected}`, async () => {
      const result = await createCsrSigner({ caFor: () => ca, clock }).sign(await csr(subject, signer, usages))
      assert.equal(result.kind === 'failed' ? result.message : result.kind, expected)
      if (result.kind !== 'signed') return
      const pem = Buffer.from(result.certificate, 'base64').toString()
      assert.equal(isIssuedBy(pem, ca.certificate), true)
      assert.equal(parseCertificate(pem).subject.commonName, subject.commonName)
    })
  }

  const HOUR = 3_600_000
  const lifetimes: [number | undefined, number][] = [
    [undefined, 24 * HOUR - 300_000],
    [12 * 3600, 12 * HOUR - 300_000],
    [48 * 3600, 24 * HOUR - 300_000],
    [3600, HOUR],
    [60, 600_000],
  ]
  for (const [expirationSeconds, expected] of lifetimes) {
    it(`lasts ${expected / 1000} s where ${expirationSeconds} s are asked for`, async () => {
      const more = expirationSeconds === undefined ? {} : { expirationSeconds }
      const request = await csr({ commonName: 'jane' }, SIGNERS.apiserverClient, CLIENT, more)
      const result = await createCsrSigner({ caFor: () => ca, clock, validity: 24 * HOUR }).sign(request)
      assert.ok(result.kind === 'signed')
      const { notAfter } = parseCertificate(Buffer.from(result.certificate, 'base64').toString())
      assert.equal(notAfter - clock.now(), expected)
    })
  }

  it('leaves the requests of signers without an authority to others', async () => {
    const request = await csr({ commonName: 'jane' }, SIGNERS.apiserverClient, CLIENT)
    const caFor = (signer: string) => (signer === SIGNERS.kubeletServing ? ca : undefined)
    assert.deepEqual(await createCsrSigner({ caFor, clock }).sign(request), { kind: 'foreign' })
  })

  it('rejects what is no request', async () => {
    const broken = await csr(NODE, SIGNERS.kubeletClient, CLIENT)
    const request = Buffer.from('nonsense').toString('base64')
    await assert.rejects(
      createCsrSigner({ caFor: () => ca, clock }).sign({ ...broken, spec: { ...broken.spec, request } }),
    )
  })
})

describe('automatic approval', () => {
  const cases: [string, RequestOptions, string, string[], string, string[]][] = [
    [
      'a new node with a bootstrap token',
      NODE,
      SIGNERS.kubeletClient,
      CLIENT,
      'system:bootstrap:abcdef',
      ['nodeclient'],
    ],
    [
      'a node renewing its own',
      NODE,
      SIGNERS.kubeletClient,
      CLIENT,
      'system:node:n1',
      ['selfnodeclient', 'nodeclient'],
    ],
    ['a node asking for another', NODE, SIGNERS.kubeletClient, CLIENT, 'system:node:n2', ['nodeclient']],
    ['a malformed one', { ...NODE, hosts: ['n1'] }, SIGNERS.kubeletClient, CLIENT, 'system:node:n1', []],
    ['a serving certificate', { ...NODE, hosts: ['n1'] }, SIGNERS.kubeletServing, SERVER, 'system:node:n1', []],
  ]
  for (const [name, subject, signer, usages, username, expected] of cases) {
    it(`of ${name}: ${expected.join(' or ') || 'none'}`, async () => {
      const request = await csr(subject, signer, usages, { username })
      const found = await createCsrSigner({ caFor: () => ca, clock }).autoApprovals(request)
      assert.deepEqual(
        found.map(each => each.subresource),
        expected,
      )
    })
  }
})
