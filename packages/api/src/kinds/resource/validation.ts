/** Claims for devices and what drivers offer, without their CEL (pkg/apis/resource/validation/validation.go). */
import {
  checkDns1123Label,
  checkDns1123Subdomain,
  duplicate,
  type FieldError,
  invalid,
  notSupported,
  required,
  tooMany,
} from '@canopus/apimachinery'
import type {
  DeviceClass,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  ExactDeviceRequest,
  ResourceClaim,
  ResourceClaimSpec,
  ResourceClaimTemplate,
  ResourceSlice,
} from '../../generated/resource.v1.ts'
import { checkImmutable, checkText, type Errors, NOT_POSITIVE_MESSAGE } from '../shared/check.ts'

const MOST_REQUESTS = 32
const MOST_ALTERNATIVES = 8
const MOST_SELECTORS = 32
const MOST_DEVICES = 128

function checkSelectors(errors: Errors, path: string, selectors: readonly DeviceSelector[] = []): void {
  if (selectors.length > MOST_SELECTORS) errors.push(tooMany(path, selectors.length, MOST_SELECTORS))
  for (const [index, { cel }] of selectors.entries()) {
    if (cel === undefined) errors.push(required(`${path}[${index}].cel`))
    else if (!cel.expression) errors.push(required(`${path}[${index}].cel.expression`))
  }
}

function checkClaimSpec(errors: Errors, path: string, spec: ResourceClaimSpec | undefined): void {
  const devices = spec?.devices
  const requests = devices?.requests ?? []
  const at = `${path}.devices.requests`
  if (requests.length > MOST_REQUESTS) errors.push(tooMany(at, requests.length, MOST_REQUESTS))
  const names = new Set<string>()
  for (const [index, request] of requests.entries()) {
    checkRequest(errors, `${at}[${index}]`, request)
    if (names.has(request.name)) errors.push(duplicate(`${at}[${index}].name`, request.name))
    names.add(request.name)
  }
  for (const list of ['constraints', 'config'] as const) {
    for (const [index, entry] of (devices?.[list] ?? []).entries()) {
      for (const [i, name] of (entry.requests ?? []).entries()) {
        if (names.has(name.split('/')[0]!)) continue
        const text =
          "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
        errors.push(invalid(`${path}.devices.${list}[${index}].requests[${i}]`, name, text))
      }
    }
  }
}

function checkRequest(errors: Errors, path: string, request: DeviceRequest): void {
  if (!request.name) errors.push(required(`${path}.name`))
  else checkText(errors, `${path}.name`, request.name, checkDns1123Label)
  const alternatives = request.firstAvailable ?? []
  if (request.exactly === undefined && alternatives.length === 0) {
    errors.push(required(path, 'exactly one of `exactly` or `firstAvailable` is required'))
  } else if (request.exactly !== undefined && alternatives.length > 0) {
    errors.push(
      invalid(path, null, 'exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set'),
    )
  }
  if (request.exactly) checkExact(errors, `${path}.exactly`, request.exactly)
  if (alternatives.length > MOST_ALTERNATIVES) {
    errors.push(tooMany(`${path}.firstAvailable`, alternatives.length, MOST_ALTERNATIVES))
  }
  const names = new Set<string>()
  for (const [index, alternative] of alternatives.entries()) {
    const at = `${path}.firstAvailable[${index}]`
    if (!alternative.name) errors.push(required(`${at}.name`))
    else checkText(errors, `${at}.name`, alternative.name, checkDns1123Label)
    if (names.has(alternative.name)) errors.push(duplicate(`${at}.name`, alternative.name))
    names.add(alternative.name)
    checkExact(errors, at, alternative)
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
}

export function validateClaim({ spec }: ResourceClaim): FieldError[] {
  const errors: Errors = []
  checkClaimSpec(errors, 'spec', spec)
  return errors
}

export function validateClaimUpdate(claim: ResourceClaim, old: ResourceClaim): FieldError[] {
  const errors = validateClaim(claim)
  checkImmutable(errors, 'spec', claim.spec, old.spec)
  return errors
}

export function validateTemplate({ spec }: ResourceClaimTemplate): FieldError[] {
  const errors: Errors = []
  checkClaimSpec(errors, 'spec.spec', spec?.spec)
  return errors
}

export function validateTemplateUpdate(template: ResourceClaimTemplate, old: ResourceClaimTemplate): FieldError[] {
  const errors = validateTemplate(template)
  checkImmutable(errors, 'spec', template.spec, old.spec)
  return errors
}

export function validateDeviceClass({ spec }: DeviceClass): FieldError[] {
  const errors: Errors = []
  checkSelectors(errors, 'spec.selectors', spec?.selectors)
  return errors
}

export function validateSlice({ spec }: ResourceSlice): FieldError[] {
  const errors: Errors = []
  if (!spec.driver) errors.push(required('spec.driver'))
  else checkText(errors, 'spec.driver', spec.driver, checkDns1123Subdomain)
  if (!spec.pool?.name) errors.push(required('spec.pool.name'))
  if (!((spec.pool?.resourceSliceCount ?? 0) > 0)) {
    errors.push(invalid('spec.pool.resourceSliceCount', spec.pool?.resourceSliceCount ?? 0, NOT_POSITIVE_MESSAGE))
  }
  const { nodeName, nodeSelector, allNodes, perDeviceNodeSelection, sharedCounters = [] } = spec
  const places = [nodeName, nodeSelector, allNodes, perDeviceNodeSelection].filter(Boolean).length
  const names = '`nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection`'
  if (places === 0 && sharedCounters.length === 0) errors.push(required('spec', `exactly one of ${names} is required`))
  else if (places > 1) {
    errors.push(invalid('spec', null, `exactly one of ${names} is required, but multiple fields are set`))
  }
  const devices = spec.devices ?? []
  if (devices.length > MOST_DEVICES) errors.push(tooMany('spec.devices', devices.length, MOST_DEVICES))
  const seen = new Set<string>()
  for (const [index, { name }] of devices.entries()) {
    const field = `spec.devices[${index}].name`
    if (!name) errors.push(required(field))
    else checkText(errors, field, name, checkDns1123Label)
    if (seen.has(name)) errors.push(duplicate(field, name))
    seen.add(name)
  }
  return errors
}

export function validateSliceUpdate(slice: ResourceSlice, old: ResourceSlice): FieldError[] {
  const errors = validateSlice(slice)
  checkImmutable(errors, 'spec.driver', slice.spec.driver, old.spec.driver)
  checkImmutable(errors, 'spec.pool.name', slice.spec.pool?.name, old.spec.pool?.name)
  checkImmutable(errors, 'spec.nodeName', slice.spec.nodeName, old.spec.nodeName)
  return errors
}
