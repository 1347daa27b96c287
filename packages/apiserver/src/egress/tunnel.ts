/**
 * Connections through a konnectivity server, which passes them to an agent on the other side
 * (sigs.k8s.io/apiserver-network-proxy/konnectivity-client; egress_selector.go, `udsGRPCConnector`). Loads gRPC, which is large.
 */
import { randomInt } from 'node:crypto'
import { isIPv6, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import * as grpc from '@grpc/grpc-js'
import { ConnectError } from './connect-error.ts'
import { type ConnectId, codec, PACKET, type Packet } from './tunnel-messages.ts'

/** Milliseconds for the server to connect us (upstream's backstop). */
const DIAL_TIMEOUT = 30_000
/** Milliseconds for the server to say that it has closed. */
const CLOSE_TIMEOUT = 10_000
/** No message is larger than this, so that none is refused. */
const MOST_BYTES = 1024 * 1024

type Stream = grpc.ClientDuplexStream<Packet, Packet>

/** Opens one connection over a gRPC connection of its own. Rejects in upstream's words. */
export async function dialTunnel(path: string, host: string, port: number): Promise<Socket> {
  const client = new grpc.Client(`unix:${path}`, grpc.credentials.createInsecure(), {
    'grpc.default_authority': 'localhost',
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': -1,
    'grpc.enable_retries': 0,
  })
  const stream: Stream = client.makeBidiStreamRequest('/ProxyService/Proxy', codec.encode, codec.decode)
  stream.on('error', () => {})
  try {
    const connectID = await connected(stream, path, `${isIPv6(host) ? `[${host}]` : host}:${port}`)
    return new Tunnel(client, stream, connectID) as unknown as Socket
  } catch (error) {
    stream.cancel()
    client.close()
    throw error
  }
}

function connected(stream: Stream, path: string, address: string): Promise<ConnectId> {
  return new Promise((resolve, reject) => {
    const random = randomInt(2 ** 47)
    let heard = false
    const settle = (outcome: () => void): void => {
      clearTimeout(timer)
      stream.off('data', take).off('end', end).off('error', fail).off('metadata', hear)
      stream.pause()
      outcome()
    }
    const hear = (): void => {
      heard = true
    }
    const end = (): void => settle(() => reject(new Error('tunnel closed')))
    const fail = (error: grpc.ServiceError): void =>
      settle(() =>
        reject(
          !heard && error.code === grpc.status.UNAVAILABLE ? notConnected(path, error) : new Error('tunnel closed'),
        ),
      )
    const take = ({ type, dialResponse }: Packet): void => {
      if (type === PACKET.closeDial) settle(() => reject(new Error('dial closed')))
      if (type !== PACKET.dialResponse || String(dialResponse?.random) !== String(random)) return
      if (dialResponse?.error) settle(() => reject(new Error(dialResponse.error)))
      else settle(() => resolve(dialResponse?.connectID))
    }
    const timer = setTimeout(() => {
      stream.write({ type: PACKET.closeDial, closeDial: { random } })
      settle(() => reject(new Error('dial timeout, backstop')))
    }, DIAL_TIMEOUT)
    stream.on('data', take).on('end', end).on('error', fail).on('metadata', hear)
    stream.write({ type: PACKET.dialRequest, dialRequest: { protocol: 'tcp', address, random } })
  })
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  ECONNREFUSED: 'connection refused',
  EACCES: 'permission denied',
}

function notConnected(path: string, { details }: grpc.ServiceError): Error {
  const [, code = ''] = /\b(E[A-Z]{3,})\b/.exec(details) ?? []
  const reason = REASONS[code] === undefined ? details : `connect: ${REASONS[code]}`
  return new ConnectError(`connection error: desc = "transport: error while dialing: dial unix ${path}: ${reason}"`)
}

/** A connection whose bytes go through the proxy. The protocol has no half-closed ones: whoever ends it closes it. */
class Tunnel extends Duplex {
  readonly #client: grpc.Client
  readonly #stream: Stream
  readonly #connectID: ConnectId
  #closing: NodeJS.Timeout | undefined

  constructor(client: grpc.Client, stream: Stream, connectID: ConnectId) {
    super({ allowHalfOpen: true })
    this.#client = client
    this.#stream = stream
    this.#connectID = connectID
    const over = (): void => {
      this.push(null)
      this.#release()
    }
    stream.on('data', ({ type, data }: Packet) => {
      if (type === PACKET.closeResponse) over()
      else if (type === PACKET.data && data?.data && !this.push(data.data)) stream.pause()
    })
    stream.on('end', over).on('error', over)
  }

  override _read(): void {
    this.#stream.resume()
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    for (let at = 0; at < chunk.length; at += MOST_BYTES) {
      const last = at + MOST_BYTES >= chunk.length
      const data = { connectID: this.#connectID, data: chunk.subarray(at, at + MOST_BYTES) }
      this.#stream.write({ type: PACKET.data, data }, last ? done : undefined)
    }
    if (chunk.length === 0) done()
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#close()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#close()
    // What still comes is for nobody; until the server says that it has closed.
    this.#stream.resume()
    done(error)
  }

  // What HTTP clients ask of a socket, and a tunnel does not have.
  setKeepAlive = (): this => this
  setNoDelay = (): this => this
  setTimeout = (): this => this
  ref = (): this => this
  unref = (): this => this

  #close(): void {
    if (this.#closing !== undefined || this.#stream.destroyed) return
    this.#closing = setTimeout(() => this.#release(), CLOSE_TIMEOUT)
    this.#stream.write({ type: PACKET.closeRequest, closeRequest: { connectID: this.#connectID } })
  }

  #release(): void {
    clearTimeout(this.#closing)
    this.#stream.cancel()
    this.#client.close()
  }
}
