/** EndpointSlices (pkg/apis/discovery/validation/validation.go). */
import {
  checkDns1123Label,
  checkDns1123Subdomain,
  checkQualifiedName,
  duplicate,
  type FieldError,
  IMMUTABLE_MESSAGE,
  invalid,
  isIpv4,
  isIpv6,
  notSupported,
  required,
  tooMany,
} from '@canopus/apimachinery'
import type { Endpoint, EndpointPort, EndpointSlice } from '../../generated/discovery.v1.ts'
import { PROTOCOLS } from '../core/pod/validate-container.ts'
import { checkText, type Errors } from '../shared/check.ts'
import { checkNonSpecialIp } from '../shared/ip-check.ts'

const TYPES = ['FQDN', 'IPv4', 'IPv6']
const MOST_ENDPOINTS = 1000
const MOST_ADDRESSES = 100
const MOST_PORTS = 20000
const MOST_HINTS = 8

export function validateEndpointSlice(slice: EndpointSlice): FieldError[] {
  const errors: Errors = []
  const { addressType, endpoints = [], ports = [] } = slice
  if (!addressType) errors.push(required('addressType'))
  else if (!TYPES.includes(addressType)) errors.push(notSupported('addressType', addressType, TYPES))
  if (endpoints.length > MOST_ENDPOINTS) errors.push(tooMany('endpoints', endpoints.length, MOST_ENDPOINTS))
  else for (let i = 0; i < endpoints.length; i++) checkEndpoint(errors, `endpoints[${i}]`, endpoints[i]!, addressType)
  if (ports.length > MOST_PORTS) errors.push(tooMany('ports', ports.length, MOST_PORTS))
  else checkPorts(errors, ports)
  return errors
}

function checkEndpoint(errors: Errors, path: string, endpoint: Endpoint, type: string): void {
  const { addresses = [], nodeName, hostname, hints } = endpoint
  if (addresses.length === 0) errors.push(required(`${path}.addresses`, 'must contain at least 1 address'))
  else if (addresses.length > MOST_ADDRESSES) {
    errors.push(tooMany(`${path}.addresses`, addresses.length, MOST_ADDRESSES))
  }
  for (const [index, address] of addresses.entries()) {
    const field = `${path}.addresses[${index}]`
    if (type === 'FQDN') checkText(errors, field, address, checkDns1123Subdomain)
    else if (type === 'IPv4' && !isIpv4(address)) errors.push(invalid(field, address, 'must be a valid IPv4 address'))
    else if (type === 'IPv6' && !isIpv6(address)) errors.push(invalid(field, address, 'must be a valid IPv6 address'))
    else checkNonSpecialIp(errors, field, address)
  }
  if (nodeName !== undefined) checkText(errors, `${path}.nodeName`, nodeName, checkDns1123Subdomain)
  if (hostname !== undefined) checkText(errors, `${path}.hostname`, hostname, checkDns1123Label)
  for (const list of ['forZones', 'forNodes'] as const) {
    const entries = hints?.[list] ?? []
    if (entries.length > MOST_HINTS) errors.push(tooMany(`${path}.hints.${list}`, entries.length, MOST_HINTS))
  }
}

function checkPorts(errors: Errors, ports: readonly EndpointPort[]): void {
  const names = new Set<string>()
  for (const [index, { name = '', protocol, appProtocol }] of ports.entries()) {
    const path = `ports[${index}]`
    if (name !== '') checkText(errors, `${path}.name`, name, checkDns1123Label)
    if (names.has(name)) errors.push(duplicate(`${path}.name`, name))
    names.add(name)
    if (protocol === undefined) errors.push(required(`${path}.protocol`))
    else if (!PROTOCOLS.includes(protocol)) errors.push(notSupported(`${path}.protocol`, protocol, PROTOCOLS))
    if (appProtocol !== undefined) checkText(errors, `${path}.appProtocol`, appProtocol, checkQualifiedName)
  }
}

export function validateEndpointSliceUpdate(slice: EndpointSlice, old: EndpointSlice): FieldError[] {
  const errors = validateEndpointSlice(slice)
  if (slice.addressType !== old.addressType) errors.push(invalid('addressType', slice.addressType, IMMUTABLE_MESSAGE))
  return errors
}
