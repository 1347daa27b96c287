import assert from 'node:assert/strict'
import { request } from 'node:https'
import { after, before, describe, it } from 'node:test'
import { silentLogger } from '@canopus/base'
import { type CertifiedKey, createAuthority, issueClientCertificate, systemClock } from '@canopus/platform'
import { type SecureServer, startSecureServer } from '../testing/secure-server.ts'

const MASTERS = { commonName: 'root', organizations: ['system:masters'] }
const HOUR = 3_600_000

describe('client certificates over TLS', () => {
  let server: SecureServer
  before(async () => {
    server = await startSecureServer({ logger: silentLogger })
  })
  after(() => server.stop())

  async function statusFor(
    pair: CertifiedKey | undefined,
    headers: Record<string, string> = {},
    path = '/api',
  ): Promise<number> {
    const identity = pair && { cert: pair.certificate, key: pair.key }
    const ca = server.pki.ca.certificate
    return new Promise((resolve, reject) => {
      const sent = request(server.url + path, { ca, agent: false, headers, ...identity }, answer => {
        answer.resume().on('end', () => resolve(answer.statusCode ?? 0))
      })
      sent.on('error', reject).end()
    })
  }

  const past = { ...systemClock, now: () => systemClock.now() - 24 * HOUR }
  const cases: [string, () => Promise<CertifiedKey> | CertifiedKey | undefined, number][] = [
    ['none: anonymous', () => undefined, 403],
    ["the cluster's own", () => server.admin, 200],
    [
      'of another authority of the same name',
      async () => {
        const other = await createAuthority({ commonName: 'test', clock: systemClock })
        return issueClientCertificate(other, { ...MASTERS, clock: systemClock })
      },
      401,
    ],
    ['that has ended', () => issueClientCertificate(server.pki.ca, { ...MASTERS, clock: past, validity: HOUR }), 401],
    ['for servers only', () => server.pki.apiserver, 401],
    ['of the front proxy, which is no client', () => server.pki.frontProxyClient, 401],
    [
      'of another name by the front proxies authority',
      () => issueClientCertificate(server.pki.frontProxyCa, { ...MASTERS, clock: systemClock }),
      401,
    ],
  ]
  for (const [name, pair, expected] of cases) {
    it(`${expected}: ${name}`, async () => assert.equal(await statusFor(await pair()), expected))
  }

  const headers = { 'x-remote-user': 'jane', 'x-remote-group': 'system:masters' }
  const vouched: [string, () => Promise<CertifiedKey> | CertifiedKey | undefined, number][] = [
    ['the front proxy', () => server.pki.frontProxyClient, 200],
    ['nobody', () => undefined, 403],
    [
      'a client of its own',
      () => issueClientCertificate(server.pki.ca, { commonName: 'front-proxy-client', clock: systemClock }),
      200,
    ],
    [
      'a program without rights',
      () => issueClientCertificate(server.pki.frontProxyCa, { ...MASTERS, clock: systemClock }),
      401,
    ],
  ]
  for (const [name, pair, expected] of vouched) {
    it(`${expected}: a name in headers from ${name}`, async () => {
      assert.equal(await statusFor(await pair(), headers), expected)
    })
  }

  it('never takes a name from the headers of a client', async () => {
    const ordinary = await issueClientCertificate(server.pki.ca, { commonName: 'joe', clock: systemClock })
    const path = '/api/v1/secrets'
    assert.equal(await statusFor(ordinary, headers, path), 403)
    assert.equal(await statusFor(server.pki.frontProxyClient, headers, path), 200)
  })
})
