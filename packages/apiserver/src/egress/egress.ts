import type { ConnectionOptions } from 'node:tls'
import type { EgressName, EgressSelection, ProxyTls } from './configuration.ts'
import { type Dialer, throughProxy } from './dial.ts'

/** By what way connections leave; those without an entry go straight. */
export type Egress = { readonly [Name in EgressName]?: Dialer }

/** What is not implemented of a selection that is right in itself. */
export class UnsupportedEgressError extends Error {}

/** `read` gives the text of a file. Throws UnsupportedEgressError for proxies that speak gRPC, and for those before etcd. */
export function egressOf(selections: readonly EgressSelection[], read: (path: string) => string): Egress {
  const egress: { [name: string]: Dialer } = {}
  for (const { name = '', connection = {} } of selections) {
    if (connection.proxyProtocol === 'Direct') continue
    const way = name.toLowerCase()
    if (connection.proxyProtocol === 'GRPC') throw new UnsupportedEgressError('proxyProtocol GRPC is not implemented')
    if (way === 'etcd') throw new UnsupportedEgressError('a proxy before etcd is not implemented')
    const { tcp, uds } = connection.transport ?? {}
    egress[way] = throughProxy(uds ? { path: uds.udsName! } : tcpProxy(tcp!.url!, tcp!.tlsConfig, read))
  }
  return egress
}

function tcpProxy(url: string, tls: ProxyTls | undefined, read: (path: string) => string) {
  const { hostname, port, protocol } = new URL(url)
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const isTls = protocol === 'https:'
  const address = { host, port: Number(port || (isTls ? 443 : 80)) }
  return isTls ? { ...address, tls: proxyTls(tls ?? {}, read) } : address
}

function proxyTls(
  { caBundle, clientCert, clientKey, tlsServerName }: ProxyTls,
  read: (path: string) => string,
): ConnectionOptions {
  return {
    ...(caBundle ? { ca: read(caBundle) } : {}),
    ...(clientCert ? { cert: read(clientCert) } : {}),
    ...(clientKey ? { key: read(clientKey) } : {}),
    ...(tlsServerName ? { servername: tlsServerName } : {}),
  }
}
