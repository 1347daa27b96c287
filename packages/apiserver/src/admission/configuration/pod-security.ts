/** PodSecurityConfiguration: the policy of namespaces without labels, and who is exempt (k8s.io/pod-security-admission/admission/api). */
import {
  aggregateText,
  checkDns1123Label,
  checkDns1123Subdomain,
  duplicate,
  type FieldError,
  fieldErrorText,
  invalid,
} from '@canopus/apimachinery'
import { checkConfiguration, type FieldTree } from '../../configuration/read.ts'
import { type LevelVersion, type Policy, PRIVILEGED_POLICY, parseLevel, parseVersion } from '../pod-security/policy.ts'
import { InvalidConfigurationError } from './file.ts'

/** What PodSecurity is told besides the labels of namespaces. */
export interface PodSecurityConfiguration {
  readonly defaults: Policy
  readonly exemptions: {
    readonly usernames: ReadonlySet<string>
    readonly namespaces: ReadonlySet<string>
    readonly runtimeClasses: ReadonlySet<string>
  }
}

/** Nothing is asked of pods, and nobody is exempt. */
export const DEFAULT_POD_SECURITY: PodSecurityConfiguration = {
  defaults: PRIVILEGED_POLICY,
  exemptions: { usernames: new Set(), namespaces: new Set(), runtimeClasses: new Set() },
}

const MODES = ['enforce', 'audit', 'warn'] as const
const FIELDS = {
  defaults: {
    enforce: true,
    'enforce-version': true,
    audit: true,
    'audit-version': true,
    warn: true,
    'warn-version': true,
  },
  exemptions: { usernames: [true], namespaces: [true], runtimeClasses: [true] },
} as const satisfies FieldTree
const GROUP = 'pod-security.admission.config.k8s.io'
const KINDS = { PodSecurityConfiguration: ['v1', 'v1beta1', 'v1alpha1'].map(version => `${GROUP}/${version}`) }

type Exemption = 'namespaces' | 'runtimeClasses' | 'usernames'
type Names = readonly string[] | null | undefined

/** Throws where the configuration is not of the form; InvalidConfigurationError where it says what cannot be. */
export function readPodSecurityConfiguration(value: unknown): PodSecurityConfiguration {
  const object = checkConfiguration(value, 'PodSecurityConfiguration', KINDS, FIELDS)
  const given = (object.defaults ?? {}) as Readonly<Record<string, string | null>>
  const defaults = policyOfDefaults(given)
  const exemptions = (object.exemptions ?? {}) as Readonly<Record<Exemption, Names>>
  const errors = [
    ...exempt('namespaces', exemptions.namespaces, checkDns1123Label),
    ...exempt('runtimeClasses', exemptions.runtimeClasses, checkDns1123Subdomain),
    ...exempt('usernames', exemptions.usernames, name => (name === '' ? ['username must not be empty'] : [])),
  ]
  if (errors.length > 0) {
    throw new InvalidConfigurationError(`PodSecurity invalid: ${aggregateText(errors.map(fieldErrorText))}`)
  }
  const setOf = (names: Names): ReadonlySet<string> => new Set(names ?? [])
  return {
    defaults,
    exemptions: {
      usernames: setOf(exemptions.usernames),
      namespaces: setOf(exemptions.namespaces),
      runtimeClasses: setOf(exemptions.runtimeClasses),
    },
  }
}

function policyOfDefaults(given: Readonly<Record<string, string | null>>): Policy {
  const errors: string[] = []
  const policy: Partial<Record<keyof Policy, LevelVersion>> = {}
  for (const mode of MODES) {
    const level = parseLevel(given[mode] || 'privileged')
    const version = parseVersion(given[`${mode}-version`] || 'latest')
    if (level.error !== undefined) errors.push(`${mode}: ${level.error}`)
    if (version.error !== undefined) errors.push(`${mode}-version: ${version.error}`)
    policy[mode] = { level: level.value, version: version.value }
  }
  if (errors.length > 0)
    throw new InvalidConfigurationError(`PodSecurity configuration error: ${aggregateText(errors)}`)
  return policy as Policy
}

function exempt(what: Exemption, names: Names, check: (name: string) => readonly string[]): FieldError[] {
  const seen = new Set<string>()
  return (names ?? []).flatMap((name, index) => {
    const path = `exemptions.${what}[${index}]`
    const wrong = check(name)
    if (wrong.length > 0) return [invalid(path, name, wrong.join(', '))]
    if (seen.has(name)) return [duplicate(path, name)]
    seen.add(name)
    return []
  })
}
