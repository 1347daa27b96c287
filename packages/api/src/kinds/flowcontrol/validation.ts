/** Priority and fairness of requests (pkg/apis/flowcontrol/validation/validation.go). */
import {
  checkDns1123Label,
  checkDns1123Subdomain,
  duplicate,
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
  QueuingConfiguration,
  ServiceAccountSubject,
  Subject,
} from '../../generated/flowcontrol.v1.ts'
import { goJson } from '../../go-json.ts'
import { checkText, type Errors } from '../shared/check.ts'

const HIGHEST_PRECEDENCE = 10000
const EXEMPT = 'exempt'
const MOST_QUEUES = 10_000_000
/** Bits of the hash by which a flow is dealt its queues. */
const HASH_BITS = 60
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch']

export function validateFlowSchema({ metadata, spec, status }: FlowSchema): FieldError[] {
  const errors: Errors = []
  const precedence = spec.matchingPrecedence
  if (!(precedence > 0)) {
    errors.push(invalid('spec.matchingPrecedence', precedence ?? 0, 'must be a positive value'))
  } else if (precedence > HIGHEST_PRECEDENCE) {
    errors.push(invalid('spec.matchingPrecedence', precedence, `must not be greater than ${HIGHEST_PRECEDENCE}`))
  }
  if (precedence === 1 && metadata.name !== EXEMPT) {
    const text = "only the schema named 'exempt' may have matchingPrecedence 1"
    errors.push(invalid('spec.matchingPrecedence', precedence, text))
  }
  const method = spec.distinguisherMethod
  if (method && method.type !== 'ByNamespace' && method.type !== 'ByUser') {
    // Upstream shows all of it.
    const shown = goJson('flowcontrol.v1.FlowDistinguisherMethod', method)
    errors.push(notSupported('spec.distinguisherMethod.type', shown, ['ByNamespace', 'ByUser']))
  }
  const level = spec.priorityLevelConfiguration?.name
  const field = 'spec.priorityLevelConfiguration.name'
  if (level) checkText(errors, field, level, checkDns1123Subdomain)
  else errors.push(required(field, 'must reference a priority level'))
  for (const [index, rule] of (spec.rules ?? []).entries()) checkRule(errors, `spec.rules[${index}]`, rule)
  checkConditions(errors, status?.conditions)
  return errors
}

/** For both kinds. */
export function validateFlowStatusUpdate({ status }: FlowSchema | PriorityLevelConfiguration): FieldError[] {
  const errors: Errors = []
  checkConditions(errors, status?.conditions)
  return errors
}

function checkConditions(errors: Errors, conditions: readonly { type?: string }[] = []): void {
  for (const [index, { type = '' }] of conditions.entries()) {
    const field = `status.conditions[${index}].type`
    if (conditions.findIndex(each => (each.type ?? '') === type) < index) errors.push(duplicate(field, type))
    if (type === '') errors.push(required(field))
  }
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
    const { apiGroups = [], resources = [], clusterScope } = each
    checkAll(errors, `${at}.apiGroups`, apiGroups, 'api group')
    checkAll(errors, `${at}.resources`, resources, 'resource')
    checkNamespaces(errors, `${at}.namespaces`, each.namespaces ?? [], clusterScope === true)
  }
  for (const [index, { verbs, nonResourceURLs = [] }] of nonResourceRules.entries()) {
    const at = `${path}.nonResourceRules[${index}]`
    checkVerbs(errors, `${at}.verbs`, verbs)
    checkUrls(errors, `${at}.nonResourceURLs`, nonResourceURLs)
  }
}

/** At least one, and nothing beside `*`. */
function checkAll(errors: Errors, field: string, values: readonly string[], what: string): void {
  if (values.length === 0) errors.push(required(field, `resource rules must supply at least one ${what}`))
  else checkAlone(errors, field, values, `${what}s`)
}

function checkAlone(errors: Errors, field: string, values: readonly string[], what: string): void {
  if (values.length < 2 || !values.includes('*')) return
  errors.push(invalid(field, values, `if '*' is present, must not specify other ${what}`))
}

function checkNamespaces(errors: Errors, field: string, namespaces: readonly string[], clusterScope: boolean): void {
  if (namespaces.length === 0 && !clusterScope) {
    const text = 'resource rules that are not cluster scoped must supply at least one namespace'
    errors.push(required(field, text))
  }
  checkAlone(errors, field, namespaces, 'namespaces')
  if (namespaces.includes('*')) return
  const rule = "each member of this list must be '*' or a DNS-1123 label; "
  for (const [index, name] of namespaces.entries()) {
    for (const problem of checkDns1123Label(name)) errors.push(invalid(`${field}[${index}]`, name, rule + problem))
  }
}

function checkUrls(errors: Errors, field: string, urls: readonly string[]): void {
  if (urls.length === 0) errors.push(required(field, 'nonResourceURLs must contain at least one value'))
  checkAlone(errors, field, urls, 'non-resource URLs')
  if (urls.includes('*')) return
  for (const [index, url] of urls.entries()) {
    const problem = urlProblem(url)
    if (problem !== undefined) errors.push(invalid(`${field}[${index}]`, url, problem))
  }
}

function urlProblem(url: string): string | undefined {
  if (url === '') return 'must not be empty'
  if (!url.startsWith('/')) return 'must start with slash'
  if (url.includes(' ')) return 'must not contain white-space'
  if (url.includes('//')) return 'must not contain double slash'
  const stars = url.split('*').length - 1
  return stars > 1 || (stars === 1 && !url.endsWith('/*')) ? 'wildcard can only do suffix matching' : undefined
}

function checkVerbs(errors: Errors, field: string, verbs: readonly string[] = []): void {
  if (verbs.length === 0) errors.push(required(field, 'verbs must contain at least one value'))
  else if (verbs.includes('*') && verbs.length > 1) {
    errors.push(invalid(field, verbs, "if '*' is present, must not specify other verbs"))
  } else if (!verbs.includes('*') && !verbs.every(verb => VERBS.includes(verb))) {
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
  } else if (kind === 'ServiceAccount') checkAccount(errors, `${path}.${field}`, serviceAccount!)
  else if (!named[kind].name) errors.push(required(`${path}.${field}.name`))
  const others = kind === 'ServiceAccount' ? ['User', 'Group'] : ['ServiceAccount', 'User', 'Group']
  for (const other of others) {
    if (other === kind || named[other] === undefined) continue
    const name = other[0]!.toLowerCase() + other.slice(1)
    errors.push(forbidden(`${path}.${name}`, `${name} is forbidden when subject kind is not '${other}'`))
  }
}

function checkAccount(errors: Errors, path: string, { name, namespace }: ServiceAccountSubject): void {
  if (!name) errors.push(required(`${path}.name`))
  else if (name !== '*') checkText(errors, `${path}.name`, name, checkDns1123Subdomain)
  if (!namespace) errors.push(required(`${path}.namespace`, 'must specify namespace for service account'))
  else checkText(errors, `${path}.namespace`, namespace, checkDns1123Label)
}

const ROUND_TRIP = 'flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares'

export function validatePriorityLevel({ metadata, spec, status }: PriorityLevelConfiguration): FieldError[] {
  const errors: Errors = []
  if (metadata.annotations?.[ROUND_TRIP] !== undefined) {
    errors.push(forbidden('metadata.annotations', `annotation '${ROUND_TRIP}' is forbidden`))
  }
  if ((metadata.name === EXEMPT) !== (spec.type === 'Exempt')) {
    errors.push(invalid('spec.type', spec.type ?? '', "must be 'Exempt' if and only if `name` is 'exempt'"))
  }
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
    // What the type has no use for is refused as a whole.
    if (name !== type?.toLowerCase()) continue
    const shares = part?.nominalConcurrencyShares ?? 0
    if (shares < 0) {
      errors.push(invalid(`spec.${name}.nominalConcurrencyShares`, shares, 'must be a non-negative integer'))
    }
    if (name === 'limited' && limited) checkResponse(errors, 'spec.limited.limitResponse', limited.limitResponse)
    const lendable = part?.lendablePercent
    if (lendable !== undefined && (lendable < 0 || lendable > 100)) {
      errors.push(invalid(`spec.${name}.lendablePercent`, lendable, 'must be between 0 and 100, inclusive'))
    }
  }
  const borrowing = (type === 'Limited' ? limited?.borrowingLimitPercent : undefined) ?? 0
  if (borrowing < 0) {
    const text = 'if specified, must be a non-negative integer'
    errors.push(invalid('spec.limited.borrowingLimitPercent', borrowing, text))
  }
  checkConditions(errors, status?.conditions)
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
    checkQueuing(errors, `${path}.queuing`, queuing)
  } else errors.push(notSupported(`${path}.type`, response?.type ?? '', ['Queue', 'Reject']))
}

/** Chance must have enough bits to deal a hand of queues to every flow. */
function checkQueuing(errors: Errors, path: string, queuing: QueuingConfiguration): void {
  const { queueLengthLimit = 0, queues = 0, handSize = 0 } = queuing
  if (queueLengthLimit <= 0) errors.push(invalid(`${path}.queueLengthLimit`, queueLengthLimit, 'must be positive'))
  if (queues <= 0) errors.push(invalid(`${path}.queues`, queues, 'must be positive'))
  else if (queues > MOST_QUEUES) {
    errors.push(invalid(`${path}.queues`, queues, `must not be greater than ${MOST_QUEUES}`))
  }
  const field = `${path}.handSize`
  if (handSize <= 0) errors.push(invalid(field, handSize, 'must be positive'))
  else if (handSize > queues) {
    errors.push(invalid(field, handSize, `should not be greater than queues (${queues})`))
  } else if (entropyBits(queues, handSize) > HASH_BITS) {
    const what = `required entropy bits of deckSize ${queues} and handSize ${handSize}`
    errors.push(invalid(field, handSize, `${what} should not be greater than ${HASH_BITS}`))
  }
}

function entropyBits(deck: number, hand: number): number {
  let bits = 0
  for (let i = 0; i < hand; i++) bits += Math.log2(deck - i)
  return Math.ceil(bits)
}
