/** What resources are called and which figures they may have (pkg/apis/core/helper/helpers.go, validation.go). */
import { checkQualifiedName, invalid, milliValue, parseQuantity, quantityValue } from '@canopus/apimachinery'
import { checkText, type Errors, NEGATIVE_MESSAGE } from './check.ts'

const CONTAINER = new Set(['cpu', 'memory', 'ephemeral-storage'])
const COUNTED = new Set([
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
])
const QUOTA = new Set([
  ...COUNTED,
  ...CONTAINER,
  ...[...CONTAINER].flatMap(name => [`requests.${name}`, `limits.${name}`]),
  'requests.storage',
])
const STANDARD = new Set([...QUOTA, 'storage'])
const HUGE_PAGES = 'hugepages-'

export const isHugePages = (name: string): boolean => name.startsWith(HUGE_PAGES)
export const isNativeResource = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/')
export const isExtendedResource = (name: string): boolean =>
  !isNativeResource(name) && !name.startsWith('requests.') && checkQualifiedName(`requests.${name}`).length === 0
/** Whether requests may be lower than limits. */
export const isOvercommitAllowed = (name: string): boolean => isNativeResource(name) && !isHugePages(name)
export const isQuotaResource = (name: string): boolean =>
  QUOTA.has(name) || isHugePages(name) || name.startsWith(`requests.${HUGE_PAGES}`)
const isWhole = (name: string): boolean => COUNTED.has(name) || (!CONTAINER.has(name) && isExtendedResource(name))

/** A resource's name anywhere. Answers whether it was well-formed. */
export function checkResourceName(errors: Errors, field: string, name: string): boolean {
  const before = errors.length
  if (STANDARD.has(name)) return true
  checkText(errors, field, name, checkQualifiedName)
  if (errors.length > before) return false
  if (name.includes('/') || isHugePages(name) || isQuotaResource(name)) return true
  errors.push(invalid(field, name, 'must be a standard resource type or fully qualified'))
  return false
}

export function checkContainerResourceName(errors: Errors, field: string, name: string): void {
  if (CONTAINER.has(name)) return
  checkResourceName(errors, field, name)
  if (!name.includes('/')) {
    if (!isHugePages(name)) errors.push(invalid(field, name, 'must be a standard resource for containers'))
  } else if (!isNativeResource(name) && !isExtendedResource(name)) {
    errors.push(invalid(field, name, "doesn't follow extended resource name standard"))
  }
}

export function checkQuotaResourceName(errors: Errors, field: string, name: string): void {
  checkResourceName(errors, field, name)
  if (!name.includes('/') && !isQuotaResource(name)) {
    errors.push(invalid(field, name, 'must be a standard resource for quota'))
  }
}

/** Not negative, and whole where the resource comes in pieces. */
export function checkAmount(errors: Errors, field: string, name: string, amount: string): void {
  if (amount.charCodeAt(0) === 45 && parseQuantity(amount).mantissa < 0n) {
    errors.push(invalid(field, amount, NEGATIVE_MESSAGE))
  }
  if (isWhole(name) && milliValue(amount) % 1000 !== 0) errors.push(invalid(field, amount, 'must be an integer'))
}

/** Huge pages come in multiples of their size, which is part of the name. */
export function checkHugePages(errors: Errors, field: string, name: string, amount: string): void {
  if (!isHugePages(name)) return
  let size = 0
  try {
    size = quantityValue(name.slice(HUGE_PAGES.length))
  } catch {
    size = 0
  }
  if (size <= 0 || quantityValue(amount) % size !== 0) {
    errors.push(invalid(field, amount, `${amount} is not positive integer multiple of ${name}`))
  }
}
