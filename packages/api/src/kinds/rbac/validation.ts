/** Roles and their bindings (pkg/apis/rbac/validation/validation.go). */
import {
  checkDns1123Subdomain,
  checkPathSegmentName,
  type FieldError,
  invalid,
  notSupported,
  required,
  semanticEqual,
  validateLabelSelector,
} from '@canopus/apimachinery'
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from '../../generated/rbac.v1.ts'
import { goJson } from '../../go-json.ts'
import { checkText, type Errors, push } from '../shared/check.ts'
import { RBAC_GROUP } from './binding.ts'

function checkRule(errors: Errors, path: string, rule: PolicyRule, namespaced: boolean): void {
  const { verbs = [], nonResourceURLs: urls = [], apiGroups = [], resources = [], resourceNames = [] } = rule
  if (verbs.length === 0) errors.push(required(`${path}.verbs`, 'verbs must contain at least one value'))
  if (urls.length > 0) {
    const field = `${path}.nonResourceURLs`
    if (namespaced) errors.push(invalid(field, urls, 'namespaced rules cannot apply to non-resource URLs'))
    if (apiGroups.length + resources.length + resourceNames.length > 0) {
      errors.push(invalid(field, urls, 'rules cannot apply to both regular resources and non-resource URLs'))
    }
    return
  }
  if (apiGroups.length === 0) {
    errors.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'))
  }
  if (resources.length === 0) {
    errors.push(required(`${path}.resources`, 'resource rules must supply at least one resource'))
  }
}

function checkRules(errors: Errors, rules: readonly PolicyRule[] | undefined, namespaced: boolean): void {
  for (const [index, rule] of (rules ?? []).entries()) checkRule(errors, `rules[${index}]`, rule, namespaced)
}

export function validateRole({ rules }: Role): FieldError[] {
  const errors: Errors = []
  checkRules(errors, rules, true)
  return errors
}

export function validateClusterRole({ rules, aggregationRule }: ClusterRole): FieldError[] {
  const errors: Errors = []
  checkRules(errors, rules, false)
  if (aggregationRule === undefined) return errors
  const field = 'aggregationRule.clusterRoleSelectors'
  const selectors = aggregationRule.clusterRoleSelectors ?? []
  if (selectors.length === 0) {
    errors.push(required(field, 'at least one clusterRoleSelector required if aggregationRule is non-nil'))
  }
  for (const [index, selector] of selectors.entries()) {
    const found = validateLabelSelector(selector, `${field}[${index}]`)
    push(errors, found)
    if (found.length > 0) errors.push(invalid(`${field}[${index}]`, null, 'invalid label selector.'))
  }
  return errors
}

export const validateRoleBinding = (binding: RoleBinding): FieldError[] =>
  validateBinding(binding, ['Role', 'ClusterRole'], true)
export const validateClusterRoleBinding = (binding: ClusterRoleBinding): FieldError[] =>
  validateBinding(binding, ['ClusterRole'], false)

function validateBinding(
  { roleRef, subjects = [] }: RoleBinding | ClusterRoleBinding,
  kinds: readonly string[],
  namespaced: boolean,
): FieldError[] {
  const errors: Errors = []
  if (roleRef.apiGroup !== RBAC_GROUP) errors.push(notSupported('roleRef.apiGroup', roleRef.apiGroup, [RBAC_GROUP]))
  if (!kinds.includes(roleRef.kind)) errors.push(notSupported('roleRef.kind', roleRef.kind ?? '', kinds))
  if (!roleRef.name) errors.push(required('roleRef.name'))
  else checkText(errors, 'roleRef.name', roleRef.name, checkPathSegmentName)
  for (const [index, subject] of subjects.entries()) checkSubject(errors, `subjects[${index}]`, subject, namespaced)
  return errors
}

function checkSubject(errors: Errors, path: string, subject: Subject, namespaced: boolean): void {
  const { kind, name, namespace, apiGroup = '' } = subject
  if (!name) errors.push(required(`${path}.name`))
  switch (kind) {
    case 'ServiceAccount':
      if (name) checkText(errors, `${path}.name`, name, checkDns1123Subdomain)
      if (apiGroup !== '') errors.push(notSupported(`${path}.apiGroup`, apiGroup, ['']))
      if (!namespaced && !namespace) errors.push(required(`${path}.namespace`))
      break
    case 'User':
    case 'Group':
      if (apiGroup !== RBAC_GROUP) errors.push(notSupported(`${path}.apiGroup`, apiGroup, [RBAC_GROUP]))
      break
    default:
      errors.push(notSupported(`${path}.kind`, kind ?? '', ['ServiceAccount', 'User', 'Group']))
  }
}

/** What is granted cannot change, only to whom: a new role needs a new binding. */
function checkSameRole(errors: Errors, now: RoleBinding | ClusterRoleBinding, old: typeof now): void {
  if (semanticEqual(now.roleRef, old.roleRef)) return
  errors.push(invalid('roleRef', goJson('rbac.v1.RoleRef', now.roleRef), 'cannot change roleRef'))
}

export function validateRoleBindingUpdate(binding: RoleBinding, old: RoleBinding): FieldError[] {
  const errors = validateRoleBinding(binding)
  checkSameRole(errors, binding, old)
  return errors
}

export function validateClusterRoleBindingUpdate(binding: ClusterRoleBinding, old: ClusterRoleBinding): FieldError[] {
  const errors = validateClusterRoleBinding(binding)
  checkSameRole(errors, binding, old)
  return errors
}
