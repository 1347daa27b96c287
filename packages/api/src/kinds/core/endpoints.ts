import type { Endpoints as EndpointsObject } from '../../generated/core.v1.ts'
import { Endpoints } from '../../resources.ts'
import { ageColumn, nameColumn, of, text, withMore } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { ipWarnings } from '../shared/warnings.ts'
import { validateEndpoints, validateEndpointsUpdate } from './endpoints-validation.ts'

function defaultEndpoints({ subsets }: EndpointsObject): void {
  for (const { ports } of subsets ?? []) for (const port of ports ?? []) port.protocol ||= 'TCP'
}

function endpointsText({ subsets = [] }: EndpointsObject): string {
  const list: string[] = []
  for (const { addresses = [], ports = [] } of subsets) {
    for (const port of ports) {
      for (const { ip = '' } of addresses) list.push(`${ip.includes(':') ? `[${ip}]` : ip}:${port.port}`)
    }
    if (ports.length === 0) for (const { ip } of addresses) list.push(ip)
  }
  return subsets.length === 0 ? '<none>' : withMore(list, 3, '')
}

const MANAGER = 'endpoints.kubernetes.io/managed-by'

/** What our own controller writes is not looked at again. */
function warnings({ metadata, subsets = [] }: EndpointsObject): string[] {
  if (metadata.labels?.[MANAGER] === 'endpoint-controller') return []
  return subsets.flatMap((subset, index) =>
    (['addresses', 'notReadyAddresses'] as const).flatMap(list =>
      (subset[list] ?? []).flatMap(({ ip }, i) => ipWarnings(`subsets[${index}].${list}[${i}].ip`, ip)),
    ),
  )
}

export const EndpointsKind = defineKind<EndpointsObject>({
  type: Endpoints,
  message: 'core.v1.Endpoints',
  storagePrefix: 'services/endpoints',
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  strategy: strategyOf(
    {},
    {
      default: defaultEndpoints,
      warnings,
      validate: validateEndpoints,
      validateUpdate: validateEndpointsUpdate,
      allowCreateOnUpdate: true,
    },
  ),
  columns: [nameColumn, text('Endpoints', of('core.v1.Endpoints.subsets'), endpointsText), ageColumn],
})
