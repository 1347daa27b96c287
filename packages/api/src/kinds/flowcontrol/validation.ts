/** Priority and fairness of requests (pkg/apis/flowcontrol/validation/validation.go). */
import {
  checkDns1123Subdomain,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from '@canopus/apimachinery'
import type {
  FlowSchema,
  LimitResponse,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  Subject,
} from '../../generated/flowcontrol.v1.ts'
import { checkNonNegative, checkText, type Errors } from '../shared/check.ts'

const HIGHEST_PRECEDENCE = 10000
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch']

export function validateFlowSchema({ spec }: FlowSchema): FieldError[] {
  const errors: Errors = []
  const precedence = spec.matchingPrecedence
  if (!(precedence > 0)) {
    errors.push(invalid('spec.matchingPrecedence', precedence ?? 0, 'must be a positive value'))
  } else if (precedence > HIGHEST_PRECEDENCE) {
    errors.push(invalid('spec.matchingPrecedence', precedence, `must not be greater than ${HIGHEST_PRECEDENCE}`))
  }
  const method = spec.distinguisherMethod
  if (method && method.type !== 'ByNamespace' && method.type !== 'ByUser') {
    errors.push(notSupported('spec.distinguisherMethod', method, ['ByNamespace', 'ByUser']))
  }
  const level = spec.priorityLevelConfiguration?.name
  const field = 'spec.priorityLevelConfiguration.name'
  if (level) checkText(errors, field, level, checkDns1123Subdomain)
  else errors.push(required(field, 'must reference a priority level'))
  for (const [index, rule] of (spec.rules ?? []).entries()) checkRule(errors, `spec.rules[${index}]`, rule)
  return errors
}

function checkRule(errors: Errors, path: string, rule: PolicyRulesWithSubjects): void {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rule
  if (subjects.length === 0) errors.push(required(`${path}.subjects`, 'subjects must contain at least one value'))
  for (const [index, subject] of subjects.entries()) checkSubject(errors, `${path}.subjects[${index}]`, subject)
  if (resourceRules.length === 0 && nonResourceRules.length === 0) {
    const text = 'at least one of resourceRules and nonResourceRules has to be non-empty'
    errors.push(required(path, text))
  }
  for (const [index, each] of resourceRules.entries()) {
    const at = `${path}.resourceRules[${index}]`
    checkVerbs(errors, `${at}.verbs`, each.verbs)
    if ((each.apiGroups ?? []).length === 0) {
      errors.push(required(`${at}.apiGroups`, 'resource rules must supply at least one api group'))
    }
    if ((each.resources ?? []).length === 0) {
      errors.push(required(`${at}.resources`, 'resource rules must supply at least one resource'))
    }
    if ((each.namespaces ?? []).length === 0 && !each.clusterScope) {
      const text = 'resource rules that are not cluster scoped must supply at least one namespace'
      errors.push(required(`${at}.namespaces`, text))
    }
  }
  for (const [index, each] of nonResourceRules.entries()) {
    const at = `${path}.nonResourceRules[${index}]`
    checkVerbs(errors, `${at}.verbs`, each.verbs)
    if ((each.nonResourceURLs ?? []).length === 0) {
      errors.push(required(`${at}.nonResourceURLs`, 'nonResourceURLs must contain at least one value'))
    }
  }
}

function checkVerbs(errors: Errors, field: string, verbs: readonly string[] = []): void {
  if (verbs.length === 0) errors.push(required(field, 'verbs must contain at least one value'))
  else if (verbs.includes('*') && verbs.length > 1) {
    errors.push(invalid(field, verbs, "if '*' is present, must not specify other verbs"))
  } else if (!verbs.includes('*') && field.includes('resourceRules') && !verbs.every(verb => VERBS.includes(verb))) {
    errors.push(notSupported(field, verbs, VERBS))
  }
}

function checkSubject(errors: Errors, path: string, { kind, user, group, serviceAccount }: Subject): void {
  const named: Readonly<Record<string, { name: string } | undefined>> = {
    User: user,
    Group: group,
    ServiceAccount: serviceAccount,
  }
  if (!Object.hasOwn(named, kind ?? '')) {
    errors.push(notSupported(`${path}.kind`, kind ?? '', ['Group', 'ServiceAccount', 'User']))
    return
  }
  const field = kind[0]!.toLowerCase() + kind.slice(1)
  if (named[kind] === undefined) {
    errors.push(required(`${path}.${field}`, `${field} is required when subject kind is '${kind}'`))
  } else if (!named[kind].name) errors.push(required(`${path}.${field}.name`))
  for (const [other, value] of Object.entries(named)) {
    if (other === kind || value === undefined) continue
    const name = other[0]!.toLowerCase() + other.slice(1)
    errors.push(forbidden(`${path}.${name}`, `${name} is forbidden when subject kind is not '${other}'`))
  }
}

export function validatePriorityLevel({ spec }: PriorityLevelConfiguration): FieldError[] {
  const errors: Errors = []
  const { type, limited, exempt } = spec
  if (type === 'Exempt') {
    if (limited) errors.push(forbidden('spec.limited', 'must be nil if the type is not Limited'))
  } else if (type === 'Limited') {
    if (exempt) errors.push(forbidden('spec.exempt', 'must be nil if the type is Limited'))
    if (!limited) errors.push(required('spec.limited', 'must not be empty when type is Limited'))
  } else errors.push(notSupported('spec.type', type ?? '', ['Exempt', 'Limited']))
  for (const [name, part] of [
    ['limited', limited],
    ['exempt', exempt],
  ] as const) {
    checkNonNegative(errors, `spec.${name}.nominalConcurrencyShares`, part?.nominalConcurrencyShares)
    const lendable = part?.lendablePercent
    if (lendable !== undefined && (lendable < 0 || lendable > 100)) {
      errors.push(invalid(`spec.${name}.lendablePercent`, lendable, 'must be between 0 and 100, inclusive'))
    }
  }
  checkNonNegative(errors, 'spec.limited.borrowingLimitPercent', limited?.borrowingLimitPercent)
  if (limited) checkResponse(errors, 'spec.limited.limitResponse', limited.limitResponse)
  return errors
}

function checkResponse(errors: Errors, path: string, response: LimitResponse | undefined): void {
  const queuing = response?.queuing
  if (response?.type === 'Reject') {
    if (queuing) errors.push(forbidden(`${path}.queuing`, 'must be nil if limited.limitResponse.type is not Limited'))
  } else if (response?.type === 'Queue') {
    if (!queuing) {
      errors.push(required(`${path}.queuing`, 'must not be empty if limited.limitResponse.type is Limited'))
      return
    }
    for (const field of ['queueLengthLimit', 'queues', 'handSize'] as const) {
      if (!(queuing[field] > 0))
        errors.push(invalid(`${path}.queuing.${field}`, queuing[field] ?? 0, 'must be positive'))
    }
    if (queuing.handSize > queuing.queues) {
      const text = `should not be greater than queues (${queuing.queues})`
      errors.push(invalid(`${path}.queuing.handSize`, queuing.handSize, text))
    }
  } else errors.push(notSupported(`${path}.type`, response?.type ?? '', ['Queue', 'Reject']))
}
