import { isIPv6 } from 'node:net'

/** Host and port as clients are told of them; a host that names a port already stays as it is. */
export function publicAddress(host: string, port: number): string {
  if (isIPv6(host)) return `[${host}]:${port}`
  return host.includes(':') ? host : `${host}:${port}`
}
