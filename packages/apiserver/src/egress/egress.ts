import type { ConnectionOptions } from 'node:tls'
import type { EgressName, EgressSelection, ProxyTls } from './configuration.ts'
import { type Dialer, throughProxy } from './dial.ts'
import type { Measured } from './dial-metrics.ts'

/** By what way connections leave. Those of an entry without a dialer go straight, and so do those without an entry. */
export type Egress = { readonly [Name in EgressName]?: Dialer | undefined }

export interface EgressOptions {
  /** Gives the text of a file. */
  read(path: string): string
  /** Counts what is dialled; nobody does where missing. */
  readonly measured?: Measured
}

export function egressOf(
  selections: readonly EgressSelection[],
  { read, measured = dial => dial }: EgressOptions,
): Egress {
  const egress: { [name: string]: Dialer | undefined } = {}
  for (const { name = '', connection = {} } of selections) {
    const { proxyProtocol, transport: { tcp, uds } = {} } = connection
    const transport = uds ? 'uds' : 'tcp'
    const dialer = (): Dialer | undefined => {
      if (proxyProtocol === 'Direct') return undefined
      if (proxyProtocol === 'GRPC') return measured(throughTunnel(uds!.udsName!), 'grpc', transport)
      const proxy = uds ? { path: uds.udsName! } : tcpProxy(tcp!.url!, tcp!.tlsConfig, read)
      return measured(throughProxy(proxy), 'http_connect', transport)
    }
    egress[name.toLowerCase()] = dialer()
  }
  return egress
}

/** gRPC is loaded for the first connection. */
const throughTunnel =
  (path: string): Dialer =>
  async (host, port) => {
    const { dialTunnel } = await import('./tunnel.ts')
    return dialTunnel(path, host, port)
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
