/** Where a request comes from (k8s.io/apimachinery/pkg/util/net, SourceIPs). */
import { isIP } from 'node:net'
import { type Headers, header } from '../http/message.ts'

/** The chain of addresses that proxies told, then the peer's own, which nobody can make up. */
export function sourceAddresses(headers: Headers, remoteAddress: string): string[] {
  const told = (header(headers, 'x-forwarded-for') ?? '').split(',').map(plain)
  const addresses = told.filter(text => isIP(text) !== 0)
  const real = plain(header(headers, 'x-real-ip') ?? '')
  if (isIP(real) !== 0 && !addresses.includes(real)) addresses.push(real)
  const remote = plain(remoteAddress)
  if (isIP(remote) !== 0 && addresses.at(-1) !== remote) addresses.push(remote)
  return addresses
}

const plain = (text: string): string => text.trim().replace(/^::ffff:(?=\d+\.)/, '')
