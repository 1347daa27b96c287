import assert from 'node:assert/strict'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { createClusterPki, issueClientCertificate, systemClock } from '../../packages/platform/src/index.ts'
import { type Credentials, H2Connection, requestHead } from './h2-connection.ts'

describe('the HTTP/2 client of benchmarks, against the server of Node', () => {
  let server: Http2SecureServer
  let credentials: Credentials
  let connection: H2Connection

  before(async () => {
    const clock = systemClock
    const { ca, apiserver } = await createClusterPki({ clusterName: 'bench', addresses: ['127.0.0.1'], clock })
    const user = await issueClientCertificate(ca, { commonName: 'bench', clock })
    server = createSecureServer({ key: apiserver.key, cert: apiserver.certificate, ca: ca.certificate })
    server.on('stream', (stream, headers) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        if (stream.destroyed || stream.aborted) return
        const status = Number(new URLSearchParams(headers[':path']!.split('?')[1]).get('status') ?? 200)
        ;(stream as unknown as { respond(headers: object): void }).respond({ ':status': status, 'x-a': 'b' })
        stream.end(`${headers[':method']} ${headers[':path']} ${Buffer.concat(chunks)}`)
      })
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    credentials = { port, ca: ca.certificate, cert: user.certificate, key: user.key }
    connection = await H2Connection.open(credentials)
  })
  after(() => {
    connection.close()
    server.close()
  })

  it('gets', async () => {
    assert.equal(String(await connection.fetch(requestHead('GET', '/a'))), 'GET /a ')
    const long = `/${'x'.repeat(300)}`
    assert.equal(String(await connection.fetch(requestHead('GET', long))), `GET ${long} `)
  })

  for (const status of [200, 201, 202, 206]) {
    it(`takes ${status} for success`, async () => {
      await connection.fetch(requestHead('GET', `/?status=${status}`))
    })
  }

  for (const status of [301, 400, 404, 409, 422, 500, 503]) {
    it(`takes ${status} for failure`, async () => {
      await assert.rejects(connection.fetch(requestHead('GET', `/?status=${status}`)), /refused: GET/)
    })
  }

  it('posts more at once than the window holds', async () => {
    const bodies = Array.from({ length: 200 }, (_, n) => `${n} ${'y'.repeat(5000)}`)
    const answers = await Promise.all(
      bodies.map(body => connection.fetch(requestHead('POST', '/p'), Buffer.from(body))),
    )
    assert.deepEqual(
      answers.map(String),
      bodies.map(body => `POST /p ${body}`),
    )
  })

  it('tells when the server goes away', async () => {
    const other = await H2Connection.open(credentials)
    const [session] = await Promise.all([
      new Promise<{ destroy(): void }>(resolve => server.once('stream', stream => resolve(stream.session!))),
      other.fetch(requestHead('GET', '/')),
    ])
    const open = other.fetch(requestHead('POST', '/never'), Buffer.alloc(10))
    session.destroy()
    await assert.rejects(open, /refused/)
    other.close()
  })
})
