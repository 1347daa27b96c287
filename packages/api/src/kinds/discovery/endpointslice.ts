import type { EndpointSlice } from '../../generated/discovery.v1.ts'
import { EndpointSlices } from '../../resources.ts'
import { ageColumn, nameColumn, text, withMore } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { ipWarnings } from '../shared/warnings.ts'
import { validateEndpointSlice, validateEndpointSliceUpdate } from './validation.ts'

function defaultSlice(slice: EndpointSlice): void {
  for (const port of slice.ports ?? []) {
    port.name ??= ''
    port.protocol ??= 'TCP'
  }
}

const portsText = ({ ports }: EndpointSlice): string =>
  withMore(
    (ports ?? []).map(({ port, name }) => (port !== undefined ? String(port) : name || '*')),
    3,
    '<unset>',
  )

const MANAGER = 'endpointslice.kubernetes.io/managed-by'
const OUR_CONTROLLERS = ['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io']

/** What our own controllers write is not looked at again. */
function warnings({ metadata, addressType, endpoints }: EndpointSlice, old: EndpointSlice | undefined): string[] {
  const isOld = old === undefined && addressType === 'FQDN'
  const found = isOld ? ['spec.addressType: FQDN endpoints are deprecated'] : []
  if (OUR_CONTROLLERS.includes(metadata.labels?.[MANAGER] ?? '')) return found
  for (const [index, { addresses = [] }] of (endpoints ?? []).entries()) {
    for (const [i, ip] of addresses.entries()) found.push(...ipWarnings(`endpoints[${index}].addresses[${i}]`, ip))
  }
  return found
}

export const EndpointSliceKind = defineKind<EndpointSlice>({
  type: EndpointSlices,
  message: 'discovery.v1.EndpointSlice',
  storagePrefix: 'endpointslices',
  strategy: strategyOf(
    { generation: true, labelsCount: true },
    { validate: validateEndpointSlice, validateUpdate: validateEndpointSliceUpdate, default: defaultSlice, warnings },
  ),
  columns: [
    nameColumn,
    text('AddressType', 'IPv4, IPv6 or FQDN.', slice => slice.addressType),
    text('Ports', 'Ports of every endpoint.', portsText),
    text('Endpoints', 'Addresses of the endpoints.', slice =>
      withMore(
        (slice.endpoints ?? []).flatMap(each => each.addresses ?? []),
        3,
        '<unset>',
      ),
    ),
    ageColumn,
  ],
})
