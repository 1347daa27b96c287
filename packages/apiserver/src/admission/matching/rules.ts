/** Which requests a rule of a webhook or policy means (k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules). */
import type { NamedRuleWithOperations } from '@canopus/api/admissionregistration/v1'
import type { GroupVersionKind, GroupVersionResource } from '@canopus/apimachinery'
import type { AdmissionAttributes, VersionedResource } from '../../security.ts'

/** What matching looks at. */
export type MatchRequest = Pick<
  AdmissionAttributes,
  'operation' | 'resource' | 'kind' | 'subresource' | 'namespace' | 'name' | 'object' | 'oldObject'
>

export type Rule = Partial<NamedRuleWithOperations>

/** The resource and kind in whose version the request is to be shown: the request's own or an equivalent. */
export interface Match {
  readonly resource: GroupVersionResource
  readonly kind: GroupVersionKind
}

const ADMISSION_KINDS: ReadonlySet<string> = new Set([
  'ValidatingWebhookConfiguration',
  'MutatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionPolicyBinding',
])

/** Whether the request is about what admission itself is configured by: nobody may lock the cluster out of repairing that. */
export function isAdmissionConfiguration({ kind }: Pick<MatchRequest, 'kind'>): boolean {
  return kind.group === 'admissionregistration.k8s.io' && ADMISSION_KINDS.has(kind.kind)
}

/** Policies have no say about policies; about webhooks they have one (plugin/policy/generic/plugin.go). */
const POLICIES: readonly string[] = [
  'admissionregistration.k8s.io/mutatingadmissionpolicies',
  'admissionregistration.k8s.io/mutatingadmissionpolicybindings',
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings',
]

/** Reviews: policies that had a say about them could lock everybody out (pkg/kubeapiserver/admission/exclusion). */
const BEYOND_POLICIES: ReadonlySet<string> = new Set([
  ...POLICIES,
  'authentication.k8s.io/selfsubjectreviews',
  'authentication.k8s.io/tokenreviews',
  'authorization.k8s.io/localsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectrulesreviews',
  'authorization.k8s.io/subjectaccessreviews',
])

/** Whether policies have no say about the request; webhooks may have one about reviews. */
export function isBeyondPolicies({ resource: { group, resource } }: Pick<MatchRequest, 'resource'>): boolean {
  return BEYOND_POLICIES.has(`${group}/${resource}`)
}

export const isNamespaceObject = ({ resource }: Pick<MatchRequest, 'resource'>): boolean =>
  resource.group === '' && resource.resource === 'namespaces'

/** The namespace of the request. For requests to a namespace it is that very namespace, as upstream's request info has it. */
export function namespaceOf(request: MatchRequest): string {
  return isNamespaceObject(request) ? request.name : request.namespace
}

/** Whether the rule means the request, were it made to `resource`. Names are not looked at. */
export function matchesRule(rule: Rule, request: MatchRequest, resource = request.resource): boolean {
  return (
    matchesScope(rule.scope, request) &&
    includes(rule.operations, request.operation) &&
    includes(rule.apiGroups, resource.group) &&
    includes(rule.apiVersions, resource.version) &&
    (rule.resources ?? []).some(each => matchesResource(each, resource.resource, request.subresource))
  )
}

function includes(items: readonly string[] | undefined, wanted: string): boolean {
  return items?.some(each => each === '*' || each === wanted) ?? false
}

/** `pods`, `pods/status`, `pods/*`, `*`, `*\/scale`, `*\/*`. Without a slash subresources are not meant. */
function matchesResource(pattern: string, resource: string, subresource: string): boolean {
  const slash = pattern.indexOf('/')
  const [wanted, sub] = slash < 0 ? [pattern, ''] : [pattern.slice(0, slash), pattern.slice(slash + 1)]
  return (wanted === '*' || wanted === resource) && (sub === '*' || sub === subresource)
}

/** Namespace objects have no namespace, whatever the request says. */
function matchesScope(scope: string | undefined, request: MatchRequest): boolean {
  switch (scope) {
    case undefined:
    case '':
    case '*':
      return true
    case 'Namespaced':
      return !isNamespaceObject(request) && request.namespace !== ''
    case 'Cluster':
      return isNamespaceObject(request) || request.namespace === ''
    default:
      return false
  }
}

function matchesName({ resourceNames = [] }: Rule, { name }: MatchRequest): boolean {
  return resourceNames.length === 0 || resourceNames.includes(name)
}

/**
 * The first match: of any rule with the resource of the request, then, where equivalents count, of the earliest rule with
 * another version of it. `equivalents` is only asked for when it is needed.
 */
export function matchRules(
  rules: readonly Rule[],
  request: MatchRequest,
  equivalents: (() => readonly VersionedResource[]) | undefined,
): Match | undefined {
  for (const rule of rules) {
    if (matchesRule(rule, request) && matchesName(rule, request)) {
      return { resource: request.resource, kind: request.kind }
    }
  }
  if (equivalents === undefined || rules.length === 0) return undefined
  const others = equivalents()
  for (const rule of rules) {
    for (const { resource, kind } of others) {
      if (matchesRule(rule, request, resource) && matchesName(rule, request)) return { resource, kind }
    }
  }
  return undefined
}
