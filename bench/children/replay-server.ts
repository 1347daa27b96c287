/**
 * A server that answers with what another one has answered: first it passes requests on and keeps the answers, then it gives
 * each question (method, path, query and body) the answer that it got the first time, at once and from memory.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createClusterPki, issueClientCertificate, systemClock } from '../../packages/platform/src/index.ts'
import { answerCalls } from '../support/child.ts'
import type { Credentials } from '../support/h2-connection.ts'

interface Kept {
  status: number
  headers: IncomingMessage['headers']
  body: Buffer
}

const kept = new Map<string, Kept>()
let behind: Credentials
let recording = true
let asked = 0

answerCalls({
  async start({ upstream }: { upstream: Credentials }): Promise<Credentials> {
    behind = upstream
    const clock = systemClock
    const pki = await createClusterPki({ clusterName: 'bench', addresses: ['127.0.0.1'], clock })
    const server = createServer({ key: pki.apiserver.key, cert: pki.apiserver.certificate }, serve)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { certificate, key } = await issueClientCertificate(pki.ca, { commonName: 'bench', clock })
    return { port: (server.address() as AddressInfo).port, ca: pki.ca.certificate, cert: certificate, key }
  },

  /** From now on answers come from memory; how many there are. */
  replay(): number {
    recording = false
    return kept.size
  },

  /** Requests since the last time that somebody asked. */
  requests(): number {
    const count = asked
    asked = 0
    return count
  },
})

async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  asked++
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const id = `${incoming.method} ${incoming.url} ${Buffer.concat(chunks).toString()}`
  let answer = kept.get(id)
  if (answer === undefined) {
    if (!recording) console.error(`nobody has asked before: ${id.slice(0, 300)}`)
    answer = recording ? await passOn(incoming, Buffer.concat(chunks)) : { status: 404, headers: {}, body: Buffer.of() }
    kept.set(id, answer)
  }
  const { 'transfer-encoding': _, connection: __, ...headers } = answer.headers
  outgoing.writeHead(answer.status, { ...headers, 'content-length': answer.body.length })
  outgoing.end(answer.body)
}

function passOn({ method, url, headers }: IncomingMessage, body: Buffer): Promise<Kept> {
  const { port, ca, cert, key } = behind
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      ca,
      cert,
      key,
      method,
      path: url,
      headers: { ...headers, host: 'localhost' },
    }
    const passed = request(options as never, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 500, headers: response.headers, body: Buffer.concat(chunks) }),
      )
    })
    passed.on('error', reject)
    passed.end(body)
  })
}
