/**
 * Webhooks and admission policies without their CEL (pkg/apis/admissionregistration/validation/validation.go). Expressions are
 * compiled by the API server's admission, which adds its findings.
 */
import {
  checkDns1123Subdomain,
  checkPathSegmentName,
  checkQualifiedName,
  duplicate,
  type FieldError,
  invalid,
  notSupported,
  required,
  validateLabelSelector,
} from '@canopus/apimachinery'
import type {
  MatchCondition,
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ParamKind,
  ParamRef,
  RuleWithOperations,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../../generated/admissionregistration.v1.ts'
import { checkChoice, checkOptionalChoice, checkText, type Errors, push } from '../shared/check.ts'
import { validateWebhookClient } from '../shared/webhook-client.ts'

const FAILURE_POLICIES = ['Fail', 'Ignore']
const MATCH_POLICIES = ['Equivalent', 'Exact']
const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']
const SCOPES = ['*', 'Cluster', 'Namespaced']
const REINVOCATIONS = ['IfNeeded', 'Never']
const REVIEW_VERSIONS = ['v1', 'v1beta1']
const MOST_CONDITIONS = 64
const LONGEST_WAIT = 30

export function validateWebhooks(
  configuration: MutatingWebhookConfiguration | ValidatingWebhookConfiguration,
): FieldError[] {
  const errors: Errors = []
  const names = new Set<string>()
  for (const [index, webhook] of (configuration.webhooks ?? []).entries()) {
    const path = `webhooks[${index}]`
    checkWebhook(errors, path, webhook)
    if (names.has(webhook.name)) errors.push(duplicate(`${path}.name`, webhook.name))
    names.add(webhook.name)
  }
  return errors
}

function checkWebhook(errors: Errors, path: string, webhook: MutatingWebhook | ValidatingWebhook): void {
  checkFullName(errors, `${path}.name`, webhook.name)
  checkReviewVersions(errors, `${path}.admissionReviewVersions`, webhook.admissionReviewVersions)
  for (const [index, rule] of (webhook.rules ?? []).entries()) checkRule(errors, `${path}.rules[${index}]`, rule)
  checkOptionalChoice(errors, `${path}.failurePolicy`, webhook.failurePolicy, FAILURE_POLICIES)
  checkOptionalChoice(errors, `${path}.matchPolicy`, webhook.matchPolicy, MATCH_POLICIES)
  const { sideEffects, timeoutSeconds } = webhook
  if (!sideEffects) errors.push(required(`${path}.sideEffects`, 'must specify one of None, NoneOnDryRun'))
  else if (sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun') {
    errors.push(notSupported(`${path}.sideEffects`, sideEffects, ['None', 'NoneOnDryRun']))
  }
  if (timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > LONGEST_WAIT)) {
    const text = `the timeout value must be between 1 and ${LONGEST_WAIT} seconds`
    errors.push(invalid(`${path}.timeoutSeconds`, timeoutSeconds, text))
  }
  push(errors, validateLabelSelector(webhook.namespaceSelector, `${path}.namespaceSelector`))
  push(errors, validateLabelSelector(webhook.objectSelector, `${path}.objectSelector`))
  const reinvocation = (webhook as MutatingWebhook).reinvocationPolicy
  checkOptionalChoice(errors, `${path}.reinvocationPolicy`, reinvocation, REINVOCATIONS)
  push(errors, validateWebhookClient(webhook.clientConfig ?? {}, `${path}.clientConfig`))
  checkConditions(errors, `${path}.matchConditions`, webhook.matchConditions)
}

function checkFullName(errors: Errors, field: string, name: string | undefined): void {
  if (!name) {
    errors.push(required(field))
    return
  }
  checkText(errors, field, name, checkDns1123Subdomain)
  if (name.split('.').length < 3) {
    errors.push(invalid(field, name, 'should be a domain with at least three segments separated by dots'))
  }
}

function checkReviewVersions(errors: Errors, field: string, versions: readonly string[] = []): void {
  if (versions.length === 0) {
    errors.push(required(field, `must specify one of ${REVIEW_VERSIONS.join(', ')}`))
    return
  }
  for (const [index, version] of versions.entries()) {
    if (versions.indexOf(version) < index) errors.push(invalid(`${field}[${index}]`, version, 'duplicate version'))
  }
  if (versions.some(version => REVIEW_VERSIONS.includes(version))) return
  errors.push(invalid(field, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`))
}

function checkRule(errors: Errors, path: string, rule: RuleWithOperations): void {
  for (const field of ['operations', 'apiGroups', 'apiVersions', 'resources'] as const) {
    const values = rule[field] ?? []
    if (values.length === 0) errors.push(required(`${path}.${field}`))
    if (values.length > 1 && values.includes('*') && field !== 'resources') {
      errors.push(invalid(`${path}.${field}`, values, "if '*' is present, must not specify other values"))
    }
  }
  checkResources(errors, `${path}.resources`, rule.resources ?? [])
  for (const [index, operation] of (rule.operations ?? []).entries()) {
    if (!OPERATIONS.includes(operation)) {
      errors.push(notSupported(`${path}.operations[${index}]`, operation, OPERATIONS))
    }
  }
  checkOptionalChoice(errors, `${path}.scope`, rule.scope, SCOPES)
}

/** Whatever a wildcard says already may not be said again. */
function checkResources(errors: Errors, path: string, resources: readonly string[]): void {
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
  if (resources.includes('*') && resources.some(each => each !== '*' && !each.includes('/'))) {
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
  push(errors, validateLabelSelector(match.namespaceSelector, `${path}.namespaceSelector`))
  push(errors, validateLabelSelector(match.objectSelector, `${path}.objectSelector`))
  for (const list of ['resourceRules', 'excludeResourceRules'] as const) {
    for (const [index, rule] of (match[list] ?? []).entries()) {
      checkRule(errors, `${path}.${list}[${index}]`, rule)
      for (const [i, name] of (rule.resourceNames ?? []).entries()) {
        checkText(errors, `${path}.${list}[${index}].resourceNames[${i}]`, name, checkPathSegmentName)
      }
    }
  }
  checkOptionalChoice(errors, `${path}.matchPolicy`, match.matchPolicy, MATCH_POLICIES)
}

interface PolicySpec {
  failurePolicy?: string
  paramKind?: ParamKind
  matchConstraints?: MatchResources
  matchConditions?: MatchCondition[]
  variables?: { name: string; expression: string }[]
}

/** What both sorts of policies have. */
function checkPolicy(errors: Errors, spec: PolicySpec): void {
  checkChoice(errors, 'spec.failurePolicy', spec.failurePolicy, FAILURE_POLICIES)
  if (spec.paramKind) {
    if (!spec.paramKind.apiVersion) errors.push(required('spec.paramKind.apiVersion'))
    if (!spec.paramKind.kind) errors.push(required('spec.paramKind.kind'))
  }
  const constraints = spec.matchConstraints
  if (constraints === undefined) errors.push(required('spec.matchConstraints'))
  else {
    checkMatchResources(errors, 'spec.matchConstraints', constraints)
    if ((constraints.resourceRules ?? []).length === 0) errors.push(required('spec.matchConstraints.resourceRules'))
  }
  checkConditions(errors, 'spec.matchConditions', spec.matchConditions)
  for (const [index, { name, expression }] of (spec.variables ?? []).entries()) {
    const at = `spec.variables[${index}]`
    if (!name) errors.push(required(`${at}.name`, 'name is not specified'))
    else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      errors.push(invalid(`${at}.name`, name, 'name is not a valid CEL identifier'))
    }
    if (!expression?.trim()) errors.push(required(`${at}.expression`, 'expression is not specified'))
  }
}

export function validateValidatingPolicy({ spec }: ValidatingAdmissionPolicy): FieldError[] {
  const errors: Errors = []
  checkPolicy(errors, spec)
  const { validations = [], auditAnnotations = [] } = spec
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const text = 'validations or auditAnnotations must contain at least one item'
    errors.push(required('spec.validations', text), required('spec.auditAnnotations', text))
  }
  for (const [index, { expression, message, messageExpression, reason }] of validations.entries()) {
    const at = `spec.validations[${index}]`
    if (!expression?.trim()) errors.push(required(`${at}.expression`, 'expression is not specified'))
    if (messageExpression !== undefined && messageExpression.trim() === '') {
      errors.push(invalid(`${at}.messageExpression`, '', 'must be non-empty if specified'))
    }
    if (message !== undefined && message !== '' && message.trim() === '') {
      errors.push(invalid(`${at}.message`, message, 'message must be non-empty if specified'))
    } else if (message?.includes('\n'))
      errors.push(invalid(`${at}.message`, message, 'message must not contain line breaks'))
    const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized']
    checkOptionalChoice(errors, `${at}.reason`, reason, reasons)
  }
  for (const [index, { key, valueExpression }] of auditAnnotations.entries()) {
    const at = `spec.auditAnnotations[${index}]`
    if (!key) errors.push(required(`${at}.key`))
    if (!valueExpression?.trim()) errors.push(required(`${at}.valueExpression`, 'expression is not specified'))
  }
  return errors
}

export function validateMutatingPolicy({ spec }: MutatingAdmissionPolicy): FieldError[] {
  const errors: Errors = []
  checkPolicy(errors, spec)
  const mutations = spec.mutations ?? []
  if (mutations.length === 0) errors.push(required('spec.mutations', 'mutations must contain at least one item'))
  for (const [index, { patchType, applyConfiguration, jsonPatch }] of mutations.entries()) {
    const at = `spec.mutations[${index}]`
    checkChoice(errors, `${at}.patchType`, patchType, ['ApplyConfiguration', 'JSONPatch'])
    if (patchType === 'ApplyConfiguration' && !applyConfiguration?.expression) {
      errors.push(required(`${at}.applyConfiguration`, 'must be specified when patchType is ApplyConfiguration'))
    }
    if (patchType === 'JSONPatch' && !jsonPatch?.expression) {
      errors.push(required(`${at}.jsonPatch`, 'must be specified when patchType is JSONPatch'))
    }
  }
  checkChoice(errors, 'spec.reinvocationPolicy', spec.reinvocationPolicy, REINVOCATIONS)
  return errors
}

function checkParamRef(errors: Errors, path: string, reference: ParamRef): void {
  const { name, selector, parameterNotFoundAction } = reference
  if (name && selector) {
    errors.push(invalid(`${path}.name`, name, 'name and selector are mutually exclusive'))
  } else if (!name && !selector) errors.push(required(path, 'one of name or selector must be specified'))
  if (name) checkText(errors, `${path}.name`, name, checkPathSegmentName)
  push(errors, validateLabelSelector(selector, `${path}.selector`))
  checkChoice(errors, `${path}.parameterNotFoundAction`, parameterNotFoundAction, ['Allow', 'Deny'])
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
  return errors
}

const ACTIONS = ['Audit', 'Deny', 'Warn']

export function validateValidatingBinding(binding: ValidatingAdmissionPolicyBinding): FieldError[] {
  const errors: Errors = []
  checkBinding(errors, binding)
  const actions = binding.spec.validationActions ?? []
  const field = 'spec.validationActions'
  if (actions.length === 0) errors.push(required(field, 'at least one validation action is required'))
  for (const [index, action] of actions.entries()) {
    if (!ACTIONS.includes(action)) errors.push(notSupported(`${field}[${index}]`, action, ACTIONS))
    if (actions.indexOf(action) < index) errors.push(duplicate(`${field}[${index}]`, action))
  }
  if (actions.includes('Deny') && actions.includes('Warn')) {
    const text =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)'
    errors.push(invalid(field, actions, text))
  }
  return errors
}
