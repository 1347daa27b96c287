import type { Check, CheckVersion, PodLike, Rule, Violation } from './check.ts'
import { CHECKS } from './checks/index.ts'
import type { LevelVersion } from './policy.ts'

/** No check changed after this minor version: later ones are judged by its rules. */
const LAST_CHANGE = Math.max(...CHECKS.flatMap(check => check.versions.map(version => version.since)))

const rulesByPolicy = new Map<string, readonly Rule[]>()

/** What is wrong with a pod at this level and version. */
export function violationsOf(pod: PodLike, { level, version }: LevelVersion): Violation[] {
  if (level === 'privileged') return []
  const minor = version === 'latest' ? LAST_CHANGE : Math.min(version, LAST_CHANGE)
  const key = `${level} ${minor}`
  let rules = rulesByPolicy.get(key)
  if (rules === undefined) {
    rules = rulesFor(level, minor)
    rulesByPolicy.set(key, rules)
  }
  const spec = pod.spec ?? { containers: [] }
  const annotations = pod.metadata?.annotations ?? {}
  return rules.map(rule => rule(spec, annotations)).filter(violation => violation !== undefined)
}

function rulesFor(level: 'baseline' | 'restricted', minor: number): Rule[] {
  const inForce = CHECKS.filter(check => level === 'restricted' || check.level === 'baseline').flatMap(check => {
    const version = versionAt(check, minor)
    return version === undefined ? [] : [{ id: check.id, version }]
  })
  const replaced = new Set(inForce.flatMap(({ version }) => version.replaces ?? []))
  return inForce.filter(({ id }) => !replaced.has(id)).map(({ version }) => version.rule)
}

/** The rule of a check in this minor version; undefined where the check did not exist yet. */
export function versionAt(check: Check, minor: number): CheckVersion | undefined {
  return check.versions.findLast(version => version.since <= minor)
}

/** `hostPort (container "c" uses hostPort 80), privileged (...)`. */
export function detailsText(violations: readonly Violation[]): string {
  return violations.map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`)).join(', ')
}

/** `hostPort, privileged`. */
export function reasonsText(violations: readonly Violation[]): string {
  return violations.map(({ reason }) => reason).join(', ')
}
