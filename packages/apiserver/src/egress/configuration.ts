/** `--egress-selector-config-file` (apiserver.k8s.io, `EgressSelectorConfiguration`; k8s.io/apiserver/pkg/server/egressselector/config.go). */
import { duplicate, type FieldError, invalid, notSupported, required } from '@canopus/apimachinery'
import { load } from 'js-yaml'
import { checkConfiguration, type FieldTree, throwFieldErrors } from '../configuration/read.ts'

export type EgressName = 'cluster' | 'controlplane' | 'etcd'

export interface ProxyTls {
  readonly caBundle?: string
  readonly clientKey?: string
  readonly clientCert?: string
  readonly tlsServerName?: string
}

export interface EgressTransport {
  readonly tcp?: { readonly url?: string; readonly tlsConfig?: ProxyTls }
  readonly uds?: { readonly udsName?: string }
}

export interface EgressConnection {
  readonly proxyProtocol?: string
  readonly transport?: EgressTransport
}

export interface EgressSelection {
  readonly name?: string
  readonly connection?: EgressConnection
}

const KIND = 'EgressSelectorConfiguration'
const VERSIONS = ['apiserver.k8s.io/v1beta1', 'apiserver.k8s.io/v1alpha1']
const NAMES = ['cluster', 'controlplane', 'etcd']
const FIELDS: { readonly [field: string]: FieldTree } = {
  egressSelections: [
    {
      name: true,
      connection: {
        proxyProtocol: true,
        transport: {
          tcp: { url: true, tlsConfig: { caBundle: true, clientKey: true, clientCert: true, tlsServerName: true } },
          uds: { udsName: true },
        },
      },
    },
  ],
}
const AT = 'service.connection'

/** Throws Error, in upstream's words, where the text is no such configuration. `exists` says whether there is a file. */
export function readEgressConfiguration(text: string, exists: (path: string) => boolean): readonly EgressSelection[] {
  const { egressSelections } = checkConfiguration(load(text), KIND, { [KIND]: VERSIONS }, FIELDS)
  const selections = (egressSelections ?? []) as readonly EgressSelection[]
  const check = ({ connection = {} }: EgressSelection): FieldError[] => connectionErrors(connection, exists)
  throwFieldErrors([...selections.flatMap(check), ...nameErrors(selections)])
  return selections
}

function connectionErrors({ proxyProtocol = '', transport }: EgressConnection, exists: (path: string) => boolean) {
  switch (proxyProtocol) {
    case 'Direct':
      return transport ? [invalid(`${AT}.transport`, 'direct', 'config must be absent for direct connect')] : []
    case 'HTTPConnect':
      return httpConnectErrors(transport, exists)
    case 'GRPC':
      if (!transport) return [required(`${AT}.transport`, 'transport must be set for GRPC')]
      return transport.uds ? udsErrors(transport.uds) : [required(`${AT}.uds`, 'UDS must be set with GRPC')]
    default:
      return [notSupported(`${AT}.protocol`, proxyProtocol, ['Direct', 'HTTPConnect', 'GRPC'])]
  }
}

function httpConnectErrors(transport: EgressTransport | undefined, exists: (path: string) => boolean): FieldError[] {
  if (!transport) return [required(`${AT}.transport`, 'transport must be set for HTTPConnect')]
  const { tcp, uds } = transport
  if (tcp && uds) return [invalid(`${AT}.tcp`, tcp, 'TCP and UDS cannot both be set')]
  if (tcp) return tcpErrors(tcp, exists)
  return uds ? udsErrors(uds) : [required(`${AT}.tcp`, 'One of TCP or UDS must be set')]
}

const udsErrors = ({ udsName = '' }: NonNullable<EgressTransport['uds']>): FieldError[] =>
  udsName === '' ? [invalid(`${AT}.udsName`, 'nil', 'must be present for UDS connections')] : []

function tcpErrors(
  { url = '', tlsConfig }: NonNullable<EgressTransport['tcp']>,
  exists: (path: string) => boolean,
): FieldError[] {
  if (url.startsWith('http://'))
    return tlsConfig ? [invalid(`${AT}.tlsConfig`, 'nil', 'config must not be present when using HTTP')] : []
  if (!url.startsWith('https://'))
    return [invalid(`${AT}.url`, url, 'supported connection protocols are http:// and https://')]
  if (!tlsConfig) return [required(`${AT}.tlsConfig`, 'TLSConfig must be present when using HTTPS')]
  const { caBundle = '', clientCert = '', clientKey = '' } = tlsConfig
  const at = `${AT}.tlsConfig`
  const file = (name: string, path: string, missing: string, absent: string): FieldError[] => {
    if (path === '') return missing === '' ? [] : [invalid(`${at}.${name}`, 'nil', missing)]
    return exists(path) ? [] : [invalid(`${at}.${name}`, path, absent)]
  }
  return [
    ...file('caBundle', caBundle, '', 'TLS config ca bundle does not exist'),
    ...file('clientCert', clientCert, 'Using TLS requires clientCert', 'TLS client cert does not exist'),
    ...file('clientKey', clientKey, 'Using TLS requires requires clientKey', 'TLS client key does not exist'),
  ]
}

function nameErrors(selections: readonly EgressSelection[]): FieldError[] {
  const seen = new Set<string>()
  return selections.flatMap(({ name = '' }, index) => {
    const canonical = name.toLowerCase()
    if (seen.has(canonical)) return [duplicate(`${AT}[${index}]`, canonical)]
    seen.add(canonical)
    return NAMES.includes(canonical) ? [] : [notSupported(AT, canonical, NAMES)]
  })
}
