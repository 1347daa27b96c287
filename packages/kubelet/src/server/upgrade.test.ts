import assert from 'node:assert/strict'
import { request as httpsRequest } from 'node:https'
import { test } from 'node:test'
import { silentLogger } from '@canopus/base'
import { createClient, type Transport } from '@canopus/client'
import { createAuthority, issueCertificate, systemClock } from '@canopus/platform'
import type { Services } from '../services.ts'
import { startServer } from './server.ts'

/** Allows everything. */
const allowing: Transport = {
  async send(request) {
    const { spec } = JSON.parse(new TextDecoder().decode(request.body))
    const bytes = Buffer.from(JSON.stringify({ metadata: {}, spec, status: { allowed: true } }))
    return {
      status: 201,
      headers: {},
      bytes: async () => bytes,
      async *chunks() {
        yield bytes
      },
    }
  },
}

test('who asks for an upgrade where there is none gets the plain answer', async () => {
  const clock = systemClock
  const authority = await createAuthority({ commonName: 'test', clock })
  const own = await issueCertificate(authority, { commonName: 'node', purposes: ['server auth'], clock })
  const admin = await issueCertificate(authority, { commonName: 'admin', purposes: ['client auth'], clock })
  const server = await startServer({
    options: { address: '127.0.0.1', port: 0, ...own, clientCa: authority.certificate },
    services: {
      client: createClient(allowing),
      clock,
      nodeName: 'n1',
      logger: silentLogger,
    } as Partial<Services> as Services,
    root: '/',
    pods: () => [],
    podsKnown: Promise.resolve(),
  })
  const ask = (path: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const request = httpsRequest({
        host: '127.0.0.1',
        port: server.port,
        path,
        rejectUnauthorized: false,
        agent: false,
        cert: admin.certificate,
        key: admin.key,
        headers: {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'a2V5',
        },
      })
      request.on('error', reject)
      request.on('response', response => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', chunk => (body += chunk))
        response.on('end', () => resolve(`${response.statusCode} ${body.trim()}`))
      })
      request.end()
    })
  try {
    assert.equal(await ask('/healthz'), '200 ok')
    assert.equal(await ask('/containerLogs/default/web/main'), '404 pod "web" does not exist')
    assert.equal(await ask('/exec/default/web/main?command=id&output=1'), '404 pod does not exist')
    const long = 'x'.repeat(900_000)
    assert.equal(await ask(`/exec/default/web/main?command=${long}&output=1`), '404 pod does not exist')
  } finally {
    await server.close()
  }
})
