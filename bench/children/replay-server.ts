/**
 * A server that answers with what another one has answered: first it passes requests on and keeps the answers, then it gives
 * each question (method, path, query and body) the answer that it got the first time, at once and from memory. It speaks HTTP/2, as
 * every API server does to kubectl, which needs a sixth longer for itself then than with HTTP/1.1, and asks for its certificate.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { createSecureServer, type ServerHttp2Stream } from 'node:http2'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createClusterPki, issueClientCertificate, systemClock, tuneEngine } from '../../packages/platform/src/index.ts'
import { answerCalls } from '../support/child.ts'
import type { Credentials } from '../support/h2-connection.ts'

export interface Question {
  method: string
  path: string
  body: string
}

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

/** An answer and what it answers. */
interface Kept extends Answer {
  method: string
  path: string
  asked: Buffer
}

const kept = new Map<string, Kept>()
let behind: Credentials
let recording = true
let asked = 0

tuneEngine()
answerCalls({
  async start({ upstream }: { upstream: Credentials }): Promise<Credentials> {
    behind = upstream
    const clock = systemClock
    const pki = await createClusterPki({ clusterName: 'bench', addresses: ['127.0.0.1'], clock })
    const { key: serverKey, certificate: cert } = pki.apiserver
    const server = createSecureServer({
      key: serverKey,
      cert,
      ca: pki.ca.certificate,
      requestCert: true,
      rejectUnauthorized: false,
    })
    server.on('stream', (stream, headers) => void serve(stream as ServerHttp2Stream, headers))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { certificate, key } = await issueClientCertificate(pki.ca, { commonName: 'bench', clock })
    return { port: (server.address() as AddressInfo).port, ca: pki.ca.certificate, cert: certificate, key }
  },

  /** From now on answers come from memory: to which questions, in the order in which they were asked. */
  replay(): Question[] {
    recording = false
    return [...kept.values()].map(({ method, path, asked }) => ({ method, path, body: asked.toString() }))
  },

  /** Requests since the last time that somebody asked. */
  requests(): number {
    const count = asked
    asked = 0
    return count
  },
})

async function serve(stream: ServerHttp2Stream, asking: IncomingHttpHeaders): Promise<void> {
  asked++
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  const [method, path] = [asking[':method'] as string, asking[':path'] as string]
  const body = Buffer.concat(chunks)
  const id = `${method} ${path} ${body}`
  let answer: Answer | undefined = kept.get(id)
  if (answer === undefined) {
    if (!recording) console.error(`nobody has asked before: ${id.slice(0, 300)}`)
    answer = recording ? await passOn(method, path, asking, body) : { status: 404, headers: {}, body: Buffer.of() }
    kept.set(id, { ...answer, method, path, asked: body })
  }
  // Whoever asked may have gone; answers without a body (304) end with their headers.
  if (stream.destroyed) return
  stream.respond({ ...answer.headers, ':status': answer.status })
  if (!stream.writableEnded) stream.end(answer.body)
}

/** What HTTP/2 has in other ways. */
const ofConnection = new Set(['connection', 'host', 'keep-alive', 'transfer-encoding'])
const portable = (headers: IncomingHttpHeaders): IncomingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':') && !ofConnection.has(name)))

function passOn(method: string, path: string, asking: IncomingHttpHeaders, body: Buffer): Promise<Answer> {
  const { port, ca, cert, key } = behind
  return new Promise((resolve, reject) => {
    const headers = { ...portable(asking), host: 'localhost' }
    const passed = request({ host: '127.0.0.1', port, ca, cert, key, method, path, headers }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const answer = Buffer.concat(chunks)
        const headers = { ...portable(response.headers), 'content-length': String(answer.length) }
        resolve({ status: response.statusCode ?? 500, headers, body: answer })
      })
    })
    passed.on('error', reject)
    passed.end(body)
  })
}
