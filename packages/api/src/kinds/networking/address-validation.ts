/** Addresses and ranges of services (pkg/apis/networking/validation/validation.go). */
import {
  checkDns1123Subdomain,
  checkPathSegmentName,
  type FieldError,
  formatIp,
  IMMUTABLE_MESSAGE,
  invalid,
  maskedBytes,
  parseCidr,
  parseIp,
  required,
  validateCidr,
  validateIp,
} from '@canopus/apimachinery'
import type { IPAddress, ServiceCIDR } from '../../generated/networking.v1.ts'
import { checkImmutable, checkText, type Errors, push } from '../shared/check.ts'

/** The name is the address itself in canonical form. */
export function checkAddressName(name: string): string[] {
  const found = validateIp('', name)
  if (found.length > 0) return found.map(({ body }) => body.slice(body.indexOf(': ', 'Invalid value: '.length) + 2))
  const canonical = formatIp(parseIp(name)!)
  return canonical === name ? [] : [`must be in canonical form ("${canonical}")`]
}

export function validateAddress({ spec }: IPAddress): FieldError[] {
  const errors: Errors = []
  const parent = spec?.parentRef
  if (parent === undefined) return [required('spec.parentRef')]
  const path = 'spec.parentRef'
  if (parent.group) checkText(errors, `${path}.group`, parent.group, checkDns1123Subdomain)
  for (const field of ['resource', 'name'] as const) {
    if (!parent[field]) errors.push(required(`${path}.${field}`))
    else checkText(errors, `${path}.${field}`, parent[field], checkPathSegmentName)
  }
  if (parent.namespace) checkText(errors, `${path}.namespace`, parent.namespace, checkPathSegmentName)
  return errors
}

export function validateAddressUpdate(object: IPAddress, old: IPAddress): FieldError[] {
  const errors = validateAddress(object)
  const message = 'networking.v1.ParentReference'
  checkImmutable(errors, 'spec.parentRef', object.spec?.parentRef, old.spec?.parentRef, message)
  return errors
}

function checkRange(errors: Errors, field: string, text: string): void {
  const found = validateCidr(field, text)
  push(errors, found)
  if (found.length > 0) return
  const cidr = parseCidr(text)!
  const canonical = `${formatIp(maskedBytes(cidr))}/${cidr.length}`
  if (text !== canonical) errors.push(invalid(field, text, `must be in canonical form (${JSON.stringify(canonical)})`))
}

export function validateRanges({ spec }: ServiceCIDR): FieldError[] {
  const errors: Errors = []
  const cidrs = spec?.cidrs ?? []
  if (cidrs.length === 0) return [required('spec.cidrs', 'at least one CIDR required')]
  if (cidrs.length > 2) return [invalid('spec.cidrs', { CIDRs: cidrs }, 'may only hold up to 2 values')]
  for (const [index, cidr] of cidrs.entries()) checkRange(errors, `spec.cidrs[${index}]`, cidr)
  const [first, second] = cidrs.map(cidr => parseCidr(cidr)?.bytes.length)
  if (first !== undefined && first === second) {
    errors.push(
      invalid(
        'spec.cidrs',
        cidrs,
        'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
      ),
    )
  }
  return errors
}

export function validateRangesUpdate(object: ServiceCIDR, old: ServiceCIDR): FieldError[] {
  const errors: Errors = []
  const before = old.spec?.cidrs ?? []
  const now = object.spec?.cidrs ?? []
  const grows = before.length === 1 && now.length === 2
  if (now.length !== before.length && !grows) return [invalid('spec.cidrs', now, IMMUTABLE_MESSAGE)]
  for (const [index, cidr] of before.entries()) {
    if (cidr !== now[index]) errors.push(invalid(`spec.cidrs[${index}]`, now[index], IMMUTABLE_MESSAGE))
  }
  if (grows) push(errors, validateRanges(object))
  return errors
}
