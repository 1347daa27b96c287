import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { silentLogger } from '@canopus/base'
import { createClient } from '@canopus/client'
import { createFakeServer } from '@canopus/client/testing'
import { type CertifiedKey, createAuthority, issueCertificate, systemClock } from '@canopus/platform'
import type { Services } from '../services.ts'
import { startServer } from './server.ts'

/** The name in the certificate that a server shows. */
function shown(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

test('the server shows the certificate that took the place of its first', async () => {
  const clock = systemClock
  const authority = await createAuthority({ commonName: 'test', clock })
  const issue = (commonName: string): Promise<CertifiedKey> =>
    issueCertificate(authority, { commonName, purposes: ['server auth'], clock })
  const [first, second] = [await issue('first'), await issue('second')]
  let renew: ((pair: CertifiedKey) => void) | undefined
  const server = await startServer({
    options: {
      address: '127.0.0.1',
      port: 0,
      ...first,
      clientCa: authority.certificate,
      onRenewal(renewed) {
        renew = renewed
      },
    },
    // Nothing else of the kubelet is asked for by a handshake.
    services: {
      client: createClient(createFakeServer({ clock })),
      clock,
      nodeName: 'n1',
      logger: silentLogger,
    } as Partial<Services> as Services,
    root: '/',
    pods: () => [],
    podsKnown: Promise.resolve(),
  })
  try {
    assert.equal(await shown(server.port), 'first')
    renew?.(second)
    assert.equal(await shown(server.port), 'second')
  } finally {
    await server.close()
  }
})
