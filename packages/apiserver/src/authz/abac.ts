/** Attribute-based access control: a policy per line of a file (pkg/auth/authorizer/abac). */
import { ALL_AUTHENTICATED } from '../authn/user.ts'
import type { Attributes, Authorizer, SubjectRules, User } from '../security.ts'

interface Policy {
  readonly user?: string
  readonly group?: string
  readonly readonly?: boolean
  readonly apiGroup?: string
  readonly resource?: string
  readonly namespace?: string
  readonly nonResourcePath?: string
}

const API_VERSION = 'abac.authorization.kubernetes.io/v1beta1'
const READING = new Set(['get', 'list', 'watch'])

/** Throws where a line is no policy. Empty lines and those that begin with `#` are left out. */
export function abacAuthorizer(text: string): Authorizer {
  const policies = text.split(/\r?\n/).flatMap((line, index) => readLine(line.trim(), index + 1))
  return {
    authorize: attributes =>
      policies.some(policy => allows(policy, attributes))
        ? { decision: 'allow', reason: '' }
        : { decision: 'no-opinion', reason: 'No policy matched.' },
    rulesFor: (user, namespace) => rulesOf(policies, user, namespace),
  }
}

function readLine(line: string, number: number): Policy[] {
  if (line === '' || line.startsWith('#')) return []
  const object = JSON.parse(line) as { apiVersion?: string; kind?: string; spec?: Policy }
  if (object.apiVersion !== undefined || object.kind !== undefined) {
    if (object.apiVersion === API_VERSION && object.kind === 'Policy') return [everybody(object.spec ?? {})]
    throw new Error(`line ${number} is no Policy of ${API_VERSION}`)
  }
  return [unversioned(object as Policy)]
}

/** `*` for a user or a group means all who are authenticated. */
function everybody(policy: Policy): Policy {
  return policy.user === '*' || policy.group === '*' ? { ...policy, group: ALL_AUTHENTICATED } : policy
}

/** The form of before there were versions: whoever is not named is everybody, and whatever is not named is everything. */
function unversioned(policy: Policy): Policy {
  const { user = '', group = '', resource = '', namespace = '', readonly = false } = policy
  return everybody({
    ...(user === '' && group === '' ? { group: ALL_AUTHENTICATED } : { user, group }),
    readonly,
    apiGroup: '*',
    resource: resource === '' ? '*' : resource,
    namespace: namespace === '' ? '*' : namespace,
    ...(resource === '' && namespace === '' ? { nonResourcePath: '*' } : {}),
  })
}

function allows(policy: Policy, attributes: Attributes): boolean {
  if (!isAbout(policy, attributes.user)) return false
  if (policy.readonly && !READING.has(attributes.verb)) return false
  if (!attributes.isResourceRequest) return matchesPath(policy.nonResourcePath ?? '', attributes.path)
  return (
    matches(policy.namespace, attributes.namespace) &&
    matches(policy.resource, attributes.resource) &&
    matches(policy.apiGroup, attributes.apiGroup)
  )
}

function isAbout({ user = '', group = '' }: Policy, who: User): boolean {
  if (user === '' && group === '') return false
  return (user === '' || user === '*' || user === who.name) && (group === '' || who.groups.includes(group))
}

const matches = (wanted: string | undefined, value: string): boolean => wanted === '*' || (wanted ?? '') === value

const matchesPath = (wanted: string, path: string): boolean =>
  wanted === path || (wanted.endsWith('*') && path.startsWith(wanted.replace(/\*+$/, '')))

function rulesOf(policies: readonly Policy[], user: User, namespace: string): SubjectRules {
  const rules: SubjectRules = { resourceRules: [], nonResourceRules: [], incomplete: false }
  for (const policy of policies) {
    if (!isAbout(policy, user) || !matches(policy.namespace, namespace)) continue
    const verbs = policy.readonly ? [...READING] : ['*']
    if (policy.resource) {
      rules.resourceRules.push({ verbs, apiGroups: [policy.apiGroup ?? ''], resources: [policy.resource] })
    }
    if (policy.nonResourcePath) rules.nonResourceRules.push({ verbs, nonResourceURLs: [policy.nonResourcePath] })
  }
  return rules
}
