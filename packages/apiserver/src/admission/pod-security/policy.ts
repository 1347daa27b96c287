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

/** What holds where nobody says anything. */
export const PRIVILEGED_POLICY: Policy = { enforce: PRIVILEGED, audit: PRIVILEGED, warn: PRIVILEGED }

export const isFullyPrivileged = ({ enforce, audit, warn }: Policy): boolean =>
  enforce.level === 'privileged' && audit.level === 'privileged' && warn.level === 'privileged'

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

/** Whether both policies come to the same: what is privileged is so in every version. */
export function isEquivalent(a: Policy, b: Policy): boolean {
  return MODES.every(
    mode => isSamePolicy(a[mode], b[mode]) || (a[mode].level === 'privileged' && b[mode].level === 'privileged'),
  )
}

const MODES = ['enforce', 'audit', 'warn'] as const

/** A value that was read, or what holds in its place and why. */
export interface Parsed<T> {
  readonly value: T
  readonly error?: string
}

export function parseLevel(text: string): Parsed<Level> {
  const value = LEVELS.find(each => each === text)
  return value === undefined ? { value: 'restricted', error: `must be one of ${LEVELS.join(', ')}` } : { value }
}

export function parseVersion(text: string): Parsed<Version> {
  if (text === 'latest') return { value: text }
  const minor = /^v1\.(0|[1-9][0-9]*)$/.exec(text)?.[1]
  return minor === undefined ? { value: 'latest', error: 'must be "latest" or "v1.x"' } : { value: Number(minor) }
}

type Labels = Readonly<Record<string, string>>

/** The value of a label such as `enforce` or `enforce-version`. */
export const labelOf = (labels: Labels, label: string): string | undefined => labels[PREFIX + label]

/**
 * The policy of a namespace with these labels, and what is wrong with them. A wrong label never opens the door: `enforce`
 * is then the strictest level; only `audit` and `warn`, which refuse nothing, fall silent.
 */
export function policyOf(
  labels: Labels = {},
  defaults: Policy = PRIVILEGED_POLICY,
): { policy: Policy; errors: FieldError[] } {
  const errors: FieldError[] = []
  const enforce = readMode(labels, 'enforce', 'restricted', defaults, errors)
  const audit = readMode(labels, 'audit', 'privileged', defaults, errors)
  let warn = readMode(labels, 'warn', 'privileged', defaults, errors)
  const isEnforceValid = LEVELS.includes(labelOf(labels, 'enforce') as Level)
  // Who enforces without a word on warnings wants to hear of workloads whose pods will be refused.
  if (labelOf(labels, 'warn') === undefined && isEnforceValid && compareLevels(enforce.level, warn.level) > 0) {
    const isVersionGiven = labelOf(labels, 'warn-version') !== undefined
    warn = { level: enforce.level, version: isVersionGiven ? warn.version : enforce.version }
  }
  return { policy: { enforce, audit, warn }, errors }
}

function readMode(
  labels: Labels,
  mode: keyof Policy,
  levelIfWrong: Level,
  defaults: Policy,
  errors: FieldError[],
): LevelVersion {
  function read<T>(label: string, absent: T, parse: (text: string) => Parsed<T>, ifWrong?: T): T {
    const text = labelOf(labels, label)
    if (text === undefined) return absent
    const { value, error } = parse(text)
    if (error === undefined) return value
    errors.push(invalid(`metadata.labels[${PREFIX}${label}]`, text, error))
    return ifWrong ?? value
  }
  const level = read(mode, defaults[mode].level, parseLevel, levelIfWrong)
  return { level, version: read(`${mode}-version`, defaults[mode].version, parseVersion) }
}
