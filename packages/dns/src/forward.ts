import { createSocket } from 'node:dgram'
import { type Clock, sleep } from '@canopus/base'
import { readTextIfPresent } from '@canopus/platform'

/** The name servers of a resolv.conf, in order; loopback ones are left out since pods' queries would come back to us. */
export function nameServers(path: string, own: readonly string[]): string[] {
  const text = readTextIfPresent(path) ?? ''
  const found = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(match => match[1]!)
  return found.filter(server => !server.includes(':') && !own.includes(server))
}

/** Asks the servers in turn over UDP, each with a deadline in milliseconds. Rejects where none answers. */
export function createForwarder(
  servers: readonly string[],
  clock: Clock,
  deadline = 2000,
): ((query: Uint8Array) => Promise<Uint8Array>) | undefined {
  if (servers.length === 0) return undefined
  return async query => {
    let last: unknown
    for (const server of servers) {
      try {
        return await ask(server, query, clock, deadline)
      } catch (error) {
        last = error
      }
    }
    throw last
  }
}

async function ask(server: string, query: Uint8Array, clock: Clock, deadline: number): Promise<Uint8Array> {
  const socket = createSocket('udp4')
  const done = new AbortController()
  try {
    return await Promise.race([
      new Promise<Uint8Array>((resolve, reject) => {
        socket.once('error', reject)
        socket.on('message', message => {
          if (message[0] === query[0] && message[1] === query[1]) resolve(message)
        })
        socket.send(query, 53, server)
      }),
      sleep(clock, deadline, done.signal).then(() => Promise.reject(new Error(`no answer from ${server}`))),
    ])
  } finally {
    done.abort()
    socket.close()
  }
}
