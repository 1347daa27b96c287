/** Requests that the API server passes on: to kubelets, pods and services. */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { type Agent, request as httpsRequest } from 'node:https'
import type { Duplex, Readable, Transform } from 'node:stream'
import { badRequestError, plainError, StatusError, serviceUnavailableError } from '@canopus/apimachinery'
import { trusting } from '@canopus/platform'
import { isIdentityHeader } from '../aggregation/proxy-headers.ts'
import { webSocketProtocols } from '../authn/web-socket-protocols.ts'
import { type Dialer, dialled, EgressAgent } from '../egress/dial.ts'
import type { ApiRequest, ApiResponse, Headers, StreamSink } from '../http/message.ts'
import { transportProblem } from '../webhook/problems.ts'

export interface Backend {
  readonly tls: boolean
  readonly host: string
  readonly port: number
  /** Path and query. */
  readonly path: string
  readonly cert?: string
  readonly key?: string
  readonly ca?: string
  /** Where connections come from, with all that they are made of; else one is made for each request. */
  readonly agent?: Agent
  /** How it is reached; straight where missing. */
  readonly dial?: Dialer | undefined
  /** Headers that say who asks, in place of whatever the client says of that itself. */
  readonly identity?: Readonly<Record<string, string | string[]>>
}

/** Headers that belong to one connection, and those that carry the caller's credentials. */
const NOT_FORWARDED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
  'host',
  'authorization',
  'http2-settings',
])

function forwardedHeaders(headers: Headers, { identity }: Backend): Record<string, string | string[]> {
  const result: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':') || NOT_FORWARDED.has(name) || name.startsWith('impersonate-'))
      continue
    if (identity !== undefined && isIdentityHeader(name)) continue
    if (name === 'sec-websocket-protocol') {
      const protocols = webSocketProtocols(headers)
      if (protocols.length > 0) result[name] = protocols.join(', ')
      continue
    }
    result[name] = typeof value === 'string' ? value : [...value]
  }
  return identity === undefined ? result : { ...result, ...identity }
}

function open(
  backend: Backend,
  method: string,
  headers: Record<string, string | string[]>,
): ReturnType<typeof httpRequest> {
  const { host, port, path, cert, key, ca, agent, dial } = backend
  if (agent !== undefined) return httpsRequest({ host, port, path, method, headers, agent })
  const common = { host, port, path, method, headers }
  if (!backend.tls) return httpRequest({ ...common, ...(dial === undefined ? { agent: false } : dialled(dial)) })
  const tls = {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : trusting(ca)),
    rejectUnauthorized: ca !== undefined,
  }
  if (dial !== undefined) return httpsRequest({ ...common, agent: new EgressAgent(dial, tls) })
  return httpsRequest({ ...common, ...tls, agent: false })
}

export interface ForwardOptions {
  /** Changes the answer's headers, and returns what its body is to go through. */
  readonly rewrite?: (headers: Record<string, string | string[]>) => readonly Transform[]
  /** More of them for the other side. */
  readonly headers?: Readonly<Record<string, string>>
  /** What is thrown where no answer comes. */
  readonly failed?: (backend: Backend, error: Error) => StatusError
}

/** Passes a request on and streams the answer back. */
export function forward(request: ApiRequest, backend: Backend, options: ForwardOptions = {}): Promise<ApiResponse> {
  const { rewrite = () => [], headers: more = {}, failed = unreachable } = options
  return new Promise((resolve, reject) => {
    const outgoing = open(backend, request.method, { ...forwardedHeaders(request.headers, backend), ...more })
    outgoing.on('error', error => reject(failed(backend, error)))
    outgoing.on('response', (incoming: IncomingMessage) => {
      const headers: Record<string, string | string[]> = {}
      for (const [name, value] of Object.entries(incoming.headers)) {
        if (value !== undefined && !NOT_FORWARDED.has(name)) headers[name] = value
      }
      const through = rewrite(headers)
      resolve({
        status: incoming.statusCode ?? 502,
        headers,
        stream: sink => pump(through.reduce<Readable>(joined, incoming), sink, () => outgoing.destroy()),
      })
    })
    const body = request.bodyStream?.()
    if (body !== undefined) {
      body.on('error', () => outgoing.destroy())
      body.pipe(outgoing)
      return
    }
    Promise.resolve(request.body()).then(
      bytes => outgoing.end(bytes),
      error => {
        outgoing.destroy()
        reject(error)
      },
    )
  })
}

/** One stream after the other; what goes wrong before goes wrong after. */
function joined(from: Readable, to: Transform): Transform {
  from.on('error', error => to.destroy(error))
  return from.pipe(to)
}

function pump(from: Readable, sink: StreamSink, abort: () => void): void {
  from.on('data', (chunk: Buffer) => {
    if (!sink.write(chunk)) from.pause()
  })
  sink.onDrain(() => from.resume())
  from.on('end', () => sink.end())
  from.on('error', () => sink.end())
  sink.onClose(() => {
    from.destroy()
    abort()
  })
}

/**
 * What a kubelet answers instead of a log, as a Status (k8s.io/apiserver/pkg/registry/generic/rest/response_checker.go).
 * Throws StatusError for everything but success.
 */
export async function checkAnswer(response: ApiResponse): Promise<ApiResponse> {
  const { status } = response
  if (status >= 200 && status <= 206) return response
  const text = (await readStart(response)).trim()
  if (status === 400) throw badRequestError(text)
  if (status === 404) {
    throw new StatusError({
      code: 404,
      reason: 'NotFound',
      message: 'the server could not find the requested resource',
    })
  }
  throw new StatusError({
    code: status,
    reason: status === 500 ? 'InternalError' : 'Unknown',
    message: `an error on the server (${JSON.stringify(text || 'unknown')}) has prevented the request from succeeding`,
  })
}

const MAX_ERROR_TEXT = 2048

function readStart({ stream }: ApiResponse): Promise<string> {
  return new Promise(resolve => {
    let text = ''
    const sink: StreamSink = {
      closed: false,
      write(chunk) {
        if (text.length < MAX_ERROR_TEXT) text += Buffer.from(chunk).toString()
        return true
      },
      end: () => resolve(text.slice(0, MAX_ERROR_TEXT)),
      onClose: () => {},
      onDrain: () => {},
    }
    if (stream === undefined) resolve('')
    else stream(sink)
  })
}

export function unreachable(backend: Backend, error: Error): StatusError {
  return serviceUnavailableError(`error trying to reach service: ${connectionProblem(backend, error)}`)
}

const connectionProblem = (backend: Backend, error: Error): string =>
  transportProblem(error, originOf(backend), 'tls: first record does not look like a TLS handshake')

/** For logs, whose errors are told as they are. */
export function unread(backend: Backend, error: Error): StatusError {
  const origin = originOf(backend)
  const message = `Get ${JSON.stringify(`${origin}${backend.path}`)}: ${transportProblem(error, origin)}`
  return plainError(message)
}

function originOf({ tls, host, port }: Backend): string {
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

const undialled = (backend: Backend, error: Error): StatusError =>
  plainError(`error dialing backend: ${connectionProblem(backend, error)}`)

/**
 * Passes an upgrade on and joins the two connections once the other side has agreed. Where it does not agree, its answer is
 * handed back. Headers that were given more than once stay apart. What goes either way goes through one that `slow` makes, if given. Rejects with StatusError 500 where it cannot be reached.
 */
export function splice(
  message: IncomingMessage,
  backend: Backend,
  socket: Duplex,
  head: Buffer,
  slow?: () => Transform,
): Promise<ApiResponse | undefined> {
  return new Promise((resolve, reject) => {
    const headers = forwardedHeaders(message.headersDistinct, backend)
    headers.connection = 'Upgrade'
    headers.upgrade = message.headers.upgrade ?? ''
    const outgoing = open(backend, message.method ?? 'GET', headers)
    outgoing.on('error', error => reject(undialled(backend, error)))
    socket.on('close', () => outgoing.destroy())
    outgoing.on('upgrade', (incoming: IncomingMessage, other: Duplex, otherHead: Buffer) => {
      socket.write(headOf(incoming))
      if (otherHead.length > 0) socket.write(otherHead)
      if (head.length > 0) other.write(head)
      join(socket, other, slow)
      resolve(undefined)
    })
    outgoing.on('response', (incoming: IncomingMessage) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', error => reject(undialled(backend, error)))
      incoming.on('end', () => {
        const contentType = incoming.headers['content-type'] ?? 'text/plain'
        resolve({
          status: incoming.statusCode ?? 502,
          headers: { 'content-type': contentType },
          body: Buffer.concat(chunks),
        })
      })
    })
    outgoing.end()
  })
}

function headOf(incoming: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${incoming.statusCode} ${incoming.statusMessage}`]
  for (let index = 0; index < incoming.rawHeaders.length; index += 2) {
    lines.push(`${incoming.rawHeaders[index]}: ${incoming.rawHeaders[index + 1]}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** Joins two connections. Where one ends, the other gets everything that came from it before it is closed. */
function join(a: Duplex, b: Duplex, slow?: () => Transform): void {
  for (const [each, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const between = slow?.()
    if (between === undefined) each.pipe(other)
    else each.pipe(between).pipe(other)
    each.on('error', () => other.destroy())
    each.on('close', () => other.end(() => other.destroy()))
  }
}
