/**
 * Webhooks and admission policies without their CEL (pkg/apis/admissionregistration/validation/validation.go). Expressions are
 * compiled by the API server's admission, which adds its findings.
 */
import {
  byteLength,
  checkDns1035Label,
  checkDns1123Subdomain,
  checkPathSegmentName,
  checkQualifiedName,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
  semanticEqual,
  validateLabelSelector,
} from '@canopus/apimachinery'
import type {
  AuditAnnotation,
  MatchCondition,
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhook,
  MutatingWebhookConfiguration,
  Mutation,
  ParamKind,
  ParamRef,
  RuleWithOperations,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
  Validation,
} from '../../generated/admissionregistration.v1.ts'
import { goJson } from '../../go-json.ts'
import { checkChoice, checkOptionalChoice, checkText, type Errors, push } from '../shared/check.ts'
import { checkConditions as checkStatusConditions } from '../shared/conditions.ts'
import { validateWebhookClient } from '../shared/webhook-client.ts'

const FAILURE_POLICIES = ['Fail', 'Ignore']
const MATCH_POLICIES = ['Equivalent', 'Exact']
const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']
const SCOPES = ['*', 'Cluster', 'Namespaced']
const REINVOCATIONS = ['IfNeeded', 'Never']
const REVIEW_VERSIONS = ['v1', 'v1beta1']
const MOST_CONDITIONS = 64
const LONGEST_WAIT = 30

type Webhook = MutatingWebhook | ValidatingWebhook
type Webhooks = MutatingWebhookConfiguration | ValidatingWebhookConfiguration

/** What an update need not heed, because the old object did not either. */
interface Leniency {
  sideEffects?: boolean
  reviewVersions?: boolean
  names?: boolean
  labelValues?: boolean
  conditions?: boolean
}

const QUIET = ['None', 'NoneOnDryRun']
const SIDE_EFFECTS = ['None', 'NoneOnDryRun', 'Some', 'Unknown']

export const validateWebhooks = (configuration: Webhooks): FieldError[] => checkWebhooks(configuration, {})

export function validateWebhooksUpdate(configuration: Webhooks, old: Webhooks): FieldError[] {
  const before: readonly Webhook[] = old.webhooks ?? []
  const names = before.map(each => each.name)
  const selectors = before.flatMap(each => [each.namespaceSelector, each.objectSelector])
  const conditionsOf = (each: Webhooks): unknown => (each.webhooks ?? []).map(webhook => webhook.matchConditions ?? [])
  return checkWebhooks(configuration, {
    sideEffects: before.some(each => !QUIET.includes(each.sideEffects ?? '')),
    reviewVersions: before.some(
      ({ admissionReviewVersions: versions = [] }) => versions.length > 0 && !isSpoken(versions),
    ),
    names: new Set(names).size < names.length,
    labelValues: selectors.some(selector => validateLabelSelector(selector, '').length > 0),
    conditions: semanticEqual(conditionsOf(configuration), conditionsOf(old)),
  })
}

function checkWebhooks(configuration: Webhooks, leniency: Leniency): FieldError[] {
  const errors: Errors = []
  const names = new Set<string>()
  for (const [index, webhook] of (configuration.webhooks ?? []).entries()) {
    const path = `webhooks[${index}]`
    checkWebhook(errors, path, webhook, leniency)
    const { admissionReviewVersions } = webhook
    checkReviewVersions(errors, `${path}.admissionReviewVersions`, admissionReviewVersions, leniency)
    if (leniency.names || !webhook.name) continue
    if (names.has(webhook.name)) errors.push(duplicate(`${path}.name`, webhook.name))
    names.add(webhook.name)
  }
  return errors
}

function checkWebhook(errors: Errors, path: string, webhook: Webhook, leniency: Leniency): void {
  checkFullName(errors, `${path}.name`, webhook.name)
  for (const [index, rule] of (webhook.rules ?? []).entries()) checkRule(errors, `${path}.rules[${index}]`, rule)
  checkOptionalChoice(errors, `${path}.failurePolicy`, webhook.failurePolicy, FAILURE_POLICIES)
  checkOptionalChoice(errors, `${path}.matchPolicy`, webhook.matchPolicy, MATCH_POLICIES)
  const { sideEffects, timeoutSeconds } = webhook
  const allowed = leniency.sideEffects ? SIDE_EFFECTS : QUIET
  if (sideEffects === undefined) {
    errors.push(required(`${path}.sideEffects`, `must specify one of ${allowed.join(', ')}`))
  } else checkOptionalChoice(errors, `${path}.sideEffects`, sideEffects, allowed)
  if (timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > LONGEST_WAIT)) {
    const text = `the timeout value must be between 1 and ${LONGEST_WAIT} seconds`
    errors.push(invalid(`${path}.timeoutSeconds`, timeoutSeconds, text))
  }
  const rules = { allowInvalidValues: leniency.labelValues === true }
  push(errors, validateLabelSelector(webhook.namespaceSelector, `${path}.namespaceSelector`, rules))
  push(errors, validateLabelSelector(webhook.objectSelector, `${path}.objectSelector`, rules))
  const reinvocation = (webhook as MutatingWebhook).reinvocationPolicy
  checkOptionalChoice(errors, `${path}.reinvocationPolicy`, reinvocation, REINVOCATIONS)
  push(errors, validateWebhookClient(webhook.clientConfig ?? {}, `${path}.clientConfig`))
  if (!leniency.conditions) checkConditions(errors, `${path}.matchConditions`, webhook.matchConditions)
}

function checkFullName(errors: Errors, field: string, name: string | undefined): void {
  if (!name) {
    errors.push(required(field))
    return
  }
  const before = errors.length
  checkText(errors, field, name, checkDns1123Subdomain)
  if (errors.length === before && name.split('.').length < 3) {
    errors.push(invalid(field, name, 'should be a domain with at least three segments separated by dots'))
  }
}

const isSpoken = (versions: readonly string[]): boolean => versions.some(each => REVIEW_VERSIONS.includes(each))

function checkReviewVersions(
  errors: Errors,
  field: string,
  versions: readonly string[] = [],
  { reviewVersions: mayBeUnknown }: Leniency,
): void {
  if (versions.length === 0) {
    errors.push(required(field, `must specify one of ${REVIEW_VERSIONS.join(', ')}`))
    return
  }
  for (const [index, version] of versions.entries()) {
    if (versions.indexOf(version) < index) errors.push(invalid(`${field}[${index}]`, version, 'duplicate version'))
    else checkText(errors, `${field}[${index}]`, version, checkDns1035Label)
  }
  if (mayBeUnknown || isSpoken(versions)) return
  errors.push(invalid(field, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`))
}

const OTHERS = { operations: 'operations', apiGroups: 'API groups', apiVersions: 'API versions' } as const

function checkRule(errors: Errors, path: string, rule: RuleWithOperations): void {
  checkWildcard(errors, path, rule, 'operations')
  for (const [index, operation] of (rule.operations ?? []).entries()) {
    checkOptionalChoice(errors, `${path}.operations[${index}]`, operation, OPERATIONS)
  }
  checkWildcard(errors, path, rule, 'apiGroups')
  checkWildcard(errors, path, rule, 'apiVersions')
  for (const [index, version] of (rule.apiVersions ?? []).entries()) {
    if (version === '') errors.push(required(`${path}.apiVersions[${index}]`))
  }
  checkResources(errors, `${path}.resources`, rule.resources ?? [])
  checkOptionalChoice(errors, `${path}.scope`, rule.scope, SCOPES)
}

/** A list that has something; and where it has everything, nothing else. */
function checkWildcard(errors: Errors, path: string, rule: RuleWithOperations, field: keyof typeof OTHERS): void {
  const values = rule[field] ?? []
  if (values.length === 0) errors.push(required(`${path}.${field}`))
  if (values.length < 2 || !values.includes('*')) return
  errors.push(invalid(`${path}.${field}`, values, `if '*' is present, must not specify other ${OTHERS[field]}`))
}

/** Whatever a wildcard says already may not be said again. */
function checkResources(errors: Errors, path: string, resources: readonly string[]): void {
  if (resources.length === 0) errors.push(required(path))
  const whole = new Set<string>()
  const everywhere = new Set<string>()
  for (const [index, text] of resources.entries()) {
    if (text === '') errors.push(required(`${path}[${index}]`))
    const slash = text.indexOf('/')
    if (slash < 0) continue
    const [resource, sub] = [text.slice(0, slash), text.slice(slash + 1)]
    const repeated = (wildcard: string): void => {
      errors.push(invalid(`${path}[${index}]`, text, `if '${wildcard}' is present, must not specify ${text}`))
    }
    if (whole.has(resource)) repeated(`${resource}/*`)
    if (everywhere.has(sub)) repeated(`*/${sub}`)
    if (sub === '*') whole.add(resource)
    if (resource === '*') everywhere.add(sub)
  }
  if (resources.length > 1 && resources.includes('*/*')) {
    errors.push(invalid(path, resources, "if '*/*' is present, must not specify other resources"))
  }
  // As upstream, only the last of those without a subresource counts.
  const last = resources.findLast(each => each !== '' && !each.includes('/'))
  if (resources.includes('*') && last !== '*') {
    const why = "if '*' is present, must not specify other resources without subresources"
    errors.push(invalid(path, resources, why))
  }
}

/** Names and presence of conditions; whether they compile is asked elsewhere. */
function checkConditions(errors: Errors, path: string, conditions: readonly MatchCondition[] = []): void {
  if (conditions.length > MOST_CONDITIONS) {
    const body = `Too many: ${conditions.length}: must have at most ${MOST_CONDITIONS} items`
    errors.push({ type: 'FieldValueTooMany', field: path, body })
  }
  const names = new Set<string>()
  for (const [index, { name, expression }] of conditions.entries()) {
    const at = `${path}[${index}]`
    if (!expression?.trim()) errors.push(required(`${at}.expression`))
    if (!name) {
      errors.push(required(`${at}.name`))
      continue
    }
    checkText(errors, `${at}.name`, name, checkQualifiedName)
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name))
    names.add(name)
  }
}

function checkMatchResources(errors: Errors, path: string, match: MatchResources): void {
  checkOptionalChoice(errors, `${path}.matchPolicy`, match.matchPolicy, MATCH_POLICIES)
  push(errors, validateLabelSelector(match.namespaceSelector, `${path}.namespaceSelector`))
  push(errors, validateLabelSelector(match.objectSelector, `${path}.objectSelector`))
  for (const list of ['resourceRules', 'excludeResourceRules'] as const) {
    for (const [index, rule] of (match[list] ?? []).entries()) {
      const { resourceNames: names = [] } = rule
      for (const [i, name] of names.entries()) {
        const field = `${path}.${list}[${index}].resourceNames[${i}]`
        checkText(errors, field, name, checkPathSegmentName)
        if (names.indexOf(name) < i) errors.push(duplicate(field, name))
      }
      checkRule(errors, `${path}.${list}[${index}]`, rule)
    }
  }
}

const MUTABLE = ['*', 'CONNECT', 'CREATE', 'UPDATE']

/** What is deleted is not mutated. */
function checkMutable(errors: Errors, path: string, match: MatchResources): void {
  for (const operation of (match.resourceRules ?? []).flatMap(rule => rule.operations ?? [])) {
    checkOptionalChoice(errors, `${path}.resourceRules.operations`, operation, MUTABLE)
  }
}

function checkParamKind(errors: Errors, path: string, { apiVersion, kind }: ParamKind): void {
  const field = `${path}.apiVersion`
  const parts = apiVersion?.split('/') ?? []
  if (!apiVersion) errors.push(required(field))
  else if (parts.length > 2) {
    errors.push(invalid(field, apiVersion, `unexpected GroupVersion string: ${apiVersion}`))
  } else {
    const [version = '', group = ''] = parts.toReversed()
    const bad = (value: string, problems: readonly string[]): void => {
      if (problems.length > 0) errors.push(invalid(field, value, problems.join(',')))
    }
    if (group !== '') bad(group, checkDns1123Subdomain(group))
    if (version === '') bad(apiVersion, ['version must be specified'])
    else bad(version, checkDns1035Label(version))
  }
  if (!kind) {
    errors.push(required(`${path}.kind`))
    return
  }
  const problems = checkDns1035Label(kind.toLowerCase())
  if (problems.length === 0) return
  const text = `may have mixed case, but should otherwise match: ${problems.join(',')}`
  errors.push(invalid(`${path}.kind`, kind, text))
}

const IDENTIFIER =
  /^(?!(?:true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while)$)[A-Za-z_][A-Za-z0-9_]*$/

interface PolicySpec {
  failurePolicy?: string
  paramKind?: ParamKind
  matchConstraints?: MatchResources
  matchConditions?: MatchCondition[]
  variables?: { name: string; expression: string }[]
}

/** What both sorts of policies have. */
function checkPolicy(errors: Errors, spec: PolicySpec, old: PolicySpec | undefined, mutates: boolean): void {
  checkOptionalChoice(errors, 'spec.failurePolicy', spec.failurePolicy, FAILURE_POLICIES)
  if (spec.paramKind) checkParamKind(errors, 'spec.paramKind', spec.paramKind)
  const constraints = spec.matchConstraints
  if (constraints === undefined) errors.push(required('spec.matchConstraints'))
  else {
    checkMatchResources(errors, 'spec.matchConstraints', constraints)
    if ((constraints.resourceRules ?? []).length === 0) errors.push(required('spec.matchConstraints.resourceRules'))
    if (mutates) checkMutable(errors, 'spec.matchConstraints', constraints)
  }
  const same =
    old !== undefined &&
    semanticEqual(spec.paramKind, old.paramKind) &&
    semanticEqual(spec.matchConditions, old.matchConditions)
  if (!same) checkConditions(errors, 'spec.matchConditions', spec.matchConditions)
  for (const [index, { name, expression }] of (spec.variables ?? []).entries()) {
    const at = `spec.variables[${index}]`
    if (!name?.trim()) errors.push(required(`${at}.name`, 'name is not specified'))
    else if (!IDENTIFIER.test(name)) errors.push(invalid(`${at}.name`, name, 'must be a valid CEL identifier'))
    if (!expression?.trim()) errors.push(required(`${at}.expression`, 'expression is not specified'))
  }
}

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge']
const MOST_ANNOTATIONS = 20
const LONGEST_VALUE = 5 * 1024

export function validateValidatingPolicy(
  { metadata, spec }: ValidatingAdmissionPolicy,
  old?: ValidatingAdmissionPolicy,
): FieldError[] {
  const errors: Errors = []
  checkPolicy(errors, spec, old?.spec, false)
  const { validations = [], auditAnnotations = [] } = spec
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const text = 'validations or auditAnnotations must contain at least one item'
    errors.push(required('spec.validations', text), required('spec.auditAnnotations', text))
  }
  for (const [index, validation] of validations.entries()) {
    checkValidation(errors, `spec.validations[${index}]`, validation)
  }
  checkAnnotations(errors, 'spec.auditAnnotations', metadata.name, auditAnnotations)
  return errors
}

function checkValidation(errors: Errors, path: string, validation: Validation): void {
  const { expression, message = '', messageExpression = '', reason } = validation
  if (!expression?.trim()) errors.push(required(`${path}.expression`, 'expression is not specified'))
  if (messageExpression !== '' && messageExpression.trim() === '') {
    errors.push(invalid(`${path}.messageExpression`, messageExpression, 'must be non-empty if specified'))
  }
  if (message !== '' && message.trim() === '') {
    errors.push(invalid(`${path}.message`, message, 'must be non-empty if specified'))
  } else if (/[\n\r]/.test(message.trim())) {
    errors.push(invalid(`${path}.message`, message, 'must not contain line breaks'))
  }
  checkOptionalChoice(errors, `${path}.reason`, reason, REASONS)
}

function checkAnnotations(errors: Errors, path: string, name: string, annotations: readonly AuditAnnotation[]): void {
  if (annotations.length > MOST_ANNOTATIONS) {
    const shown = annotations.map(each => goJson('admissionregistration.v1.AuditAnnotation', each))
    errors.push(invalid(path, shown, `must not have more than ${MOST_ANNOTATIONS} auditAnnotations`))
  }
  const keys = new Set<string>()
  for (const [index, { key = '', valueExpression }] of annotations.entries()) {
    const at = `${path}[${index}]`
    checkText(errors, `${at}.key`, `${name}/${key}`, checkQualifiedName)
    const text = valueExpression?.trim() ?? ''
    if (text === '') errors.push(required(`${at}.valueExpression`, 'valueExpression is not specified'))
    else if (byteLength(text) > LONGEST_VALUE) {
      errors.push(required(`${at}.valueExpression`, `must not exceed ${LONGEST_VALUE} bytes in length`))
    }
    if (keys.has(key)) errors.push(duplicate(`${at}.key`, key))
    keys.add(key)
  }
}

export function validateValidatingPolicyStatus({ status }: ValidatingAdmissionPolicy): FieldError[] {
  const errors: Errors = []
  for (const [index, { warning, fieldRef }] of (status?.typeChecking?.expressionWarnings ?? []).entries()) {
    const at = `status.typeChecking.expressionWarnings[${index}]`
    if (!warning) errors.push(required(`${at}.warning`))
    if (!fieldRef?.trim()) errors.push(required(`${at}.fieldRef`))
  }
  checkStatusConditions(errors, 'status.conditions', status?.conditions)
  return errors
}

export function validateMutatingPolicy({ spec }: MutatingAdmissionPolicy, old?: MutatingAdmissionPolicy): FieldError[] {
  const errors: Errors = []
  checkPolicy(errors, spec, old?.spec, true)
  const mutations = spec.mutations ?? []
  if (mutations.length === 0) errors.push(required('spec.mutations', 'mutations must contain at least one item'))
  for (const [index, mutation] of mutations.entries()) checkMutation(errors, `spec.mutations[${index}]`, mutation)
  checkChoice(errors, 'spec.reinvocationPolicy', spec.reinvocationPolicy, REINVOCATIONS)
  return errors
}

const PATCH_FIELDS = { ApplyConfiguration: 'applyConfiguration', JSONPatch: 'jsonPatch' } as const

function checkMutation(errors: Errors, path: string, mutation: Mutation): void {
  const type = mutation.patchType
  if (type !== 'ApplyConfiguration' && type !== 'JSONPatch') {
    checkChoice(errors, `${path}.patchType`, type, Object.keys(PATCH_FIELDS))
    return
  }
  const field = PATCH_FIELDS[type]
  const other = field === 'jsonPatch' ? 'applyConfiguration' : 'jsonPatch'
  const patch = mutation[field]
  if (patch === undefined) errors.push(required(`${path}.${field}`, `must be specified when patchType is ${type}`))
  else if (!patch.expression?.trim()) errors.push(required(`${path}.${field}.expression`))
  if (mutation[other] === undefined) return
  errors.push(invalid(`${path}.${other}`, `{${other}}`, `must not be specified when patchType is ${type}`))
}

function checkParamRef(errors: Errors, path: string, reference: ParamRef): void {
  const { name, selector, parameterNotFoundAction } = reference
  const exclusive = 'name and selector are mutually exclusive'
  if (name) {
    checkText(errors, `${path}.name`, name, checkPathSegmentName)
    if (selector) errors.push(forbidden(`${path}.name`, exclusive))
  }
  push(errors, validateLabelSelector(selector, `${path}.selector`))
  if (name && selector) errors.push(forbidden(`${path}.selector`, exclusive))
  if (!name && !selector) errors.push(required(path, 'one of name or selector must be specified'))
  checkChoice(errors, `${path}.parameterNotFoundAction`, parameterNotFoundAction, ['Deny', 'Allow'])
}

type Binding = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding

function checkBinding(errors: Errors, { spec }: Binding): void {
  if (!spec.policyName) errors.push(required('spec.policyName'))
  else checkText(errors, 'spec.policyName', spec.policyName, checkDns1123Subdomain)
  if (spec.paramRef) checkParamRef(errors, 'spec.paramRef', spec.paramRef)
  if (spec.matchResources) checkMatchResources(errors, 'spec.matchResources', spec.matchResources)
}

export function validateMutatingBinding(binding: MutatingAdmissionPolicyBinding): FieldError[] {
  const errors: Errors = []
  checkBinding(errors, binding)
  if (binding.spec.matchResources) checkMutable(errors, 'spec.matchResources', binding.spec.matchResources)
  return errors
}

const ACTIONS = ['Audit', 'Deny', 'Warn']

export function validateValidatingBinding(binding: ValidatingAdmissionPolicyBinding): FieldError[] {
  const errors: Errors = []
  checkBinding(errors, binding)
  const actions = binding.spec.validationActions ?? []
  const field = 'spec.validationActions'
  for (const [index, action] of actions.entries()) {
    if (!ACTIONS.includes(action)) errors.push(notSupported(`${field}[${index}]`, action, ACTIONS))
    if (actions.indexOf(action) < index) errors.push(duplicate(`${field}[${index}]`, action))
  }
  if (actions.includes('Deny') && actions.includes('Warn')) {
    const text =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)'
    errors.push(invalid(field, actions, text))
  }
  if (actions.length === 0) errors.push(required(field, 'at least one validation action is required'))
  return errors
}
