import type { EndpointSlice } from '../../generated/discovery.v1.ts'
import { EndpointSlices } from '../../resources.ts'
import { ageColumn, nameColumn, text, withMore } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateEndpointSlice, validateEndpointSliceUpdate } from './validation.ts'

function defaultSlice(slice: EndpointSlice): void {
  for (const port of slice.ports ?? []) {
    port.name ??= ''
    port.protocol ??= 'TCP'
  }
}

const portsText = ({ ports = [] }: EndpointSlice): string =>
  withMore(
    ports.map(({ port, name }) => (port !== undefined ? String(port) : name || '*')),
    3,
    '<unset>',
  )

export const EndpointSliceKind = defineKind<EndpointSlice>({
  type: EndpointSlices,
  message: 'discovery.v1.EndpointSlice',
  storagePrefix: 'endpointslices',
  strategy: strategyOf(
    { generation: true, labelsCount: true },
    { validate: validateEndpointSlice, validateUpdate: validateEndpointSliceUpdate, default: defaultSlice },
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
