import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** Ports of this machine on which nobody listens, each another one: all are held until the last is found. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => (server.address() as AddressInfo).port)
  await Promise.all(servers.map(server => once(server.close(), 'close')))
  return ports
}

/** A port of this machine on which nobody listens. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1)
  return port!
}
