import type { PolicyRule } from '@canopus/api/rbac/v1'
import type { Attributes } from '../security.ts'

// How a rule matches a request: upstream pkg/apis/rbac/v1/evaluation_helpers.go.

/** Whether one rule allows what the request wants. */
export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!includesOrAll(rule.verbs, attributes.verb)) return false
  if (!attributes.isResourceRequest) return matchesPath(rule.nonResourceURLs, attributes.path)
  return (
    includesOrAll(rule.apiGroups, attributes.apiGroup) &&
    matchesResource(rule.resources, attributes.resource, attributes.subresource) &&
    (rule.resourceNames === undefined ||
      rule.resourceNames.length === 0 ||
      rule.resourceNames.includes(attributes.name))
  )
}

/** Whether any of the rules allows it. */
export function rulesAllow(rules: readonly PolicyRule[], attributes: Attributes): boolean {
  for (const rule of rules) if (ruleAllows(rule, attributes)) return true
  return false
}

function includesOrAll(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes(value) || list.includes('*'))
}

/** `*` is every resource and subresource, `*` + `/scale` the subresource of every resource. */
function matchesResource(list: readonly string[] | undefined, resource: string, subresource: string): boolean {
  if (list === undefined) return false
  const wanted = subresource === '' ? resource : `${resource}/${subresource}`
  for (const each of list) {
    if (each === '*' || each === wanted) return true
    if (subresource !== '' && each.startsWith('*/') && each.slice(2) === subresource) return true
  }
  return false
}

function matchesPath(list: readonly string[] | undefined, path: string): boolean {
  return list?.some(each => each === path || (each.endsWith('*') && path.startsWith(each.slice(0, -1)))) ?? false
}

/** A rule as Go prints it in the message of a refused escalation. */
export function showRule(rule: PolicyRule): string {
  const parts: [string, readonly string[] | undefined][] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ]
  const shown = parts.filter(([, list]) => list !== undefined && list.length > 0)
  return `{${shown.map(([key, list]) => `${key}:[${list!.map(each => JSON.stringify(each)).join(' ')}]`).join(', ')}}`
}
