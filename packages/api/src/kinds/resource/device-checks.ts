/** Names and lists that claims, classes and slices share (pkg/apis/resource/validation/validation.go). */
import {
  byteLength,
  checkCIdentifier,
  checkDns1123Subdomain,
  checkLabelValue,
  checkQualifiedName,
  duplicate,
  givenField,
  invalid,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '@canopus/apimachinery'
import { checkDriverName } from '../core/pod/validate-volume.ts'
import { checkText, type Errors } from '../shared/check.ts'

const LONGEST_ID = 32
const LONGEST_POOL = 253
const LONGEST_PARAMETERS = 10 * 1024
const MOST_BINDING_CONDITIONS = 4

/** Checks each item, and answers whether there are few enough to go on. */
export function checkEach<T>(
  errors: Errors,
  path: string,
  items: readonly T[] | undefined,
  most: number,
  check: (errors: Errors, path: string, item: T) => void,
): boolean {
  const list = items ?? []
  if (list.length > most) {
    errors.push(tooMany(path, list.length, most))
    return false
  }
  for (const [index, item] of list.entries()) check(errors, `${path}[${index}]`, item)
  return true
}

/** The same, of items that differ in their keys. One that is there twice is shown. */
export function checkSet<T>(
  errors: Errors,
  path: string,
  items: readonly T[] | undefined,
  most: number,
  check: (errors: Errors, path: string, item: T) => void,
  keyOf: (item: T) => string,
  show: (item: T) => unknown = keyOf,
): void {
  if (!checkEach(errors, path, items, most, check)) return
  const seen = new Set<string>()
  for (const [index, item] of (items ?? []).entries()) {
    const key = keyOf(item)
    if (seen.has(key)) errors.push(duplicate(`${path}[${index}]`, show(item)))
    seen.add(key)
  }
}

/** `name`, or `domain/name` with the name of an identifier in C. */
export function checkDeviceQualifiedName(errors: Errors, field: string, name: string): void {
  const parts = name.split('/')
  if (parts.length === 1) checkId(errors, field, name)
  if (parts.length !== 2) return
  const [domain = '', id = ''] = parts
  if (domain === '') errors.push(invalid(field, '', 'the domain must not be empty'))
  else checkDriverName(errors, field, domain)
  if (id === '') errors.push(invalid(field, '', 'the name must not be empty'))
  else checkId(errors, field, id)
}

function checkId(errors: Errors, field: string, id: string): void {
  if (byteLength(id) > LONGEST_ID) errors.push(tooLong(field, LONGEST_ID))
  checkText(errors, field, id, checkCIdentifier)
}

export function checkFullName(errors: Errors, field: string, name: string): void {
  checkDeviceQualifiedName(errors, field, name)
  if (name.includes('/')) return
  errors.push(invalid(field, name, 'a fully qualified name must be a domain and a name separated by a slash'))
}

/** Subdomains with slashes between them. */
export function checkPoolName(errors: Errors, field: string, name: string | undefined): void {
  if (!name) {
    errors.push(required(field))
    return
  }
  if (byteLength(name) > LONGEST_POOL) errors.push(tooLong(field, LONGEST_POOL))
  for (const part of name.split('/')) checkText(errors, field, part, checkDns1123Subdomain)
}

/** What only the driver understands: an object of JSON. What is stored may be longer. */
export function checkRawObject(errors: Errors, field: string, value: unknown, stored = false): void {
  if (value === undefined || value === null) errors.push(required(field))
  else if (!stored && byteLength(JSON.stringify(value)) > LONGEST_PARAMETERS) {
    errors.push(tooLong(field, LONGEST_PARAMETERS))
  } else if (typeof value !== 'object' || Array.isArray(value)) {
    errors.push(invalid(field, '<value omitted>', 'must be a valid JSON object'))
  }
}

export function checkConfiguration(
  errors: Errors,
  path: string,
  opaque: { driver: string; parameters: unknown } | undefined,
  stored = false,
): void {
  if (opaque === undefined) {
    errors.push(required(`${path}.opaque`))
    return
  }
  checkDriverName(errors, `${path}.opaque.driver`, opaque.driver)
  checkRawObject(errors, `${path}.opaque.parameters`, opaque.parameters, stored)
}

const FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** What keeps a text from being a UUID in any of its forms (github.com/google/uuid, Validate). */
export function uuidProblem(text: string): string | undefined {
  let id = text
  switch (byteLength(text)) {
    case 36:
      break
    case 45:
      if (!/^urn:uuid:/i.test(text)) return `invalid urn prefix: ${JSON.stringify(text.slice(0, 9))}`
      id = text.slice(9)
      break
    case 38:
      if (!/^\{.*\}$/.test(text)) return 'invalid bracketed UUID format'
      id = text.slice(1, -1)
      break
    case 32:
      return /^[0-9a-f]*$/i.test(text) ? undefined : 'invalid UUID format'
    default:
      return `invalid UUID length: ${byteLength(text)}`
  }
  return FORM.test(id) ? undefined : 'invalid UUID format'
}

export const EFFECTS = ['NoExecute', 'NoSchedule', 'None']

interface Toleration {
  key?: string
  operator?: string
  value?: string
  effect?: string
}

export function checkDeviceToleration(errors: Errors, path: string, toleration: Toleration): void {
  const { key, operator, value = '', effect } = toleration
  if (key) checkText(errors, `${path}.key`, key, checkQualifiedName)
  if (operator === 'Exists') {
    if (value) errors.push(invalid(`${path}.value`, value, 'must be empty for operator `Exists`'))
  } else if (operator === 'Equal') checkText(errors, `${path}.value`, value, checkLabelValue)
  else if (!operator) errors.push(required(`${path}.operator`))
  else errors.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']))
  if (effect && !EFFECTS.includes(effect)) errors.push(notSupported(`${path}.effect`, effect, EFFECTS))
}

interface Bound {
  readonly bindingConditions?: string[]
  readonly bindingFailureConditions?: string[]
}

/** Conditions for which binding waits, and others at which it gives up (KEP-5007). */
export function checkBindingConditions(errors: Errors, path: string, device: Bound): void {
  const [given, givenFailures] = [
    givenField(device, 'bindingConditions'),
    givenField(device, 'bindingFailureConditions'),
  ]
  const [conditions, failures] = [given ?? [], givenFailures ?? []]
  const label = (found: Errors, field: string, name: string): void => checkText(found, field, name, checkQualifiedName)
  const lists = [
    [`${path}.bindingConditions`, conditions],
    [`${path}.bindingFailureConditions`, failures],
  ] as const
  for (const [field, names] of lists) checkEach(errors, field, names, MOST_BINDING_CONDITIONS, label)
  for (const [field, names] of lists) {
    for (const [index, name] of names.entries()) {
      if (names.indexOf(name) < index) errors.push(duplicate(`${field}[${index}]`, name))
      if (names !== failures || !conditions.includes(name)) continue
      const text = 'bindingFailureConditions must not overlap with bindingConditions'
      errors.push(invalid(`${field}[${index}]`, name, text))
    }
  }
  if (conditions.length === 0 && failures.length > 0) {
    const text = 'bindingConditions are required to use bindingFailureConditions'
    errors.push(invalid(`${path}.bindingConditions`, given ?? null, text))
  }
  if (failures.length === 0 && conditions.length > 0) {
    const text = 'bindingFailureConditions are required to use bindingConditions'
    errors.push(invalid(`${path}.bindingFailureConditions`, givenFailures ?? null, text))
  }
}
