import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { before, describe, it } from 'node:test'
import { type ConnectionOptions, connect, createServer } from 'node:tls'
import { Failure } from '@canopus/cli'
import { createAuthority, issueCertificate, NamedContexts, systemClock } from '@canopus/platform'
import { type TlsFlags, tlsPolicy } from './tls-flags.ts'

describe('what a TLS port agrees to', () => {
  let shown: { cert: string; key: string }
  before(async () => {
    const authority = await createAuthority({ commonName: 'tls', clock: systemClock })
    const made = {
      commonName: 'server',
      hosts: ['named.example'],
      purposes: ['server auth' as const],
      clock: systemClock,
    }
    const { certificate, key } = await issueCertificate(authority, made)
    shown = { cert: certificate, key }
  })

  /** What a client and a server with these flags agree on; nothing where they do not. */
  async function agreed(flags: TlsFlags, client: ConnectionOptions): Promise<string | undefined> {
    const policy = tlsPolicy(flags)
    const contexts = new NamedContexts()
    contexts.set([{ certificate: shown.cert, key: shown.key, names: ['named.example'] }], undefined, policy)
    const server = createServer({ ...policy, ...shown, SNICallback: contexts.callback })
    server.on('tlsClientError', () => {})
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...client })
    try {
      await once(socket, 'secureConnect')
      return `${socket.getProtocol()} ${socket.getCipher().standardName}`
    } catch {
      return undefined
    } finally {
      socket.destroy()
      server.close()
    }
  }

  const old: ConnectionOptions = { maxVersion: 'TLSv1.2' }
  const chosen = {
    tlsCipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'],
  }
  const cases: [what: string, flags: TlsFlags, client: ConnectionOptions, expected: RegExp | undefined][] = [
    ['an old client by default', {}, old, /^TLSv1.2 /],
    ['an old client where 1.3 is wanted', { tlsMinVersion: 'VersionTLS13' }, old, undefined],
    [
      'the same, asking for a name',
      { tlsMinVersion: 'VersionTLS13' },
      { ...old, servername: 'named.example' },
      undefined,
    ],
    ['a new client where 1.3 is wanted', { tlsMinVersion: 'VersionTLS13' }, {}, /^TLSv1.3 /],
    ['a suite of the list', chosen, old, /^TLSv1.2 TLS_ECDHE_(ECDSA|RSA)_WITH_AES_256_GCM_SHA384$/],
    [
      'a suite beside the list',
      chosen,
      { ...old, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256' },
      undefined,
    ],
    ['TLS 1.3, which the list does not bind', chosen, {}, /^TLSv1.3 /],
    ['a curve that is wanted', { tlsCurvePreferences: ['23', '24'] }, { ecdhCurve: 'secp384r1' }, /^TLSv1.3 /],
    ['a curve that is not', { tlsCurvePreferences: ['23'] }, { ecdhCurve: 'X25519' }, undefined],
  ]
  for (const [what, flags, client, expected] of cases)
    it(what, async () => {
      const result = await agreed(flags, client)
      if (expected === undefined) assert.equal(result, undefined)
      else assert.match(result ?? 'nothing', expected)
    })

  it('a name in a configuration file that is none', () => {
    assert.throws(() => tlsPolicy({ tlsMinVersion: 'SSLv3' }), new Failure('unknown tls version "SSLv3"'))
  })
})
