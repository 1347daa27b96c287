import assert from 'node:assert/strict'
import { createServer as createPlainServer } from 'node:http'
import { createServer } from 'node:https'
import { type AddressInfo, connect, type Server } from 'node:net'
import { it } from 'node:test'
import { createClusterPki, systemClock } from '@canopus/platform'
import { createHttpsTransport } from './transport.ts'

it('a server is reached by the way that is given, with TLS and without', async () => {
  const pki = await createClusterPki({ clusterName: 'test', clock: systemClock })
  const { key, certificate: cert } = pki.apiserver
  const answer = (_: unknown, response: { end(text: string): void }): void => response.end('yes')
  const servers: [string, Server][] = [
    ['https', createServer({ key, cert }, answer)],
    ['http', createPlainServer(answer)],
  ]
  for (const [scheme, server] of servers) {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const dialled: string[] = []
    const dial = async (host: string, to: number) => {
      dialled.push(`${host}:${to}`)
      return connect({ host: '127.0.0.1', port })
    }
    // A name that only the other side knows.
    const transport = createHttpsTransport({
      server: `${scheme}://webhook.example:8443`,
      ca: pki.ca.certificate,
      serverName: 'kubernetes',
      dial,
    })
    for (let round = 0; round < 2; round++) {
      const response = await transport.send({ method: 'GET', path: '/', headers: {} })
      assert.equal(Buffer.from(await response.bytes()).toString(), 'yes')
    }
    transport.close()
    server.close()
    assert.equal(dialled[0], 'webhook.example:8443')
  }
})
