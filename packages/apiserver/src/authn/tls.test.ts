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

  async function statusFor(pair: CertifiedKey | undefined, headers: Record<string, string> = {}): Promise<number> {
    const identity = pair && { cert: pair.certificate, key: pair.key }
    const ca = server.pki.ca.certificate
    return new Promise((resolve, reject) => {
      const sent = request(`${server.url}/api`, { ca, agent: false, headers, ...identity }, answer => {
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
  ]
  for (const [name, pair, expected] of cases) {
    it(`${expected}: ${name}`, async () => {
      const headers = { 'x-remote-user': 'root', 'x-remote-group': 'system:masters' }
      assert.equal(await statusFor(await pair(), headers), expected)
    })
  }
})
