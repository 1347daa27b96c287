/** Which address families a service gets, where it does not say (KEP-563; initIPFamilyFields of pkg/registry/core/service/storage/alloc.go). */
import type { Service } from '@canopus/api/core/v1'
import { deepEqual, type FieldError, invalid } from '@canopus/apimachinery'

type Family = 'IPv4' | 'IPv6'

const POLICY = 'spec.ipFamilyPolicy'

/**
 * Sets policy and families. What a service with `PreferDualStack` has got stays, though the cluster may have more or fewer families now.
 *
 * @param served the families of the cluster, its default first
 * @returns what is wrong with what the service asks for; the families are not set then
 */
export function setFamilies(
  service: Service,
  before: Service | undefined,
  served: readonly string[],
): readonly FieldError[] {
  const { spec } = service
  if (spec.type === 'ExternalName') return []
  if (spec.clusterIP === 'None') spec.clusterIPs = ['None']
  if (before !== undefined && prefersAsBefore(service, before)) return []
  const orphan = isOrphan(service)
  spec.ipFamilyPolicy ??= before?.spec.ipFamilyPolicy ?? (orphan ? 'RequireDualStack' : 'SingleStack')
  const errors = before === undefined ? [] : checkReduction(service, before)
  errors.push(...checkSingle(service), ...inferFamilies(service, served))
  if (errors.length > 0) return errors
  // Without selector nobody on this cluster serves it: any families will do.
  if (!orphan) errors.push(...checkServed(service, served))
  if (errors.length > 0) return errors
  const families = [...(spec.ipFamilies ?? [served[0]!])]
  const both = spec.ipFamilyPolicy !== 'SingleStack' && (orphan || served.length === 2)
  if (both && families.length === 1) families.push(families[0] === 'IPv4' ? 'IPv6' : 'IPv4')
  spec.ipFamilies = families
  return []
}

const isOrphan = ({ spec }: Service): boolean =>
  spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0

const same = (field: 'clusterIPs' | 'ipFamilies', service: Service, old: Service): boolean =>
  deepEqual(service.spec[field] ?? [], old.spec[field] ?? [])

function prefersAsBefore(service: Service, old: Service): boolean {
  const prefers = 'PreferDualStack'
  return (
    service.spec.type === old.spec.type &&
    service.spec.ipFamilyPolicy === prefers &&
    (old.spec.ipFamilyPolicy ?? prefers) === prefers &&
    same('clusterIPs', service, old) &&
    same('ipFamilies', service, old)
  )
}

/** A policy of one family says clearly enough that the second is to go; without it fewer of them are an error. */
function checkReduction(service: Service, old: Service): FieldError[] {
  const { spec } = service
  const errors: FieldError[] = []
  for (const [field, what] of [
    ['clusterIPs', 'cluster IP'],
    ['ipFamilies', 'IP family'],
  ] as const) {
    const now = spec[field] ?? []
    if (spec.ipFamilyPolicy === 'SingleStack') {
      if (now.length > 1 && same(field, service, old)) spec[field] = now.slice(0, 1)
    } else if (now.length > 0 && now.length < (old.spec[field] ?? []).length) {
      errors.push(invalid(POLICY, spec.ipFamilyPolicy, `must be 'SingleStack' to release the secondary ${what}`))
    }
  }
  return errors
}

function checkSingle({ spec }: Service): FieldError[] {
  if (spec.ipFamilyPolicy !== 'SingleStack') return []
  const many = (what: string): FieldError =>
    invalid(
      POLICY,
      spec.ipFamilyPolicy,
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
    )
  return [
    ...(spec.clusterIPs?.length === 2 ? [many('cluster IPs')] : []),
    ...(spec.ipFamilies?.length === 2 ? [many('IP families')] : []),
  ]
}

/** Addresses that were asked for tell the families that were not. */
function inferFamilies({ spec }: Service, served: readonly string[]): FieldError[] {
  const errors: FieldError[] = []
  const families = [...(spec.ipFamilies ?? [])]
  for (const [index, ip] of (spec.clusterIPs ?? []).entries()) {
    if (ip === 'None') break
    if (index < families.length) continue
    const family: Family = ip.includes(':') ? 'IPv6' : 'IPv4'
    if (served.includes(family)) families.push(family)
    else
      errors.push(invalid(`spec.clusterIPs[${index}]`, spec.clusterIPs, `${family} is not configured on this cluster`))
  }
  if (families.length > 0) spec.ipFamilies = families
  return errors
}

function checkServed({ spec }: Service, served: readonly string[]): FieldError[] {
  const errors: FieldError[] = []
  if (spec.ipFamilyPolicy === 'RequireDualStack' && served.length < 2) {
    errors.push(invalid(POLICY, spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services'))
  }
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    if (!served.includes(family))
      errors.push(invalid(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster'))
  }
  return errors
}
