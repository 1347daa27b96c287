/**
 * What Node and the store can do without an API server: HTTP/2 over TLS, JSON in and out, one durable write per POST, stored
 * bytes per GET. The floor that the API server is compared with.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createClusterPki,
  createLogger,
  issueClientCertificate,
  systemClock,
} from '../../packages/platform/src/index.ts'
import { openEmbeddedStore, type Store } from '../../packages/store/src/index.ts'
import { answerCalls } from '../support/child.ts'
import { createGauge } from '../support/gauge.ts'
import type { Credentials } from '../support/h2-connection.ts'

const clock = systemClock
const directory = mkdtempSync(join(tmpdir(), 'canopus-bench-'))
const gauge = createGauge()
const kept = new Map<string, Uint8Array>()
let store: Store
let server: Http2SecureServer

answerCalls(
  {
    async start(): Promise<Credentials> {
      store = await openEmbeddedStore({ directory, clock, logger: createLogger({ level: 'warn' }) })
      const pki = await createClusterPki({ clusterName: 'bench', addresses: ['127.0.0.1'], clock })
      server = createSecureServer({ key: pki.apiserver.key, cert: pki.apiserver.certificate, ca: pki.ca.certificate })
      server.on('stream', (stream, headers) =>
        answer(stream as ServerHttp2Stream, headers[':method']!, headers[':path']!),
      )
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      const { certificate, key } = await issueClientCertificate(pki.ca, { commonName: 'bench', clock })
      return { port: (server.address() as AddressInfo).port, ca: pki.ca.certificate, cert: certificate, key }
    },
    begin: () => gauge.begin(),
    end: () => gauge.end(),
  },
  async () => {
    server?.close()
    await store?.close()
    rmSync(directory, { recursive: true, force: true })
  },
)

function answer(stream: ServerHttp2Stream, method: string, path: string): void {
  if (method === 'GET') {
    respond(stream, 200, kept.get(path) ?? Buffer.from('{}'))
    return
  }
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('end', async () => {
    const object = JSON.parse(Buffer.concat(chunks).toString())
    object.metadata.uid = randomUUID()
    object.metadata.creationTimestamp = new Date().toISOString()
    const { value } = await store.create(`/registry/pods/default/${object.metadata.name}`, revision => {
      object.metadata.resourceVersion = String(revision)
      return Buffer.from(JSON.stringify(object))
    })
    kept.set(`${path}/${object.metadata.name}`, value)
    respond(stream, 201, value)
  })
}

function respond(stream: ServerHttp2Stream, status: number, body: Uint8Array): void {
  stream.respond({ ':status': status, 'content-type': 'application/json', 'content-length': body.byteLength })
  stream.end(body)
}
