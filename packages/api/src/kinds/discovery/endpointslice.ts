import type { EndpointSlice } from '../../generated/discovery.v1.ts'
import { EndpointSlices } from '../../resources.ts'
import { ageColumn, nameColumn, of, text, withMore } from '../shared/columns.ts'
import { sameIn } from '../shared/equality.ts'
import { defineKind, sameSpec, setGeneration, strategyOf } from '../shared/strategy.ts'
import { ipWarnings } from '../shared/warnings.ts'
import { validateEndpointSlice, validateEndpointSliceUpdate } from './validation.ts'

function defaultSlice(slice: EndpointSlice): void {
  for (const port of slice.ports ?? []) {
    port.name ??= ''
    port.protocol ??= 'TCP'
  }
}

/**
 * What v1 no longer has: only who has a topology keeps it, and only while its endpoints stay the same. A node's name that stood
 * there is kept where its field says nothing (pkg/registry/discovery/endpointslice/strategy.go, dropTopologyOnV1).
 */
function dropTopology(slice: EndpointSlice, old: EndpointSlice | undefined): void {
  if (old !== undefined && sameIn('discovery.v1.EndpointSlice', 'endpoints', old, slice)) return
  if (!slice.endpoints) return
  const known = new Set((old?.endpoints ?? []).map(each => each.deprecatedTopology?.[HOSTNAME]))
  slice.endpoints = slice.endpoints.map(endpoint => {
    const { deprecatedTopology, ...rest } = endpoint
    if (deprecatedTopology === undefined) return endpoint
    const node = deprecatedTopology[HOSTNAME]
    return rest.nodeName === undefined && node !== undefined && known.has(node) ? { ...rest, nodeName: node } : rest
  })
}

const HOSTNAME = 'kubernetes.io/hostname'

const portsText = ({ ports }: EndpointSlice): string =>
  withMore(
    (ports ?? []).map(({ port, name = '' }) => (port === undefined ? name : String(port))),
    3,
    '<unset>',
  ) || '<unset>'

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
  strategy: strategyOf<EndpointSlice>(
    {},
    {
      validate: validateEndpointSlice,
      validateUpdate: validateEndpointSliceUpdate,
      default: defaultSlice,
      prepareForCreate(slice) {
        slice.metadata.generation = 1
        dropTopology(slice, undefined)
      },
      // What is dropped counts as a change.
      prepareForUpdate(slice, old) {
        const sameLabels = sameIn('am.apis.meta.v1.ObjectMeta', 'labels', slice.metadata, old.metadata)
        setGeneration(slice, old, sameLabels && sameSpec(slice, old))
        dropTopology(slice, old)
      },
      warnings,
    },
  ),
  columns: [
    nameColumn,
    text('AddressType', of('discovery.v1.EndpointSlice.addressType'), slice => slice.addressType),
    text('Ports', of('discovery.v1.EndpointSlice.ports'), portsText),
    text('Endpoints', of('discovery.v1.EndpointSlice.endpoints'), slice =>
      withMore(
        (slice.endpoints ?? []).flatMap(each => each.addresses ?? []),
        3,
        '<unset>',
      ),
    ),
    ageColumn,
  ],
})
