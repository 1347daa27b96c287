/** Claims for devices and what drivers offer, without their CEL (pkg/apis/resource/validation/validation.go). */
import {
  byteLength,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkQualifiedName,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  parseCidr,
  required,
  tooLong,
  tooMany,
} from '@canopus/apimachinery'
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceClass,
  DeviceConstraint,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  ExactDeviceRequest,
  ResourceClaim,
  ResourceClaimConsumerReference,
  ResourceClaimSpec,
  ResourceClaimTemplate,
} from '../../generated/resource.v1.ts'
import { checkNodeSelector } from '../core/pod/validate-affinity.ts'
import { checkDriverName } from '../core/pod/validate-volume.ts'
import { checkImmutable, checkText, type Errors, NOT_POSITIVE_MESSAGE } from '../shared/check.ts'
import { checkConditions } from '../shared/conditions.ts'
import { sameAs, sameIn } from '../shared/equality.ts'
import { checkTemplateOnlyMetadata } from '../shared/template-metadata.ts'
import {
  checkBindingConditions,
  checkConfiguration,
  checkDeviceToleration,
  checkEach,
  checkFullName,
  checkPoolName,
  checkRawObject,
  checkSet,
  uuidProblem,
} from './device-checks.ts'

const MOST = 32
const MOST_ALTERNATIVES = 8
const LONGEST_EXPRESSION = 10 * 1024

function checkSelectors(errors: Errors, path: string, selectors: readonly DeviceSelector[] | undefined): void {
  checkEach(errors, path, selectors, MOST, (found, at, { cel }) => {
    if (cel === undefined) found.push(required(`${at}.cel`))
    else if (byteLength(cel.expression ?? '') > LONGEST_EXPRESSION) {
      found.push(tooLong(`${at}.cel.expression`, LONGEST_EXPRESSION))
    }
  })
}

type RequestNames = ReadonlyMap<string, ReadonlySet<string>>

/** Names of requests with those of their alternatives. */
const namesOf = (spec: ResourceClaimSpec | undefined): RequestNames =>
  new Map(
    (spec?.devices?.requests ?? []).map(({ name, firstAvailable = [] }) => [
      name,
      new Set(firstAvailable.map(each => each.name)),
    ]),
  )

function checkClaimSpec(errors: Errors, path: string, spec: ResourceClaimSpec | undefined): void {
  const names = namesOf(spec)
  const { requests, constraints, config } = spec?.devices ?? {}
  checkSet(errors, `${path}.devices.requests`, requests, MOST, checkRequest, each => each.name)
  checkEach(errors, `${path}.devices.constraints`, constraints, MOST, (found, at, constraint) =>
    checkConstraint(found, at, constraint, names),
  )
  checkEach(errors, `${path}.devices.config`, config, MOST, (found, at, entry) => {
    checkReferences(found, `${at}.requests`, entry.requests, names)
    checkConfiguration(found, at, entry.opaque)
  })
}

function checkReferences(
  errors: Errors,
  path: string,
  references: readonly string[] | undefined,
  names: RequestNames,
): void {
  const check = (found: Errors, at: string, name: string): void => checkReference(found, at, name, names)
  checkSet(errors, path, references, MOST, check, name => name)
}

const REFERENCE =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"

function checkReference(errors: Errors, field: string, name: string, names: RequestNames): void {
  const [request = '', alternative, ...more] = name.split('/')
  if (more.length > 0) {
    errors.push(invalid(field, name, REFERENCE))
    return
  }
  checkText(errors, field, request, checkDns1123Label)
  if (alternative !== undefined) checkText(errors, field, alternative, checkDns1123Label)
  const alternatives = names.get(request)
  const known = alternative === undefined ? alternatives !== undefined : alternatives?.has(alternative)
  if (!known) errors.push(invalid(field, name, REFERENCE))
}

function checkConstraint(errors: Errors, path: string, constraint: DeviceConstraint, names: RequestNames): void {
  const { requests, matchAttribute, distinctAttribute } = constraint
  checkReferences(errors, `${path}.requests`, requests, names)
  if (matchAttribute !== undefined) checkFullName(errors, `${path}.matchAttribute`, matchAttribute)
  else if (distinctAttribute !== undefined) checkFullName(errors, `${path}.distinctAttribute`, distinctAttribute)
  else {
    const text = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set'
    errors.push(required(path, text))
  }
}

const checkName = (errors: Errors, field: string, name: string | undefined): void =>
  checkText(errors, field, name, checkDns1123Label)

function checkRequest(errors: Errors, path: string, request: DeviceRequest): void {
  checkName(errors, `${path}.name`, request.name)
  const alternatives = request.firstAvailable ?? []
  const text = 'exactly one of `exactly` or `firstAvailable` is required'
  if (request.exactly && alternatives.length > 0) {
    errors.push(invalid(path, null, `${text}, but multiple fields are set`))
  } else if (request.exactly) checkExact(errors, `${path}.exactly`, request.exactly)
  else if (alternatives.length === 0) errors.push(required(path, text))
  else {
    const check = (found: Errors, at: string, alternative: DeviceSubRequest): void => {
      checkName(found, `${at}.name`, alternative.name)
      checkExact(found, at, alternative)
    }
    checkSet(errors, `${path}.firstAvailable`, alternatives, MOST_ALTERNATIVES, check, each => each.name)
  }
}

function checkExact(errors: Errors, path: string, request: ExactDeviceRequest | DeviceSubRequest): void {
  if (!request.deviceClassName) errors.push(required(`${path}.deviceClassName`))
  else checkText(errors, `${path}.deviceClassName`, request.deviceClassName, checkDns1123Subdomain)
  checkSelectors(errors, `${path}.selectors`, request.selectors)
  const { allocationMode: mode, count } = request
  if (mode === 'All') {
    if (count) errors.push(invalid(`${path}.count`, count, "must not be specified when allocationMode is 'All'"))
  } else if (mode === 'ExactCount') {
    if (!count || count <= 0) errors.push(invalid(`${path}.count`, count ?? 0, NOT_POSITIVE_MESSAGE))
  } else errors.push(notSupported(`${path}.allocationMode`, mode ?? '', ['All', 'ExactCount']))
  for (const [index, toleration] of (request.tolerations ?? []).entries()) {
    checkDeviceToleration(errors, `${path}.tolerations[${index}]`, toleration)
  }
}

export function validateClaim({ spec }: ResourceClaim): FieldError[] {
  const errors: Errors = []
  checkClaimSpec(errors, 'spec', spec)
  return errors
}

/** The spec stays, so nothing else about it needs to be said. */
export function validateClaimUpdate(claim: ResourceClaim, old: ResourceClaim): FieldError[] {
  const errors: Errors = []
  checkImmutable(errors, 'spec', claim.spec, old.spec, 'resource.v1.ResourceClaimSpec')
  return errors
}

export function validateTemplate({ spec }: ResourceClaimTemplate): FieldError[] {
  const errors: Errors = []
  checkTemplateOnlyMetadata(errors, 'spec.metadata', spec?.metadata)
  checkClaimSpec(errors, 'spec.spec', spec?.spec)
  return errors
}

export function validateTemplateUpdate(template: ResourceClaimTemplate, old: ResourceClaimTemplate): FieldError[] {
  const errors = validateTemplate(template)
  checkImmutable(errors, 'spec', template.spec, old.spec, 'resource.v1.ResourceClaimTemplateSpec')
  return errors
}

/** Configuration that was stored may be longer than what is new. */
export function validateDeviceClass({ spec }: DeviceClass, old?: DeviceClass): FieldError[] {
  const errors: Errors = []
  checkSelectors(errors, 'spec.selectors', spec?.selectors)
  const stored = old !== undefined && sameIn('resource.v1.DeviceClassSpec', 'config', spec ?? {}, old.spec ?? {})
  checkEach(errors, 'spec.config', spec?.config, MOST, (found, at, { opaque }) =>
    checkConfiguration(found, at, opaque, stored),
  )
  const name = spec?.extendedResourceName
  if (name !== undefined && !isExtendedResourceName(name)) {
    errors.push(invalid('spec.extendedResourceName', name, 'must be a valid extended resource name'))
  }
  return errors
}

/** A domain of somebody else's, and short enough to be the name of a quota with `requests.` in front. */
function isExtendedResourceName(name: string): boolean {
  const isNative = !name.includes('/') || name.includes('kubernetes.io/')
  return !isNative && !name.startsWith('requests.') && checkQualifiedName(`requests.${name}`).length === 0
}

const MOST_CONSUMERS = 256
const MOST_CONDITIONS = 8
const MOST_ADDRESSES = 16
const LONGEST_INTERFACE = 256
const LONGEST_HARDWARE_ADDRESS = 128

interface DeviceId {
  readonly driver?: string
  readonly pool?: string
  readonly device?: string
  readonly shareID?: string
}

/** As upstream shows it. */
const shownId = ({ driver = '', pool = '', device = '', shareID = '' }: DeviceId): unknown => ({
  Driver: driver,
  Pool: pool,
  Device: device,
  ShareID: shareID,
})
const deviceKey = (id: DeviceId): string => JSON.stringify(shownId(id))

/** Which devices a claim has got, for whom, and how they are (validation.go: validateResourceClaimStatusUpdate). */
export function validateClaimStatusUpdate(claim: ResourceClaim, old: ResourceClaim): FieldError[] {
  const errors: Errors = []
  const { allocation, reservedFor = [], devices } = claim.status ?? {}
  const before = old.status ?? {}
  checkSet(errors, 'status.reservedFor', reservedFor, MOST_CONSUMERS, checkConsumer, each => each.uid)
  const allocated = new Set((allocation?.devices?.results ?? []).map(deviceKey))
  const check = (found: Errors, at: string, device: AllocatedDeviceStatus): void => {
    checkDevice(found, at, device)
    if (!allocated.has(deviceKey(device))) {
      found.push(invalid(at, shownId(device), 'must be an allocated device in the claim'))
    }
  }
  checkSet(errors, 'status.devices', devices, Number.POSITIVE_INFINITY, check, deviceKey, shownId)
  if (reservedFor.length > 0 && allocation === undefined) {
    errors.push(forbidden('status.reservedFor', 'may not be specified when `allocated` is not set'))
  } else if (claim.metadata.deletionTimestamp !== undefined) {
    const isNew = reservedFor.some(each => !before.reservedFor?.some(other => sameAs(CONSUMER, each, other)))
    const when = 'while `deallocationRequested` or `deletionTimestamp` are set'
    if (isNew) errors.push(forbidden('status.reservedFor', `new entries may not be added ${when}`))
  }
  if (before.allocation !== undefined && allocation !== undefined) {
    checkImmutable(errors, 'status.allocation', allocation, before.allocation, 'resource.v1.AllocationResult')
  } else if (allocation !== undefined) checkAllocation(errors, 'status.allocation', allocation, namesOf(claim.spec))
  return errors
}

const CONSUMER = 'resource.v1.ResourceClaimConsumerReference'

function checkConsumer(errors: Errors, path: string, consumer: ResourceClaimConsumerReference): void {
  for (const field of ['resource', 'name', 'uid'] as const) {
    if (!consumer[field]) errors.push(required(`${path}.${field}`))
  }
}

function checkAllocation(errors: Errors, path: string, allocation: AllocationResult, names: RequestNames): void {
  const { results, config } = allocation.devices ?? {}
  checkEach(errors, `${path}.devices.results`, results, MOST, (found, at, result) => {
    checkReference(found, `${at}.request`, result.request ?? '', names)
    checkDeviceId(found, at, result)
    checkBindingConditions(found, at, result)
    checkShare(found, `${at}.shareID`, result.shareID)
  })
  checkEach(errors, `${path}.devices.config`, config, 2 * MOST, (found, at, { source, requests, opaque }) => {
    if (!source) found.push(required(`${at}.source`))
    else if (source !== 'FromClaim' && source !== 'FromClass') {
      found.push(notSupported(`${at}.source`, source, ['FromClaim', 'FromClass']))
    }
    checkReferences(found, `${at}.requests`, requests, names)
    checkConfiguration(found, at, opaque)
  })
  if (allocation.nodeSelector) checkNodeSelector(errors, `${path}.nodeSelector`, allocation.nodeSelector)
}

function checkDeviceId(errors: Errors, path: string, id: { driver: string; pool: string; device: string }): void {
  checkDriverName(errors, `${path}.driver`, id.driver)
  checkPoolName(errors, `${path}.pool`, id.pool)
  checkName(errors, `${path}.device`, id.device)
}

function checkShare(errors: Errors, field: string, id: string | undefined): void {
  if (id === undefined) return
  const problem = uuidProblem(id)
  if (problem !== undefined) {
    errors.push(invalid(field, id, `error validating uid: ${problem}`))
    return
  }
  if (id.length === 36 && id === id.toLowerCase()) return
  const form = '`xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters'
  errors.push(invalid(field, id, `uid must be in RFC 4122 normalized form, ${form}`))
}

function checkDevice(errors: Errors, path: string, device: AllocatedDeviceStatus): void {
  checkDeviceId(errors, path, device)
  checkShare(errors, `${path}.shareID`, device.shareID)
  const { data, networkData } = device
  const conditions = device.conditions ?? []
  if (conditions.length > MOST_CONDITIONS) {
    errors.push(tooMany(`${path}.conditions`, conditions.length, MOST_CONDITIONS))
  }
  checkConditions(errors, `${path}.conditions`, conditions)
  if (data !== undefined) checkRawObject(errors, `${path}.data`, data)
  const { interfaceName = '', hardwareAddress = '', ips } = networkData ?? {}
  const at = `${path}.networkData`
  if (byteLength(interfaceName) > LONGEST_INTERFACE) errors.push(tooLong(`${at}.interfaceName`, LONGEST_INTERFACE))
  if (byteLength(hardwareAddress) > LONGEST_HARDWARE_ADDRESS) {
    errors.push(tooLong(`${at}.hardwareAddress`, LONGEST_HARDWARE_ADDRESS))
  }
  const check = (found: Errors, field: string, address: string): void => {
    if (parseCidr(address) !== undefined) return
    const text = 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)'
    found.push(invalid(field, address, text))
  }
  checkSet(errors, `${at}.ips`, ips, MOST_ADDRESSES, check, address => address)
}
