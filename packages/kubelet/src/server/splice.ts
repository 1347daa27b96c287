import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'

/** The runtime's side of a stream. */
export interface RuntimeStream {
  /** Bytes that have come from the runtime. */
  received(): number
  /** Bytes of them that the client has not taken yet. */
  waiting(): number
  /** Ends the runtime's side; the client is told the end. */
  end(): void
}

/** Headers that are the client's with us, not with the runtime. */
const OWN_HEADERS = new Set(['host', 'authorization'])

/**
 * Hands an upgrade request over to the runtime's streaming server at `url`: the same method and headers, and from then on
 * every byte both ways. Whatever the two speak (SPDY, WebSocket) is theirs.
 */
export function splice(request: IncomingMessage, client: Duplex, head: Buffer, url: string): RuntimeStream {
  const target = new URL(url)
  const upstream = connect(Number(target.port), target.hostname, () => {
    upstream.setNoDelay(true)
    upstream.write(requestText(request, target))
    if (head.length > 0) upstream.write(head)
    upstream.pipe(client)
    client.pipe(upstream)
  })
  const destroy = (): void => {
    upstream.destroy()
    client.destroy()
  }
  upstream.on('error', destroy)
  client.on('error', destroy)
  upstream.on('close', () => client.end())
  client.on('close', () => upstream.end())
  return {
    received: () => upstream.bytesRead,
    waiting: () => client.writableLength,
    end: () => upstream.destroy(),
  }
}

function requestText(request: IncomingMessage, target: URL): string {
  const lines = [`${request.method} ${target.pathname}${target.search} HTTP/1.1`, `Host: ${target.host}`]
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index]!
    if (!OWN_HEADERS.has(name.toLowerCase())) lines.push(`${name}: ${request.rawHeaders[index + 1]}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** Answers an upgrade request that cannot be served. */
export function refuse(client: Duplex, status: number, reason: string, message: string): void {
  const body = Buffer.from(message)
  client.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${message}`,
  )
}
