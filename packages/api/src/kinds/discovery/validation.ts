/** EndpointSlices (pkg/apis/discovery/validation/validation.go). */
import {
  checkDns1123Label,
  checkDns1123Subdomain,
  checkLabelValue,
  checkQualifiedName,
  duplicate,
  type FieldError,
  formatIp,
  IMMUTABLE_MESSAGE,
  invalid,
  isIpv4,
  isIpv6,
  notSupported,
  parseIp,
  required,
  tooMany,
  validateIp,
  validateLabels,
} from '@canopus/apimachinery'
import type { Endpoint, EndpointPort, EndpointSlice } from '../../generated/discovery.v1.ts'
import { PROTOCOLS } from '../core/pod/validate-container.ts'
import { checkText, type Errors, push } from '../shared/check.ts'
import { sameIn } from '../shared/equality.ts'
import { checkNonSpecialIp } from '../shared/ip-check.ts'

const TYPES = ['FQDN', 'IPv4', 'IPv6']
const MOST_ENDPOINTS = 1000
const MOST_ADDRESSES = 100
const MOST_PORTS = 20000
const MOST_HINTS = 8
const MOST_LABELS = 16

/** Endpoints that were stored by older rules may stay as they are: `old` is the slice before an update. */
export function validateEndpointSlice(slice: EndpointSlice, old?: EndpointSlice): FieldError[] {
  const errors: Errors = []
  const { addressType } = slice
  const endpoints = slice.endpoints ?? []
  const ports = slice.ports ?? []
  if (!addressType) errors.push(required('addressType'))
  else if (!TYPES.includes(addressType)) errors.push(notSupported('addressType', addressType, TYPES))
  if (ports.length > MOST_PORTS) errors.push(tooMany('ports', ports.length, MOST_PORTS))
  else checkPorts(errors, ports)
  const found: Errors = []
  if (endpoints.length > MOST_ENDPOINTS) found.push(tooMany('endpoints', endpoints.length, MOST_ENDPOINTS))
  else for (let i = 0; i < endpoints.length; i++) checkEndpoint(found, `endpoints[${i}]`, endpoints[i]!, addressType)
  if (found.length > 0 && !(old !== undefined && sameIn('discovery.v1.EndpointSlice', 'endpoints', old, slice)))
    push(errors, found)
  return errors
}

function checkEndpoint(errors: Errors, path: string, endpoint: Endpoint, type: string): void {
  const { addresses = [], nodeName, hostname, hints } = endpoint
  if (addresses.length === 0) errors.push(required(`${path}.addresses`, 'must contain at least 1 address'))
  else if (addresses.length > MOST_ADDRESSES) {
    errors.push(tooMany(`${path}.addresses`, addresses.length, MOST_ADDRESSES))
  }
  for (const [index, address] of addresses.entries()) checkAddress(errors, path, index, address, type)
  if (nodeName !== undefined) checkText(errors, `${path}.nodeName`, nodeName, checkDns1123Subdomain)
  const topology = Object.keys(endpoint.deprecatedTopology ?? {}).length
  if (topology > MOST_LABELS) errors.push(tooMany(`${path}.deprecatedTopology`, topology, MOST_LABELS))
  push(errors, validateLabels(endpoint.deprecatedTopology, `${path}.deprecatedTopology`))
  if (hostname !== undefined) checkText(errors, `${path}.hostname`, hostname, checkDns1123Label)
  for (const list of ['forZones', 'forNodes'] as const) {
    const names = (hints?.[list] ?? []).map(each => each.name)
    if (names.length > MOST_HINTS) {
      errors.push(tooMany(`${path}.hints.${list}`, names.length, MOST_HINTS))
      return
    }
    for (const [index, name] of names.entries()) {
      const field = `${path}.hints.${list}[${index}].name`
      if (names.indexOf(name) < index) errors.push(duplicate(field, name))
      checkText(errors, field, name, list === 'forZones' ? checkLabelValue : checkDns1123Subdomain)
    }
  }
}

function checkAddress(errors: Errors, path: string, index: number, address: string, type: string): void {
  const list = `${path}.addresses`
  const field = `${list}[${index}]`
  if (type === 'FQDN') checkDomainName(errors, field, address)
  if (type !== 'IPv4' && type !== 'IPv6') return
  const wrong = validateIp(field, address)
  const bytes = parseIp(address)
  if (wrong.length > 0) push(errors, wrong)
  else if (type === 'IPv6' && formatIp(bytes!) !== address) {
    errors.push(invalid(field, address, `must be in canonical form (${JSON.stringify(formatIp(bytes!))})`))
  } else {
    const matches = type === 'IPv4' ? isIpv4(address) : isIpv6(address)
    if (!matches) errors.push(invalid(list, address, `must be an ${type} address`))
    checkNonSpecialIp(errors, field, address)
  }
}

/** At least two labels (apimachinery: IsFullyQualifiedDomainName); a dot may stand at the end. */
function checkDomainName(errors: Errors, field: string, text: string): void {
  const name = text.replace(/\.$/, '')
  const problems = checkDns1123Subdomain(name)
  const badLabel = name.split('.').find(label => checkDns1123Label(label).length > 0)
  if (text === '') errors.push(required(field))
  else if (problems.length > 0) errors.push(invalid(field, name, problems.join(',')))
  else if (!name.includes('.')) {
    errors.push(invalid(field, name, 'should be a domain with at least two segments separated by dots'))
  } else if (badLabel !== undefined) {
    errors.push(invalid(field, badLabel, checkDns1123Label(badLabel).join(',')))
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
  const errors = validateEndpointSlice(slice, old)
  if (slice.addressType !== old.addressType) errors.push(invalid('addressType', slice.addressType, IMMUTABLE_MESSAGE))
  return errors
}
