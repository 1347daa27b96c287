import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { type Clock, sleep } from '@canopus/base'
import { readTextIfPresent } from '@canopus/platform'
import type { Forwarder } from './server.ts'

/** The name servers of a resolv.conf, in order; loopback ones are left out since pods' queries would come back to us. */
export function nameServers(path: string, own: readonly string[]): string[] {
  const text = readTextIfPresent(path) ?? ''
  const found = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(match => match[1]!)
  return found.filter(server => !server.includes(':') && !own.includes(server))
}

/**
 * Asks the servers in turn over UDP, or over TCP where the question came that way, each with a deadline in milliseconds.
 * One that refuses is not waited for. Rejects where none answers. `port` is for tests.
 */
export function createForwarder(
  servers: readonly string[],
  clock: Clock,
  { deadline = 2000, port = 53 } = {},
): Forwarder | undefined {
  if (servers.length === 0) return undefined
  return async (query, transport) => {
    let last: unknown
    for (const server of servers) {
      const done = new AbortController()
      const late = sleep(clock, deadline, done.signal).then(() => Promise.reject(new Error(`no answer from ${server}`)))
      try {
        return await Promise.race([(transport === 'udp' ? askUdp : askTcp)({ server, port }, query, done.signal), late])
      } catch (error) {
        last = error
      } finally {
        done.abort()
        late.catch(() => {})
      }
    }
    throw last
  }
}

interface Peer {
  server: string
  port: number
}

const isAnswerTo = (query: Uint8Array, message: Uint8Array): boolean =>
  message[0] === query[0] && message[1] === query[1]

/** Over a connected socket: only that one is told when nobody listens there (ICMP), and takes no answer from elsewhere. */
function askUdp({ server, port }: Peer, query: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  const socket = createSocket('udp4')
  signal.addEventListener('abort', () => socket.close())
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.once('connect', () => {
      if (!signal.aborted) socket.send(query)
    })
    socket.on('message', message => {
      if (isAnswerTo(query, message)) resolve(message)
    })
    socket.connect(port, server)
  })
}

/** RFC 1035, 4.2.2: two bytes of length before each message. */
function askTcp({ server, port }: Peer, query: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  const socket = connect({ host: server, port })
  signal.addEventListener('abort', () => socket.destroy())
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`${server} closed the connection`)))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
      const message = received.subarray(2, 2 + received.readUInt16BE(0))
      if (isAnswerTo(query, message)) resolve(message)
    })
    const length = Buffer.alloc(2)
    length.writeUInt16BE(query.length)
    socket.write(Buffer.concat([length, query]))
  })
}
