import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connect, createServer, type TLSSocket } from 'node:tls'
import type { Clock } from '@canopus/base'
import { systemClock } from '../system-clock.ts'
import { type CertifiedKey, createAuthority, createKey, DAY, issueCertificate } from './certificate.ts'
import { createClusterPki, ensureClusterPki, issueClientCertificate } from './cluster-pki.ts'
import { isIssuedBy, parseCertificate } from './parse.ts'
import { createCertificateRequest, parseCertificateRequest, signCertificateRequest } from './request.ts'

const at = (now: number): Clock => ({ ...systemClock, now: () => now })
const NOW = Date.UTC(2026, 0, 1, 12)

let ca: CertifiedKey
before(async () => {
  ca = await createAuthority({ commonName: 'test', clock: at(NOW) })
})

describe('certificates', () => {
  it('carry subject, names and dates of the clock', async () => {
    const leaf = await issueCertificate(ca, {
      commonName: 'weird, "name"+=\n',
      organizations: ['system:masters', 'a,O=b'],
      hosts: ['localhost', 'a.example', '10.96.0.1', 'fd00::1'],
      purposes: ['server auth', 'client auth'],
      clock: at(NOW),
      validity: 10 * DAY,
    })
    assert.deepEqual(parseCertificate(leaf.certificate), {
      subject: { commonName: 'weird, "name"+=\n', organizations: ['system:masters', 'a,O=b'] },
      notBefore: NOW - 300_000,
      notAfter: NOW + 10 * DAY,
      isAuthority: false,
      dnsNames: ['localhost', 'a.example'],
      addresses: ['10.96.0.1', 'fd00::1'],
    })
    assert.equal(isIssuedBy(leaf.certificate, ca.certificate), true)
  })

  it('never outlive their authority', async () => {
    const short = await createAuthority({ commonName: 'short', clock: at(NOW), validity: DAY })
    const leaf = await issueClientCertificate(short, { commonName: 'x', clock: at(NOW) })
    assert.equal(parseCertificate(leaf.certificate).notAfter, NOW + DAY)
    assert.equal(isIssuedBy(leaf.certificate, ca.certificate), false)
  })

  it('are accepted by TLS in both directions', async () => {
    const own = await createAuthority({ commonName: 'tls', clock: systemClock })
    const server = await issueCertificate(own, {
      commonName: 'server',
      hosts: ['localhost', '127.0.0.1'],
      purposes: ['server auth'],
      clock: systemClock,
    })
    const client = await issueClientCertificate(own, { commonName: 'jane', organizations: ['dev'], clock: systemClock })
    const seen = await handshake(own, server, client)
    assert.deepEqual(seen, { authorized: true, user: 'jane', serverTrusted: true })
    const stranger = await issueClientCertificate(ca, { commonName: 'jane', clock: systemClock })
    assert.equal((await handshake(own, server, stranger)).authorized, false)
    const wrongPurpose = await handshake(own, server, server)
    assert.equal(wrongPurpose.authorized, false)
  })
})

async function handshake(authority: CertifiedKey, server: CertifiedKey, client: CertifiedKey) {
  const listener = createServer({
    cert: server.certificate,
    key: server.key,
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: false,
  })
  const accepted = new Promise<TLSSocket>(resolve => listener.once('secureConnection', resolve))
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as { port: number }
  const outgoing = connect({
    port,
    host: '127.0.0.1',
    ca: authority.certificate,
    cert: client.certificate,
    key: client.key,
  })
  await new Promise((resolve, reject) => outgoing.once('secureConnect', resolve).once('error', reject))
  const incoming = await accepted
  const raw = incoming.getPeerCertificate().raw
  const result = {
    authorized: incoming.authorized,
    user: parseCertificate(raw).subject.commonName,
    serverTrusted: outgoing.authorized,
  }
  outgoing.destroy()
  incoming.destroy()
  await new Promise(resolve => listener.close(resolve))
  return result
}

describe('certificate requests', () => {
  it('are read with subject, names and a checked signature', async () => {
    const pem = createCertificateRequest(await createKey(), {
      commonName: 'system:node:n1',
      organizations: ['system:nodes'],
      hosts: ['n1', '10.0.0.1', 'fd00::1'],
    })
    const { publicKey, ...facts } = await parseCertificateRequest(pem)
    assert.deepEqual(facts, {
      subject: { commonName: 'system:node:n1', organizations: ['system:nodes'] },
      dnsNames: ['n1'],
      addresses: ['10.0.0.1', 'fd00::1'],
      emails: [],
      uris: [],
      usages: [],
    })
    assert.ok(publicKey.length > 80)
  })

  it('are refused when altered or no request at all', async () => {
    const pem = createCertificateRequest(await createKey(), { commonName: 'a' })
    const der = Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64')
    der[der.length - 3]! ^= 1
    const altered = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
    await assert.rejects(parseCertificateRequest(altered), /signature/)
    await assert.rejects(parseCertificateRequest('nonsense'), /CERTIFICATE REQUEST/)
    await assert.rejects(parseCertificateRequest(ca.certificate), /CERTIFICATE REQUEST/)
  })

  it('are signed for the usages and the time asked for', async () => {
    const key = await createKey()
    const request = await parseCertificateRequest(
      createCertificateRequest(key, { commonName: 'u', organizations: ['g'], hosts: ['h'] }),
    )
    const clock = at(NOW)
    const day = signCertificateRequest(ca, request, { usages: ['client auth'], validity: DAY, clock })
    const facts = parseCertificate(day)
    assert.deepEqual(facts.subject, { commonName: 'u', organizations: ['g'] })
    assert.deepEqual([facts.notBefore, facts.notAfter], [NOW - 300_000, NOW + DAY - 300_000])
    for (const [validity, end] of [
      [3_600_000, 3_600_000],
      [8 * 3_600_000 - 1000, 8 * 3_600_000 - 1000],
      [8 * 3_600_000, 8 * 3_600_000 - 300_000],
    ] as const) {
      const signed = signCertificateRequest(ca, request, { usages: ['client auth'], validity, clock })
      assert.equal(parseCertificate(signed).notAfter, NOW + end)
    }
    const late = { usages: [], validity: DAY, clock: at(NOW + 20 * 365 * DAY) }
    assert.throws(() => signCertificateRequest(ca, request, late), /expired/)
    const odd = { usages: ['flying'], validity: DAY, clock }
    assert.throws(() => signCertificateRequest(ca, request, odd), /unrecognized key usage "flying"/)
  })
})

describe('cluster PKI on disk', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pki-'))
  after(() => rmSync(directory, { recursive: true }))
  const options = { clusterName: 'c', addresses: ['10.96.0.1'], clock: at(NOW) }

  it('is made once, with kubeadm names and modes', async () => {
    const first = await ensureClusterPki(directory, options)
    const leaves = ['apiserver', 'apiserver-kubelet-client', 'ca', 'front-proxy-ca', 'front-proxy-client']
    const expected = [...leaves.flatMap(name => [`${name}.crt`, `${name}.key`]), 'sa.key', 'sa.pub'].sort()
    assert.deepEqual(readdirSync(directory).sort(), expected)
    for (const name of expected) {
      assert.equal(statSync(join(directory, name)).mode & 0o777, name.endsWith('.key') ? 0o600 : 0o644, name)
    }
    assert.deepEqual(await ensureClusterPki(directory, options), first)
    const facts = parseCertificate(first.apiserver.certificate)
    assert.ok(facts.dnsNames.includes('kubernetes.default.svc.cluster.local'))
    assert.deepEqual(facts.addresses, ['127.0.0.1', '::1', '10.96.0.1'])
  })

  it('renews leaves that near their end, lack a name, were lost or are broken, and nothing else', async () => {
    const first = await ensureClusterPki(directory, options)
    const named = await ensureClusterPki(directory, { ...options, addresses: ['192.0.2.7'] })
    assert.notEqual(named.apiserver.certificate, first.apiserver.certificate)
    assert.equal(named.frontProxyClient.certificate, first.frontProxyClient.certificate)
    const later = await ensureClusterPki(directory, { ...options, clock: at(NOW + 280 * DAY) })
    assert.notEqual(later.frontProxyClient.certificate, first.frontProxyClient.certificate)
    assert.equal(later.ca.certificate, first.ca.certificate)
    assert.deepEqual(later.serviceAccount, first.serviceAccount)
    unlinkSync(join(directory, 'apiserver.key'))
    writeFileSync(join(directory, 'front-proxy-client.crt'), 'garbage')
    const repaired = await ensureClusterPki(directory, { ...options, clock: at(NOW + 280 * DAY) })
    assert.equal(isIssuedBy(repaired.frontProxyClient.certificate, first.frontProxyCa.certificate), true)
    assert.notEqual(repaired.apiserver.key, later.apiserver.key)
  })

  it('refuses an expired authority and one without its key', async () => {
    await assert.rejects(ensureClusterPki(directory, { ...options, clock: at(NOW + 4000 * DAY) }), /ca.crt expired on/)
    unlinkSync(join(directory, 'ca.key'))
    await assert.rejects(ensureClusterPki(directory, options), /ca.key is missing/)
  })

  it('can live in memory', async () => {
    const pki = await createClusterPki(options)
    assert.match(pki.serviceAccount.publicKey, /BEGIN PUBLIC KEY/)
  })
})
