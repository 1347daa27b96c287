/** Cluster addresses of services and their families, which change only between one and two (KEP-563). */
import { duplicate, type FieldError, invalid, notSupported, required, validateIp } from '@canopus/apimachinery'
import type { Service } from '../../../generated/core.v1.ts'
import { checkOptionalChoice, type Errors, push } from '../../shared/check.ts'
import { isHeadless } from './fields.ts'

const FAMILIES = ['IPv4', 'IPv6']
const FAMILY_POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack']

/** What is wrong with the addresses that a service asks for: told before any is allocated. */
export function clusterIpErrors(service: Service, old: Service | undefined): FieldError[] {
  const errors: Errors = []
  checkClusterIps(errors, service, old?.spec.clusterIPs)
  return errors
}

export function checkClusterIps(errors: Errors, { spec }: Service, before: readonly string[] = []): void {
  if (spec.type === 'ExternalName') return
  const ips = spec.clusterIPs ?? []
  if (spec.clusterIP) {
    if (ips.length === 0) errors.push(required('spec.clusterIPs'))
    else if (ips[0] !== spec.clusterIP) {
      errors.push(invalid('spec.clusterIPs', ips, 'first value must match `clusterIP`'))
    }
  } else if (ips.length > 0) {
    errors.push(invalid('spec.clusterIPs', ips, 'must be empty when `clusterIP` is not specified'))
  }
  const families = spec.ipFamilies ?? []
  for (const [index, family] of families.entries()) {
    const field = `spec.ipFamilies[${index}]`
    if (!FAMILIES.includes(family)) errors.push(notSupported(field, family, FAMILIES))
    if (families.indexOf(family) < index) errors.push(duplicate(field, family))
  }
  checkOptionalChoice(errors, 'spec.ipFamilyPolicy', spec.ipFamilyPolicy, FAMILY_POLICIES)
  checkEachIp(errors, ips, families, before)
}

function checkEachIp(
  errors: Errors,
  ips: readonly string[],
  families: readonly string[],
  old: readonly string[],
): void {
  const headless = ips[0] === 'None'
  const before = errors.length
  for (const [index, ip] of ips.entries()) {
    if (index > 0 || !headless) push(errors, validateIp(`spec.clusterIPs[${index}]`, ip, old))
    else if (ips.length > 1) errors.push(invalid('spec.clusterIPs', ips, "'None' must be the first and only value"))
  }
  const wrong = errors.length > before
  if (ips.length > 2) errors.push(invalid('spec.clusterIPs', ips, 'may only hold up to 2 values'))
  if (wrong || headless) return
  const isIpv6 = (ip: string): boolean => ip.includes(':')
  if (ips.length > 1 && ips.every(ip => isIpv6(ip) === isIpv6(ips[0]!))) {
    errors.push(invalid('spec.clusterIPs', ips, 'may specify no more than one IP for each IP family'))
  }
  for (const [index, ip] of ips.entries()) {
    const family = families[index]
    if (family === undefined || (family === 'IPv6') === isIpv6(ip)) continue
    const text = `expected an ${family} value as indicated by \`ipFamilies[${index}]\``
    errors.push(invalid(`spec.clusterIPs[${index}]`, ip, text))
  }
}

const isExternal = (service: Service): boolean => service.spec.type === 'ExternalName'

export function checkIpChange(errors: Errors, service: Service, old: Service): void {
  if (isExternal(service) || isExternal(old) || (isHeadless(service) && isHeadless(old))) return
  checkChange(errors, 'clusterIPs', 'clusterIP', service, old)
}

export function checkFamilyChange(errors: Errors, service: Service, old: Service): void {
  if (isExternal(service) || isExternal(old) || isHeadless(service) || isHeadless(old)) return
  checkChange(errors, 'ipFamilies', 'ipFamily', service, old)
}

/** The first stays; a second may come, and go where the policy says so. */
function checkChange(
  errors: Errors,
  list: 'clusterIPs' | 'ipFamilies',
  one: string,
  service: Service,
  old: Service,
): void {
  const now = service.spec[list] ?? []
  const was = old.spec[list] ?? []
  const first = `spec.${list}[0]`
  if (now.length === was.length) {
    for (const [index, value] of was.entries()) {
      const at = list === 'clusterIPs' ? index : 0
      if (value !== now[index]) errors.push(invalid(`spec.${list}[${at}]`, now, 'may not change once set'))
    }
    return
  }
  if (now.length > 0 && was.length > 0 && now[0] !== was[0]) {
    errors.push(invalid(first, now, 'may not change once set'))
  }
  if (was.length < now.length) return
  if (now.length === 0) errors.push(invalid(first, now, `primary ${one} can not be unset`))
  const policy = service.spec.ipFamilyPolicy
  if (now.length === 1 && policy !== 'SingleStack') {
    const text = `must be set to 'SingleStack' when releasing the secondary ${one}`
    errors.push(invalid('spec.ipFamilyPolicy', policy, text))
  }
}
