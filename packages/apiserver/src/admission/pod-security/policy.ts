/** Which level and version of the pod security standards a namespace asks for, read from its labels. */

import { type FieldError, invalid } from '@canopus/apimachinery'

export const LEVELS = ['privileged', 'baseline', 'restricted'] as const
export type Level = (typeof LEVELS)[number]

/** The minor version of Kubernetes whose rules hold. */
export type Version = number | 'latest'

export interface LevelVersion {
  readonly level: Level
  readonly version: Version
}

/** `enforce` refuses pods, `warn` answers with warnings, `audit` is for the audit log. */
export interface Policy {
  readonly enforce: LevelVersion
  readonly audit: LevelVersion
  readonly warn: LevelVersion
}

const PREFIX = 'pod-security.kubernetes.io/'
const PRIVILEGED: LevelVersion = { level: 'privileged', version: 'latest' }

/** `restricted:v1.30`, as messages show it. */
export function levelVersionText({ level, version }: LevelVersion): string {
  return `${level}:${version === 'latest' ? version : `v1.${version}`}`
}

/** Below, at or above zero: whether `a` is laxer than, as strict as or stricter than `b`. */
export function compareLevels(a: Level, b: Level): number {
  return LEVELS.indexOf(a) - LEVELS.indexOf(b)
}

export function isSamePolicy(a: LevelVersion, b: LevelVersion): boolean {
  return a.level === b.level && a.version === b.version
}

/**
 * The policy of a namespace with these labels, and what is wrong with them. A wrong label never opens the door: `enforce`
 * is then the strictest level; only `audit` and `warn`, which refuse nothing, fall silent.
 */
export function policyOf(labels: Readonly<Record<string, string>> = {}): { policy: Policy; errors: FieldError[] } {
  const errors: FieldError[] = []
  const enforce = readMode(labels, 'enforce', 'restricted', errors)
  const audit = readMode(labels, 'audit', 'privileged', errors)
  let warn = readMode(labels, 'warn', 'privileged', errors)
  const isEnforceValid = LEVELS.includes(labels[`${PREFIX}enforce`] as Level)
  // Who enforces without a word on warnings wants to hear of workloads whose pods will be refused.
  if (labels[`${PREFIX}warn`] === undefined && isEnforceValid && compareLevels(enforce.level, warn.level) > 0) {
    const isVersionGiven = labels[`${PREFIX}warn-version`] !== undefined
    warn = { level: enforce.level, version: isVersionGiven ? warn.version : enforce.version }
  }
  return { policy: { enforce, audit, warn }, errors }
}

function readMode(
  labels: Readonly<Record<string, string>>,
  mode: keyof Policy,
  levelIfWrong: Level,
  errors: FieldError[],
): LevelVersion {
  let { level, version } = PRIVILEGED
  const levelText = labels[PREFIX + mode]
  if (levelText !== undefined) {
    const known = LEVELS.find(each => each === levelText)
    level = known ?? levelIfWrong
    if (known === undefined) errors.push(wrongLabel(mode, levelText, `must be one of ${LEVELS.join(', ')}`))
  }
  const versionText = labels[`${PREFIX}${mode}-version`]
  if (versionText !== undefined && versionText !== 'latest') {
    const minor = /^v1\.(0|[1-9][0-9]*)$/.exec(versionText)?.[1]
    if (minor !== undefined) version = Number(minor)
    else errors.push(wrongLabel(`${mode}-version`, versionText, 'must be "latest" or "v1.x"'))
  }
  return { level, version }
}

const wrongLabel = (label: string, value: string, why: string): FieldError =>
  invalid(`metadata.labels[${PREFIX}${label}]`, value, why)
