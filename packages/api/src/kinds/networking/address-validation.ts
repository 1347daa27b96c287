/** Addresses and ranges of services (pkg/apis/networking/validation/validation.go). */
import {
  checkDns1123Subdomain,
  checkPathSegmentName,
  type FieldError,
  formatIp,
  IMMUTABLE_MESSAGE,
  invalid,
  parseIp,
  required,
  validateCidr,
} from '@canopus/apimachinery'
import type { IPAddress, ServiceCIDR } from '../../generated/networking.v1.ts'
import { checkImmutable, checkText, type Errors, push } from '../shared/check.ts'

/** The name is the address itself in canonical form. */
export function checkAddressName(name: string): string[] {
  const bytes = parseIp(name)
  if (bytes === undefined) return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']
  const canonical = formatIp(bytes)
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
  const errors: Errors = []
  checkImmutable(errors, 'spec.parentRef', object.spec?.parentRef, old.spec?.parentRef)
  return errors
}

export function validateRanges({ spec }: ServiceCIDR): FieldError[] {
  const errors: Errors = []
  const cidrs = spec?.cidrs ?? []
  if (cidrs.length === 0) return [required('spec.cidrs', 'at least one CIDR required')]
  if (cidrs.length > 2) return [invalid('spec.cidrs', { CIDRs: cidrs }, 'may only hold up to 2 values')]
  for (const [index, cidr] of cidrs.entries()) push(errors, validateCidr(`spec.cidrs[${index}]`, cidr))
  const families = new Set(cidrs.map(cidr => cidr.includes(':')))
  if (cidrs.length === 2 && families.size !== 2) {
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
