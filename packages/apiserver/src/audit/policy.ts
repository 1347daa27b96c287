/** The audit policy: which requests are told of, and how much (k8s.io/apiserver/pkg/audit/policy, apis/audit/validation). */
import {
  checkDns1123Subdomain,
  type FieldError,
  fieldErrorText,
  invalid,
  notSupported,
  required,
} from '@canopus/apimachinery'
import { readConfigFile } from '../config/config-file.ts'
import type { RequestInfo } from '../filters/request-info.ts'
import type { User } from '../security.ts'
import { LEVELS, type Level, STAGES, type Stage } from './event.ts'

export interface GroupResources {
  readonly group?: string
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
}

export interface PolicyRule {
  readonly level: Level
  readonly users?: readonly string[]
  readonly userGroups?: readonly string[]
  readonly verbs?: readonly string[]
  readonly resources?: readonly GroupResources[]
  readonly namespaces?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
  readonly omitStages?: readonly Stage[]
  readonly omitManagedFields?: boolean
}

export interface Policy {
  readonly rules: readonly PolicyRule[]
  readonly omitStages?: readonly Stage[]
  readonly omitManagedFields?: boolean
}

/** What the policy says of one request. */
export interface Verdict {
  readonly level: Level
  readonly omitStages: ReadonlySet<Stage>
  readonly omitManagedFields: boolean
}

const TEXTS = ['scalar'] as const
const SHAPE = {
  omitStages: TEXTS,
  omitManagedFields: 'scalar',
  rules: [
    {
      level: 'scalar',
      users: TEXTS,
      userGroups: TEXTS,
      verbs: TEXTS,
      resources: [{ group: 'scalar', resources: TEXTS, resourceNames: TEXTS }],
      namespaces: TEXTS,
      nonResourceURLs: TEXTS,
      omitStages: TEXTS,
      omitManagedFields: 'scalar',
    },
  ],
} as const

/**
 * Reads a policy file. Fields that nobody knows are told to `warn` and left out. Throws Error where the file is no policy of
 * `audit.k8s.io/v1`, is invalid, or has no rules.
 */
export function readPolicy(text: string, warn: (message: string) => void): Policy {
  const { apiVersion, kind, value, unknownFields } = readConfigFile(text, SHAPE)
  if (apiVersion !== 'audit.k8s.io/v1' || kind !== 'Policy') {
    throw new Error(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`)
  }
  if (unknownFields.length > 0) warn(`the audit policy has unknown fields: ${unknownFields.join(', ')}`)
  const policy = value as unknown as Policy
  const rules = policy.rules ?? []
  const errors = [...stageErrors(policy.omitStages, 'omitStages'), ...rules.flatMap(ruleErrors)].map(fieldErrorText)
  if (errors.length === 1) throw new Error(errors[0])
  if (errors.length > 1) throw new Error(`[${errors.join(', ')}]`)
  if (rules.length === 0) throw new Error('loaded illegal policy with 0 rules')
  return { ...policy, rules }
}

function ruleErrors(rule: PolicyRule, index: number): FieldError[] {
  const field = `rules[${index}]`
  const errors: FieldError[] = []
  if (!rule.level) errors.push(required(`${field}.level`))
  else if (!LEVELS.includes(rule.level)) errors.push(notSupported(`${field}.level`, rule.level, LEVELS))
  const urls = rule.nonResourceURLs ?? []
  for (const [at, url] of urls.entries()) errors.push(...urlErrors(url, `${field}.nonResourceURLs[${at}]`))
  for (const each of rule.resources ?? []) errors.push(...groupErrors(each, `${field}.resources`))
  errors.push(...stageErrors(rule.omitStages, `${field}.omitStages`))
  if (urls.length > 0 && ((rule.resources?.length ?? 0) > 0 || (rule.namespaces?.length ?? 0) > 0)) {
    const text = 'rules cannot apply to both regular resources and non-resource URLs'
    errors.push(invalid(`${field}.nonResourceURLs`, urls, text))
  }
  return errors
}

function urlErrors(url: string, field: string): FieldError[] {
  if (url === '*') return []
  const errors: FieldError[] = []
  if (!url.startsWith('/')) {
    errors.push(invalid(field, url, "non-resource URL rules must begin with a '/' character"))
  }
  if (url.slice(0, -1).includes('*')) {
    errors.push(invalid(field, url, "non-resource URL wildcards '*' must be the final character of the rule"))
  }
  return errors
}

function groupErrors({ group = '', resources = [], resourceNames = [] }: GroupResources, field: string): FieldError[] {
  const errors: FieldError[] = []
  const wrong = group === '' || group === '*' ? [] : checkDns1123Subdomain(group)
  if (wrong.length > 0) errors.push(invalid(`${field}.group`, group, wrong.join(',')))
  if (resourceNames.length > 0 && resources.length === 0) {
    errors.push(invalid(`${field}.resourceNames`, resourceNames, 'using resourceNames requires at least one resource'))
  }
  return errors
}

function stageErrors(stages: readonly Stage[] | undefined, field: string): FieldError[] {
  return (stages ?? []).flatMap((stage, index) =>
    STAGES.includes(stage) ? [] : [invalid(`${field}[${index}]`, stage, `allowed stages are ${STAGES.join(',')}`)],
  )
}

export class PolicyEvaluator {
  readonly #rules: readonly { readonly rule: PolicyRule; readonly verdict: Verdict }[]
  readonly #otherwise: Verdict

  constructor(policy: Policy) {
    const general = policy.omitStages ?? []
    const omitManagedFields = policy.omitManagedFields ?? false
    this.#rules = policy.rules.map(rule => ({
      rule,
      verdict: {
        level: rule.level,
        omitStages: new Set([...general, ...(rule.omitStages ?? [])]),
        omitManagedFields: rule.omitManagedFields ?? omitManagedFields,
      },
    }))
    this.#otherwise = { level: 'None', omitStages: new Set(general), omitManagedFields }
  }

  /** By the first rule that matches; without one, nothing is told. `user` is missing where nobody knows who asks. */
  evaluate(user: User | undefined, info: RequestInfo): Verdict {
    return this.#rules.find(({ rule }) => matches(rule, user, info))?.verdict ?? this.#otherwise
  }
}

function matches(rule: PolicyRule, user: User | undefined, info: RequestInfo): boolean {
  if (restricts(rule.users) && (user === undefined || !rule.users.includes(user.name))) return false
  if (restricts(rule.userGroups)) {
    const { userGroups } = rule
    if (user === undefined || !user.groups.some(group => userGroups.includes(group))) return false
  }
  if (restricts(rule.verbs) && !rule.verbs.includes(info.verb)) return false
  if (restricts(rule.namespaces) || restricts(rule.resources)) return matchesResource(rule, info)
  if (!restricts(rule.nonResourceURLs)) return true
  return !info.isResourceRequest && rule.nonResourceURLs.some(spec => matchesPath(info.path, spec))
}

const restricts = <T>(list: readonly T[] | undefined): list is readonly T[] => list !== undefined && list.length > 0

function matchesPath(path: string, spec: string): boolean {
  return spec === '*' || spec === path || (spec.endsWith('*') && path.startsWith(spec.replace(/\*+$/, '')))
}

function matchesResource(rule: PolicyRule, info: RequestInfo): boolean {
  if (!info.isResourceRequest) return false
  if (restricts(rule.namespaces) && !rule.namespaces.includes(info.namespace)) return false
  return !restricts(rule.resources) || rule.resources.some(each => matchesGroup(each, info))
}

function matchesGroup({ group = '', resources, resourceNames }: GroupResources, info: RequestInfo): boolean {
  if (group !== info.group && group !== '*') return false
  if (!restricts(resources)) return true
  if (restricts(resourceNames) && !resourceNames.includes(info.name)) return false
  const { resource, subresource } = info
  const full = subresource === '' ? resource : `${resource}/${subresource}`
  return resources.some(
    each =>
      each === '*' || each === full || each === `${resource}/*` || (subresource !== '' && each === `*/${subresource}`),
  )
}
