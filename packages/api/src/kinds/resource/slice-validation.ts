/** What drivers offer: devices, where they are, what they share (validation.go: ValidateResourceSlice). */
import {
  addQuantities,
  byteLength,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkLabelValue,
  checkQualifiedName,
  compareQuantities,
  type FieldError,
  forbidden,
  formatQuantity,
  givenField,
  invalid,
  notSupported,
  parseQuantity,
  required,
  scaledQuantity,
  semanticEqual,
  tooLong,
  tooMany,
} from '@canopus/apimachinery'
import type {
  CapacityRequestPolicy,
  CapacityRequestPolicyRange,
  Counter,
  Device,
  DeviceAttribute,
  DeviceTaint,
  ResourceSlice,
  ResourceSliceSpec,
} from '../../generated/resource.v1.ts'
import { goJson } from '../../go-json.ts'
import { checkNodeSelector } from '../core/pod/validate-affinity.ts'
import { checkDriverName } from '../core/pod/validate-volume.ts'
import { checkImmutable, checkText, type Errors, NOT_POSITIVE_MESSAGE } from '../shared/check.ts'
import {
  checkBindingConditions,
  checkDeviceQualifiedName,
  checkEach,
  checkPoolName,
  checkSet,
  EFFECTS,
} from './device-checks.ts'

const MOST_DEVICES = 128
const MOST_COMPLEX_DEVICES = 64
const MOST_COUNTER_SETS = 8
const MOST_COUNTERS = 32
const MOST_CONSUMPTIONS = 2
const MOST_ATTRIBUTES = 32
const MOST_TAINTS = 16
const MOST_VALUES = 10
const LONGEST_VALUE = 64
const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/

export function validateSlice(slice: ResourceSlice, old?: ResourceSlice): FieldError[] {
  const errors: Errors = []
  const { spec } = slice
  checkDriverName(errors, 'spec.driver', spec.driver)
  checkPool(errors, spec.pool)
  if (old !== undefined) {
    checkImmutable(errors, 'spec.pool.name', spec.pool?.name ?? '', old.spec.pool?.name)
    checkImmutable(errors, 'spec.driver', spec.driver ?? '', old.spec.driver)
    checkImmutable(errors, 'spec.nodeName', spec.nodeName, old.spec.nodeName)
  }
  checkPlace(errors, spec)
  if (givenField(spec, 'sharedCounters') && givenField(spec, 'devices')) {
    errors.push(invalid('spec', '', 'only one of `sharedCounters` or `devices` is allowed'))
  }
  const devices = spec.devices ?? []
  const complex = devices.some(each => (each.taints ?? []).length + (each.consumesCounters ?? []).length > 0)
  const most = complex ? MOST_COMPLEX_DEVICES : MOST_DEVICES
  const check = (found: Errors, path: string, device: Device): void => {
    const before = old?.spec.devices?.find(each => each.name === device.name)
    checkDevice(found, path, device, before, spec.perDeviceNodeSelection === true)
  }
  checkSet(errors, 'spec.devices', devices, most, check, each => each.name)
  checkSet(errors, 'spec.sharedCounters', spec.sharedCounters, MOST_COUNTER_SETS, checkCounterSet, each => each.name)
  return errors
}

function checkPool(errors: Errors, pool: ResourceSliceSpec['pool'] | undefined): void {
  checkPoolName(errors, 'spec.pool.name', pool?.name)
  const { resourceSliceCount = 0, generation = 0 } = pool ?? {}
  if (resourceSliceCount <= 0) {
    errors.push(invalid('spec.pool.resourceSliceCount', resourceSliceCount, NOT_POSITIVE_MESSAGE))
  }
  if (generation < 0) {
    errors.push(invalid('spec.pool.generation', generation, 'must be greater than or equal to zero'))
  }
}

function checkPlace(errors: Errors, spec: ResourceSliceSpec): void {
  const set: string[] = []
  const { nodeName, nodeSelector } = spec
  if (nodeName) {
    set.push('`nodeName`')
    checkText(errors, 'spec.nodeName', nodeName, checkDns1123Subdomain)
  } else if (nodeName === '') {
    errors.push(invalid('spec.nodeName', '', 'must be either unset or set to a non-empty string'))
  }
  if (nodeSelector) {
    set.push('`nodeSelector`')
    checkNodeSelector(errors, 'spec.nodeSelector', nodeSelector)
    const terms = nodeSelector.nodeSelectorTerms ?? []
    if (terms.length !== 1) {
      const text = 'must have exactly one node selector term'
      const shown = terms.map(term => goJson('core.v1.NodeSelectorTerm', term))
      errors.push(invalid('spec.nodeSelector.nodeSelectorTerms', shown, text))
    }
  }
  for (const field of ['allNodes', 'perDeviceNodeSelection'] as const) {
    if (spec[field]) set.push(`\`${field}\``)
    else if (spec[field] === false) errors.push(invalid(`spec.${field}`, false, 'must be either unset or set to true'))
  }
  const text = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required'
  if (set.length === 0) errors.push(required('spec', text))
  else if (set.length > 1) errors.push(invalid('spec', `{${set.join(', ')}}`, `${text}, but multiple fields are set`))
}

function checkDevice(errors: Errors, path: string, device: Device, old: Device | undefined, perDevice: boolean): void {
  checkText(errors, `${path}.name`, device.name, checkDns1123Label)
  const { attributes = {}, capacity = {} } = device
  const count = Object.keys(attributes).length + Object.keys(capacity).length
  if (count > MOST_ATTRIBUTES) {
    const text = `the total number of attributes and capacities must not exceed ${MOST_ATTRIBUTES}`
    errors.push(invalid(path, count, text))
  }
  for (const [name, attribute] of Object.entries(attributes)) {
    const at = `${path}.attributes[${name}]`
    checkDeviceQualifiedName(errors, `${path}.attributes`, name)
    checkAttribute(errors, at, attribute)
  }
  for (const [name, { value = '0', requestPolicy }] of Object.entries(capacity)) {
    const at = `${path}.capacity[${name}]`
    checkDeviceQualifiedName(errors, `${path}.capacity`, name)
    if (!requestPolicy) continue
    if (device.allowMultipleAllocations) checkPolicy(errors, `${at}.requestPolicy`, value, requestPolicy)
    else errors.push(forbidden(`${at}.requestPolicy`, 'allowMultipleAllocations must be true'))
  }
  if (!semanticEqual(old?.taints, device.taints)) {
    checkEach(errors, `${path}.taints`, device.taints, MOST_TAINTS, checkTaint)
  }
  const consumption = (found: Errors, at: string, each: CounterList): void =>
    checkCounters(found, at, 'counterSet', each.counterSet, each.counters)
  type CounterList = NonNullable<Device['consumesCounters']>[number]
  const list = `${path}.consumesCounters`
  checkSet(errors, list, device.consumesCounters, MOST_CONSUMPTIONS, consumption, each => each.counterSet)
  checkDevicePlace(errors, path, device, perDevice)
  checkBindingConditions(errors, path, device)
}

function checkDevicePlace(errors: Errors, path: string, device: Device, perDevice: boolean): void {
  const { nodeName, nodeSelector, allNodes } = device
  if (!perDevice) {
    if (nodeName === undefined && nodeSelector === undefined && allNodes === undefined) return
    const when = 'if `perDeviceNodeSelection` is set to true in the ResourceSlice spec'
    errors.push(invalid(path, null, `\`nodeName\`, \`nodeSelector\` and \`allNodes\` can only be set ${when}`))
    return
  }
  const set: string[] = []
  if (nodeName) {
    set.push('`nodeName`')
    checkText(errors, `${path}.nodeName`, nodeName, checkDns1123Subdomain)
  } else if (nodeName === '') errors.push(invalid(`${path}.nodeName`, '', 'must not be empty'))
  if (nodeSelector) {
    set.push('`nodeSelector`')
    checkNodeSelector(errors, `${path}.nodeSelector`, nodeSelector)
  }
  if (allNodes) set.push('`allNodes`')
  else if (allNodes === false) errors.push(invalid(`${path}.allNodes`, false, 'must be either unset or set to true'))
  const when = 'when `perDeviceNodeSelection` is set to true in the ResourceSlice spec'
  const text = `exactly one of \`nodeName\`, \`nodeSelector\`, or \`allNodes\` is required ${when}`
  if (set.length === 0) errors.push(required(path, text))
  else if (set.length > 1) errors.push(invalid(path, `{${set.join(', ')}}`, text))
}

function checkAttribute(errors: Errors, path: string, attribute: DeviceAttribute): void {
  const { string: text, version, ...others } = attribute
  if (text !== undefined && byteLength(text) > LONGEST_VALUE) errors.push(tooLong(`${path}.string`, LONGEST_VALUE))
  if (version !== undefined) {
    if (!SEMVER.test(version)) {
      const rule = 'must be a string compatible with semver.org spec 2.0.0'
      errors.push(invalid(`${path}.version`, version, rule))
    }
    if (byteLength(version) > LONGEST_VALUE) errors.push(tooLong(`${path}.version`, LONGEST_VALUE))
  }
  const values = [text, version, ...Object.values(others)].filter(each => each !== undefined).length
  if (values === 0) errors.push(invalid(path, '', 'exactly one value must be specified'))
  else if (values > 1)
    errors.push(invalid(path, goJson('resource.v1.DeviceAttribute', attribute), 'exactly one value must be specified'))
}

function checkTaint(errors: Errors, path: string, { key = '', value, effect }: DeviceTaint): void {
  checkText(errors, `${path}.key`, key, checkQualifiedName)
  if (value) checkText(errors, `${path}.value`, value, checkLabelValue)
  if (!effect) errors.push(required(`${path}.effect`))
  else if (!EFFECTS.includes(effect)) errors.push(notSupported(`${path}.effect`, effect, EFFECTS))
}

function checkCounterSet(errors: Errors, path: string, set: { name: string; counters: Counters }): void {
  checkCounters(errors, path, 'name', set.name, set.counters)
}

type Counters = Readonly<Record<string, Counter>>

function checkCounters(errors: Errors, path: string, field: string, name: string, counters: Counters = {}): void {
  if (!name) errors.push(required(`${path}.${field}`))
  else checkText(errors, `${path}.${field}`, name, checkDns1123Label)
  const names = Object.keys(counters)
  if (names.length === 0) errors.push(required(`${path}.counters`))
  else if (names.length > MOST_COUNTERS) errors.push(tooMany(`${path}.counters`, names.length, MOST_COUNTERS))
  else for (const each of names) checkText(errors, `${path}.counters`, each, checkDns1123Label)
}

/** How much of a capacity one request may take (KEP-5075). */
function checkPolicy(errors: Errors, path: string, capacity: string, policy: CapacityRequestPolicy): void {
  const { default: usual, validRange } = policy
  const values = policy.validValues ?? []
  if (values.length > 0 && validRange) {
    const text = 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time'
    errors.push(forbidden(path, text))
  } else if (values.length > 0) {
    if (!usual) errors.push(required(`${path}.default`, 'required when validValues is defined'))
    else checkValues(errors, `${path}.validValues`, capacity, usual, values)
  } else if (validRange) {
    if (!usual) errors.push(required(`${path}.default`, 'required when validRange is defined'))
    else checkRange(errors, `${path}.validRange`, capacity, usual, validRange)
  }
}

function checkValues(errors: Errors, path: string, capacity: string, usual: string, values: readonly string[]): void {
  for (let i = 1; i < values.length; i++) {
    if (compareQuantities(values[i - 1]!, values[i]!) <= 0) continue
    errors.push(invalid(`${path}[${i}]`, values[i], 'values must be sorted in ascending order'))
  }
  const check = (found: Errors, field: string, value: string): void => {
    if (compareQuantities(value, capacity) <= 0) return
    found.push(invalid(field, value, `option is larger than capacity value: ${capacity}`))
  }
  checkSet(errors, path, values, MOST_VALUES, check, each => String(scaledQuantity(each, 0)))
  // Of too many none has been looked at.
  if (values.length <= MOST_VALUES && values.some(value => compareQuantities(value, usual) === 0)) return
  errors.push(invalid(path, usual, 'default value is not valid according to the requestPolicy'))
}

function checkRange(
  errors: Errors,
  path: string,
  capacity: string,
  usual: string,
  { min, max, step }: CapacityRequestPolicyRange,
): void {
  const above = (a: string, b: string): boolean => compareQuantities(a, b) > 0
  if (min === undefined) {
    errors.push(required(`${path}.min`, 'required when validRange is defined'))
    return
  }
  if (above(min, capacity)) {
    errors.push(invalid(`${path}.min`, min, `min is larger than capacity value: ${capacity}`))
  }
  if (above(min, usual)) errors.push(invalid(`${path}.min`, usual, `default is less than min: ${min}`))
  if (max !== undefined) {
    if (above(min, max)) errors.push(invalid(`${path}.max`, min, `min is larger than max: ${max}`))
    if (above(max, capacity)) {
      errors.push(invalid(`${path}.max`, max, `max is larger than capacity value: ${capacity}`))
    }
    if (above(usual, max)) errors.push(invalid(`${path}.max`, usual, `default is more than max: ${max}`))
  }
  if (step === undefined) return
  const once = formatQuantity(addQuantities(parseQuantity(min), parseQuantity(step)))
  if (above(once, capacity)) {
    const text = `one step ${once} is larger than capacity value: ${capacity}`
    errors.push(invalid(`${path}.step`, step, text))
  }
  for (const value of max === undefined ? [usual] : [usual, max]) {
    if (isWholeSteps(value, min, step)) continue
    const text = `value is not a multiple of a given step (${step}) from (${min})`
    errors.push(invalid(`${path}.step`, value, text))
  }
}

function isWholeSteps(value: string, min: string, step: string): boolean {
  const size = scaledQuantity(step, 0)
  return size === 0n || (scaledQuantity(value, 0) - scaledQuantity(min, 0)) % size === 0n
}

export function validateSliceUpdate(slice: ResourceSlice, old: ResourceSlice): FieldError[] {
  return validateSlice(slice, old)
}
