import {
  checkDns1123Label,
  checkDns1123Subdomain,
  checkPortNumber,
  checkQualifiedName,
  type FieldError,
  notSupported,
  required,
  semanticEqual,
  validateIp,
} from '@canopus/apimachinery'
import type { EndpointAddress, EndpointPort, Endpoints } from '../../generated/core.v1.ts'
import { checkNumber, checkText, type Errors, push } from '../shared/check.ts'
import { checkNonSpecialIp } from '../shared/ip-check.ts'
import { PROTOCOLS } from './pod/validate-container.ts'

/** Subsets that were stored by older rules may stay as they are. */
export function validateEndpointsUpdate(object: Endpoints, old: Endpoints): FieldError[] {
  const errors = validateEndpoints(object)
  return errors.length > 0 && semanticEqual(object.subsets, old.subsets) ? [] : errors
}

export function validateEndpoints({ subsets = [] }: Endpoints): FieldError[] {
  const errors: Errors = []
  for (const [index, { addresses = [], notReadyAddresses = [], ports = [] }] of subsets.entries()) {
    const path = `subsets[${index}]`
    if (addresses.length + notReadyAddresses.length === 0) {
      errors.push(required(path, 'must specify `addresses` or `notReadyAddresses`'))
    }
    for (const [i, address] of addresses.entries()) checkAddress(errors, `${path}.addresses[${i}]`, address)
    for (const [i, address] of notReadyAddresses.entries()) {
      checkAddress(errors, `${path}.notReadyAddresses[${i}]`, address)
    }
    for (const [i, port] of ports.entries()) checkPort(errors, `${path}.ports[${i}]`, port, ports.length > 1)
  }
  return errors
}

function checkAddress(errors: Errors, path: string, { ip = '', hostname, nodeName }: EndpointAddress): void {
  push(errors, validateIp(`${path}.ip`, ip))
  if (hostname) checkText(errors, `${path}.hostname`, hostname, checkDns1123Label)
  if (nodeName !== undefined) checkText(errors, `${path}.nodeName`, nodeName, checkDns1123Subdomain)
  checkNonSpecialIp(errors, `${path}.ip`, ip)
}

function checkPort(errors: Errors, path: string, port: EndpointPort, needsName: boolean): void {
  if (port.name) checkText(errors, `${path}.name`, port.name, checkDns1123Label)
  else if (needsName) errors.push(required(`${path}.name`))
  checkNumber(errors, `${path}.port`, port.port ?? 0, checkPortNumber)
  if (!port.protocol) errors.push(required(`${path}.protocol`))
  else if (!PROTOCOLS.includes(port.protocol)) errors.push(notSupported(`${path}.protocol`, port.protocol, PROTOCOLS))
  if (port.appProtocol !== undefined) checkText(errors, `${path}.appProtocol`, port.appProtocol, checkQualifiedName)
}
