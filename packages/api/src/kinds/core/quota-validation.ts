/** Quotas and limit ranges (validation.go: ValidateResourceQuotaSpec, ValidateLimitRange). */
import {
  checkQualifiedName,
  compareQuantities,
  duplicate,
  type FieldError,
  forbidden,
  givenField,
  IMMUTABLE_MESSAGE,
  invalid,
  milliValue,
  required,
} from '@canopus/apimachinery'
import type { LimitRange, LimitRangeItem, ResourceQuota, ResourceQuotaSpec } from '../../generated/core.v1.ts'
import { goJson } from '../../go-json.ts'
import { checkText, type Errors } from '../shared/check.ts'
import {
  checkAmount,
  checkContainerResourceName,
  checkQuotaResourceName,
  checkResourceName,
  isOvercommitAllowed,
  isQuotaResource,
} from '../shared/resource-names.ts'

type List = Readonly<Record<string, string>>

function checkList(errors: Errors, path: string, list: List | undefined): void {
  for (const name in list) {
    checkQuotaResourceName(errors, `${path}[${name}]`, name)
    checkAmount(errors, `${path}[${name}]`, name, list[name]!)
  }
}

const SCOPES = [
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
  'VolumeAttributesClass',
]
const CONFLICTS = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const
const COMPUTE = /^(?:pods|(?:(?:requests|limits)\.)?(?:cpu|memory))$/

function scopeFits(scope: string, resource: string): boolean {
  switch (scope) {
    case 'BestEffort':
      return resource === 'pods'
    case 'VolumeAttributesClass':
      return resource === 'persistentvolumeclaims' || resource === 'requests.storage'
    default:
      return !SCOPES.includes(scope) || COMPUTE.test(resource)
  }
}

function checkScope(errors: Errors, path: string, scope: string, hard: List, shown: unknown): void {
  for (const name of Object.keys(hard).sort()) {
    if (isQuotaResource(name) && !scopeFits(scope, name)) {
      errors.push(invalid(path, shown, 'unsupported scope applied to resource'))
    }
  }
}

function checkConflicts(errors: Errors, path: string, scopes: readonly string[], shown: unknown): void {
  for (const [a, b] of CONFLICTS) {
    if (scopes.includes(a) && scopes.includes(b)) errors.push(invalid(path, shown, 'conflicting scopes'))
  }
}

export function validateResourceQuota({ spec }: ResourceQuota): FieldError[] {
  const errors: Errors = []
  const { hard = {}, scopes = [] } = spec
  checkList(errors, 'spec.hard', hard)
  for (const scope of scopes) {
    if (!SCOPES.includes(scope)) errors.push(invalid('spec.scopes', scopes, 'unsupported scope'))
    checkScope(errors, 'spec.scopes', scope, hard, scopes)
  }
  checkConflicts(errors, 'spec.scopes', scopes, scopes)
  checkSelector(errors, spec, hard)
  return errors
}

const ONLY_EXISTS =
  "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"

function checkSelector(errors: Errors, { scopeSelector, scopes }: ResourceQuotaSpec, hard: List): void {
  if (scopeSelector === undefined) return
  const path = 'spec.scopeSelector.matchExpressions'
  const expressions = scopeSelector.matchExpressions ?? []
  for (const { scopeName, operator, values = [] } of expressions) {
    if (!SCOPES.includes(scopeName)) errors.push(invalid(`${path}.scopeName`, scopeName, 'unsupported scope'))
    checkScope(errors, path, scopeName, hard, goJson('core.v1.ScopeSelector', scopeSelector))
    const byValue = scopeName === 'PriorityClass' || scopeName === 'VolumeAttributesClass'
    if (!byValue && SCOPES.includes(scopeName) && operator !== 'Exists') {
      errors.push(invalid(`${path}.operator`, operator, ONLY_EXISTS))
    }
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length > 0) continue
      const text = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
      errors.push(required(`${path}.values`, text))
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length === 0) continue
      const text = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
      errors.push(invalid(`${path}.values`, values, text))
    } else errors.push(invalid(`${path}.operator`, operator, 'not a valid selector operator'))
  }
  const names = expressions.map(each => each.scopeName)
  checkConflicts(errors, path, names, scopes)
}

export function validateResourceQuotaUpdate(object: ResourceQuota, old: ResourceQuota): FieldError[] {
  const errors = validateResourceQuota(object)
  const scopes = new Set(object.spec.scopes)
  if (scopes.symmetricDifference(new Set(old.spec.scopes)).size > 0) {
    errors.push(invalid('spec.scopes', givenField(object.spec, 'scopes'), IMMUTABLE_MESSAGE))
  }
  return errors
}

export function validateResourceQuotaStatusUpdate({ status }: ResourceQuota): FieldError[] {
  const errors: Errors = []
  checkList(errors, 'status.hard', status?.hard)
  checkList(errors, 'status.used', status?.used)
  return errors
}

const LIMIT_TYPES = ['Pod', 'Container', 'PersistentVolumeClaim']

export function validateLimitRange({ spec }: LimitRange): FieldError[] {
  const errors: Errors = []
  const types = new Set<string>()
  for (const [index, item] of (spec.limits ?? []).entries()) {
    const path = `spec.limits[${index}]`
    checkText(errors, `${path}.type`, item.type ?? '', checkQualifiedName)
    const isQualified = checkQualifiedName(item.type ?? '').length === 0
    if (isQualified && !item.type.includes('/') && !LIMIT_TYPES.includes(item.type)) {
      errors.push(invalid(`${path}.type`, item.type, 'must be a standard limit type or fully qualified'))
    }
    if (types.has(item.type)) errors.push(duplicate(`${path}.type`, item.type))
    types.add(item.type)
    checkLimit(errors, path, item)
  }
  return errors
}

const LISTS = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const

function checkLimit(errors: Errors, path: string, item: LimitRangeItem): void {
  const ofPods = item.type === 'Pod' || item.type === 'Container'
  const names = new Set<string>()
  for (const list of LISTS) {
    if (item.type === 'Pod' && (list === 'default' || list === 'defaultRequest')) {
      if (Object.keys(item[list] ?? {}).length === 0) continue
      errors.push(forbidden(`${path}.${list}`, "may not be specified when `type` is 'Pod'"))
      continue
    }
    for (const name in item[list]) {
      if (ofPods) checkContainerResourceName(errors, `${path}.${list}[${name}]`, name)
      else checkResourceName(errors, `${path}.${list}[${name}]`, name)
      names.add(name)
    }
  }
  if (item.type === 'PersistentVolumeClaim' && !item.min?.storage && !item.max?.storage) {
    const text = 'either minimum or maximum storage value is required, but neither was provided'
    errors.push(required(`${path}.limits`, text))
  }
  for (const name of names) checkOrder(errors, path, item, name)
}

/** min <= defaultRequest <= default <= max. */
function checkOrder(errors: Errors, path: string, item: LimitRangeItem, name: string): void {
  const min = item.min?.[name]
  const max = item.max?.[name]
  const limit = item.type === 'Pod' ? undefined : item.default?.[name]
  const request = item.type === 'Pod' ? undefined : item.defaultRequest?.[name]
  const above = (a: string | undefined, b: string | undefined): boolean =>
    a !== undefined && b !== undefined && compareQuantities(a, b) > 0
  const bad = (list: string, value: string | undefined, text: string): void => {
    errors.push(invalid(`${path}.${list}[${name}]`, value, text))
  }
  if (above(min, max)) bad('min', min, `min value ${min} is greater than max value ${max}`)
  if (above(min, request)) {
    bad('defaultRequest', request, `min value ${min} is greater than default request value ${request}`)
  }
  if (above(request, max)) {
    bad('defaultRequest', request, `default request value ${request} is greater than max value ${max}`)
  }
  if (above(request, limit)) {
    bad('defaultRequest', request, `default request value ${request} is greater than default limit value ${limit}`)
  }
  if (above(min, limit)) bad('default', min, `min value ${min} is greater than default value ${limit}`)
  if (above(limit, max)) bad('default', max, `default value ${limit} is greater than max value ${max}`)
  checkRatio(errors, `${path}.maxLimitRequestRatio[${name}]`, item.maxLimitRequestRatio?.[name], min, max)
  if (isOvercommitAllowed(name) || limit === undefined || request === undefined) return
  if (compareQuantities(limit, request) !== 0) {
    bad('defaultRequest', request, `default value ${limit} must equal to defaultRequest value ${request} in ${name}`)
  }
}

function checkRatio(errors: Errors, field: string, ratio: string | undefined, min?: string, max?: string): void {
  if (ratio === undefined) return
  if (compareQuantities(ratio, '1') < 0) errors.push(invalid(field, ratio, `ratio ${ratio} is less than 1`))
  if (min === undefined || max === undefined) return
  const most = milliValue(max) / milliValue(min)
  if (milliValue(ratio) / 1000 <= most) return
  errors.push(invalid(field, ratio, `ratio ${ratio} is greater than max/min = ${most.toFixed(6)}`))
}
