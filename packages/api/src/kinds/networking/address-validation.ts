/** Addresses and ranges of services (pkg/apis/networking/validation/validation.go). */
import {
  type FieldError,
  formatIp,
  invalid,
  parseIp,
  required,
  semanticEqual,
  validateCidr,
} from '@canopus/apimachinery'
import type { IPAddress, ServiceCIDR } from '../../generated/networking.v1.ts'
import { type Errors, push } from '../shared/check.ts'

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
  if (!parent.resource) errors.push(required('spec.parentRef.resource'))
  if (!parent.name) errors.push(required('spec.parentRef.name'))
  return errors
}

export function validateAddressUpdate(object: IPAddress, old: IPAddress): FieldError[] {
  const errors = validateAddress(object)
  if (!semanticEqual(object.spec?.parentRef, old.spec?.parentRef)) {
    errors.push(invalid('spec.ParentRef', object.spec?.parentRef, 'field is immutable'))
  }
  return errors
}

export function validateRanges({ spec }: ServiceCIDR): FieldError[] {
  const errors: Errors = []
  const cidrs = spec?.cidrs ?? []
  if (cidrs.length < 1 || cidrs.length > 2) {
    errors.push(invalid('spec.cidrs', cidrs, 'must have 1 or 2 CIDRs'))
  }
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
  const errors = validateRanges(object)
  const before = old.spec?.cidrs ?? []
  const now = object.spec?.cidrs ?? []
  if (before.some((cidr, index) => now[index] !== cidr)) errors.push(invalid('spec.cidrs', now, 'field is immutable'))
  return errors
}
