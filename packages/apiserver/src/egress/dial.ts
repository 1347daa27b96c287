/** Connections through a proxy that speaks HTTP CONNECT (k8s.io/apiserver/pkg/server/egressselector/egress_selector.go). */
import type { RequestOptions } from 'node:http'
import { Agent, type AgentOptions } from 'node:https'
import { connect, isIPv6, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { ConnectError } from './connect-error.ts'

/** Opens a connection to a host and port, however that is reached. */
export type Dialer = (host: string, port: number) => Promise<Socket>

/** How a proxy is reached. */
export type ProxyAddress =
  | { readonly path: string }
  | { readonly host: string; readonly port: number; readonly tls?: ConnectionOptions }

/** Go's limit for the headers of an answer. */
const MOST_HEADER_BYTES = 1024 * 1024
/** Milliseconds that the proxy has (that of Go's default transport). */
const DIAL_TIMEOUT = 30_000
const END_OF_HEAD = '\r\n\r\n'

/** A dialer by way of the proxy. Its promises reject, in upstream's words, where the proxy says no. */
export function throughProxy(proxy: ProxyAddress): Dialer {
  const name = 'path' in proxy ? proxy.path : `${proxy.host}:${proxy.port}`
  return async (host, port) => {
    const socket = await openProxy(proxy)
    const target = `${isIPv6(host) ? `[${host}]` : host}:${port}`
    try {
      socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: 127.0.0.1${END_OF_HEAD}`)
      const problem = problemOf(await answerOf(socket), name, target)
      if (problem === undefined) return socket
      throw new Error(problem)
    } catch (error) {
      socket.destroy()
      if (!(error instanceof NoAnswer)) throw error
      throw new Error(`reading HTTP response from CONNECT to ${target} via proxy ${name} failed: ${error.message}`)
    }
  }
}

class NoAnswer extends Error {}

/**
 * What the proxy says first: as far as its headers go, and what came with them. Read piece by piece: who listened to `data` would
 * leave a socket that flows, or one that is paused for whoever comes next.
 */
function answerOf(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const settle = (outcome: () => void): void => {
      socket.setTimeout(0)
      socket.off('readable', read).off('end', end).off('error', reject).off('timeout', expire)
      outcome()
    }
    const end = (): void => settle(() => reject(new NoAnswer('unexpected EOF')))
    const expire = (): void => settle(() => reject(new NoAnswer('i/o timeout')))
    const read = (): void => {
      const chunk = socket.read() as Buffer | null
      if (chunk === null) return
      answer += chunk.toString('latin1')
      if (answer.includes(END_OF_HEAD)) settle(() => resolve(answer))
      else if (answer.length > MOST_HEADER_BYTES) end()
    }
    socket.on('readable', read).on('end', end).on('error', reject).on('timeout', expire)
    socket.setTimeout(DIAL_TIMEOUT)
  })
}

/** Undefined where the connection stands. */
function problemOf(answer: string, proxy: string, target: string): string | undefined {
  const [, code = '', reason = ''] = /^HTTP\/1\.[01] (\d{3})( .*)?/.exec(answer) ?? []
  if (code === '') throw new NoAnswer(`malformed HTTP response ${JSON.stringify(answer.split('\r\n')[0])}`)
  if (code !== '200') return `proxy error from ${proxy} while dialing ${target}, code ${code}: ${code}${reason}`
  const more = answer.length - answer.indexOf(END_OF_HEAD) - END_OF_HEAD.length
  return more === 0 ? undefined : `unexpected ${more} bytes of buffered data from CONNECT proxy "${proxy}"`
}

/** Rejects with ConnectError. */
function openProxy(proxy: ProxyAddress): Promise<Socket> {
  const { tls, ...address } = 'path' in proxy ? { path: proxy.path, tls: undefined } : proxy
  return new Promise((resolve, reject) => {
    const socket = tls === undefined ? connect(address) : connectTls({ ...address, ...tls })
    const failed = (error: Error): void => reject(new ConnectError(error.message, { cause: error }))
    socket.once('error', failed)
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      socket.off('error', failed)
      resolve(socket)
    })
  })
}

/** For a request without TLS: the connection that it goes over. */
export const dialled = (dial: Dialer): Pick<RequestOptions, 'createConnection'> => ({
  createConnection: ({ host, port }, callback) => {
    dial(String(host), Number(port)).then(
      socket => callback(null, socket),
      error => callback(error, undefined as never),
    )
    return undefined
  },
})

/** Connections over TLS on top of those that a dialer opens. */
export class EgressAgent extends Agent {
  readonly #dial: Dialer

  constructor(dial: Dialer, options: AgentOptions) {
    super(options)
    this.#dial = dial
  }

  override createConnection(
    options: ConnectionOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    // The host stays, for the certificate to be held to.
    const { port, path: _, ...tls } = options
    this.#dial(String(tls.host), Number(port)).then(
      socket => callback?.(null, connectTls({ ...tls, socket })),
      error => callback?.(error, undefined as never),
    )
    return undefined
  }
}

/** An agent that reaches what it asks through `dial`, straight where that is missing. */
export const agentOver = (dial: Dialer | undefined, options: AgentOptions): Agent =>
  dial === undefined ? new Agent(options) : new EgressAgent(dial, options)
