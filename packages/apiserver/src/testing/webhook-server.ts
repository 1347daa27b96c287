/** An HTTPS server that answers reviews as the test says, with an authority of its own. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { createAuthority, issueCertificate, systemClock } from '@canopus/platform'

export interface Review {
  kind: string
  apiVersion: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into requests of every kind
  request: any
}

/** Answers one review with the `response`, without its uid, or with a whole answer: a status, a text, and headers. */
export type Answer = (review: Review) => object | Promise<object>

export interface WebhookServer {
  readonly port: number
  /** Of the authority, as configurations have it. */
  readonly caBundle: string
  /** Of the certificate that it shows itself. */
  readonly ownBundle: string
  /** Every request so far, by path without the query. */
  readonly reviews: {
    readonly path: string
    readonly query: string
    readonly review: Review
    readonly headers: IncomingHttpHeaders
    /** The common name of the client's certificate, where it has one. */
    readonly client?: string
  }[]
  /** How many connections were opened. */
  readonly connections: number
  /** What is answered below a path. */
  on(path: string, answer: Answer): void
  stop(): Promise<void>
}

export interface WebhookServerOptions {
  /** Names and addresses in the certificate. */
  hosts?: readonly string[]
  address?: string
}

export async function startWebhookServer(options: WebhookServerOptions = {}): Promise<WebhookServer> {
  const { hosts = ['127.0.0.1', 'localhost', 'hook.ns.svc'], address = '127.0.0.1' } = options
  const clock = systemClock
  const authority = await createAuthority({ commonName: 'webhooks', clock })
  const serving = await issueCertificate(authority, { commonName: 'hook', hosts, purposes: ['server auth'], clock })
  const answers = new Map<string, Answer>()
  const reviews: WebhookServer['reviews'] = []
  let connections = 0
  // Connections end when the client wants it, however slow the machine is.
  const server = createServer(
    {
      key: serving.key,
      cert: serving.certificate,
      keepAliveTimeout: 600_000,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (message, out) => {
      const chunks: Buffer[] = []
      message.on('data', (chunk: Buffer) => chunks.push(chunk))
      message.on('end', async () => {
        const [path = '', query = ''] = (message.url ?? '').split('?')
        const review = JSON.parse(Buffer.concat(chunks).toString()) as Review
        const client = (message.socket as TLSSocket).getPeerCertificate().subject?.CN as string | undefined
        reviews.push({ path, query, review, headers: message.headers, ...(client === undefined ? {} : { client }) })
        const given = (await answers.get(path)?.(review)) ?? { code: 404, text: '404 page not found' }
        if ('text' in given) {
          const {
            code = 200,
            text,
            headers = {},
          } = given as { code?: number; text: string; headers?: OutgoingHttpHeaders }
          out.writeHead(code, headers).end(text)
          return
        }
        const { kind, apiVersion, request } = review
        out.writeHead(200, { 'content-type': 'application/json' })
        out.end(JSON.stringify({ kind, apiVersion, response: { uid: request.uid, ...given } }))
      })
    },
  )
  server.on('secureConnection', () => {
    connections++
  })
  await new Promise<void>(resolve => server.listen(0, address, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    caBundle: Buffer.from(authority.certificate).toString('base64'),
    ownBundle: Buffer.from(serving.certificate).toString('base64'),
    reviews,
    get connections() {
      return connections
    },
    on: (path, answer) => void answers.set(path, answer),
    stop: () =>
      new Promise(done => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

/** The patch of a mutating webhook's answer. */
export function patch(...operations: object[]): object {
  const bytes = Buffer.from(JSON.stringify(operations)).toString('base64')
  return { allowed: true, patchType: 'JSONPatch', patch: bytes }
}
