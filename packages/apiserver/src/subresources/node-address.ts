/** Where a node's kubelet listens, and with what the API server shows itself there. */
import { Nodes } from '@canopus/api'
import type { Node } from '@canopus/api/core/v1'
import { notFoundError, plainError } from '@canopus/apimachinery'
import { type Trust, trusting } from '@canopus/platform'
import type { ObjectReader } from '../security.ts'

export interface KubeletCredentials {
  /** PEM of the client certificate (`apiserver-kubelet-client`); kubelets are asked without one where it is missing. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** Authority of the kubelets' serving certificates; not verified where missing, as upstream. */
  readonly ca?: string
  /** Port of kubelets whose nodes tell none; 10250 where missing. */
  readonly port?: number
  /** Address types in order of preference; upstream's order where missing. */
  readonly addressTypes?: readonly string[]
}

/** What a TLS connection to a kubelet is made with. */
export function kubeletTls({
  cert,
  key,
  ca,
}: KubeletCredentials): Partial<Trust<string>> & { cert?: string; key?: string } {
  return {
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(ca === undefined ? {} : trusting(ca)),
  }
}

const ADDRESS_TYPES = ['Hostname', 'InternalDNS', 'InternalIP', 'ExternalDNS', 'ExternalIP']
const KUBELET_PORT = 10250

export interface NodeAddress {
  readonly host: string
  readonly port: number
}

/** Throws StatusError 404 for a node that does not exist, as one of `resource`, and 500 for one that tells no address. */
export function kubeletAddress(
  objects: ObjectReader,
  name: string,
  credentials: KubeletCredentials,
  resource = 'nodes',
): NodeAddress {
  const node = objects.get(Nodes, name)
  if (node === undefined) throw notFoundError({ group: '', resource, name })
  return {
    host: addressOf(node, credentials.addressTypes ?? ADDRESS_TYPES),
    port: portOf(node) || (credentials.port ?? KUBELET_PORT),
  }
}

function portOf(node: Node): number {
  return node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0
}

function addressOf(node: Node, types: readonly string[]): string {
  const addresses = node.status?.addresses ?? []
  // A host name need not resolve from here; an address always works, and is what kubelets report.
  const order = types === ADDRESS_TYPES ? ['InternalIP', ...types] : types
  for (const type of order) {
    const found = addresses.find(each => each.type === type)
    if (found !== undefined) return found.address
  }
  // As Go prints a list of structures (pkg/util/node, NoMatchError).
  const known = addresses.map(({ type, address }) => `{${type} ${address}}`).join(' ')
  const message = `no preferred addresses found; known addresses: [${known}]`
  throw plainError(message)
}
