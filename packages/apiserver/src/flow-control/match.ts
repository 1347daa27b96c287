/** Whether a flow schema is about a request (k8s.io/apiserver/pkg/util/flowcontrol/rule.go). */
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '@canopus/api/flowcontrol/v1'
import type { User } from '../security.ts'

/** What of a request counts for its flow. */
export interface FlowRequest {
  readonly isResourceRequest: boolean
  readonly verb: string
  readonly path: string
  readonly group: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
}

export function matchesSchema(schema: Pick<FlowSchema, 'spec'>, user: User, request: FlowRequest): boolean {
  return (schema.spec.rules ?? []).some(rule => matchesRule(rule, user, request))
}

function matchesRule(rule: PolicyRulesWithSubjects, user: User, request: FlowRequest): boolean {
  if (!(rule.subjects ?? []).some(subject => matchesSubject(subject, user))) return false
  return request.isResourceRequest
    ? (rule.resourceRules ?? []).some(each => matchesResource(each, request))
    : (rule.nonResourceRules ?? []).some(each => matchesPath(each, request))
}

function matchesSubject({ kind, user: named, group, serviceAccount }: Subject, user: User): boolean {
  switch (kind) {
    case 'User':
      return named !== undefined && (named.name === '*' || named.name === user.name)
    case 'Group':
      return group !== undefined && (group.name === '*' || user.groups.includes(group.name))
    case 'ServiceAccount': {
      if (serviceAccount === undefined) return false
      const { namespace, name } = serviceAccount
      const prefix = `system:serviceaccount:${namespace}:`
      return name === '*' ? user.name.startsWith(prefix) : user.name === prefix + name
    }
    default:
      return false
  }
}

/** The star stands for everything only where it is alone; validation sees to it that it is. */
function contains(list: readonly string[] | undefined, value: string): boolean {
  if (list === undefined) return false
  return (list.length === 1 && list[0] === '*') || list.includes(value)
}

function matchesResource(rule: ResourcePolicyRule, request: FlowRequest): boolean {
  const { verb, group, resource, subresource, namespace } = request
  if (!contains(rule.verbs, verb)) return false
  if (!contains(rule.resources, subresource === '' ? resource : `${resource}/${subresource}`)) return false
  if (!contains(rule.apiGroups, group)) return false
  return namespace === '' ? rule.clusterScope === true : contains(rule.namespaces, namespace)
}

function matchesPath({ verbs, nonResourceURLs }: NonResourcePolicyRule, { verb, path }: FlowRequest): boolean {
  if (!contains(verbs, verb)) return false
  return (nonResourceURLs ?? []).some(each => {
    if (each === '*' || each === path) return true
    const prefix = each.endsWith('*') ? each.slice(0, -1) : each
    return path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)
  })
}
