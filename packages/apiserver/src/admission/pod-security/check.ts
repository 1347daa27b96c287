import type { Container, PodSpec } from '@canopus/api/core/v1'

/** What checks look at: a pod, or the template of pods in a workload. */
export interface PodLike {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> }
  readonly spec?: PodSpec
}

/** Why a check forbids a pod. */
export interface Violation {
  /** What is wrong, in few words: `hostPort`. */
  readonly reason: string
  /** Where, shown in parentheses behind the reason. */
  readonly detail: string
}

/** One rule. Answers undefined where the pod keeps it. */
export type Rule = (spec: PodSpec, annotations: Readonly<Record<string, string>>) => Violation | undefined

/** One line of the table of checks: a rule that may have changed from one Kubernetes version to another. */
export interface Check {
  readonly id: string
  readonly level: 'baseline' | 'restricted'
  /** In rising order; each holds until the next. */
  readonly versions: readonly CheckVersion[]
}

export interface CheckVersion {
  /** The minor version (1.x) of Kubernetes from which on this rule holds. */
  readonly since: number
  readonly rule: Rule
  /** Baseline checks that this one makes needless at its level. */
  readonly replaces?: readonly string[]
}

/** All containers of a pod: init containers first, ephemeral ones last. */
export function containersOf(spec: PodSpec): readonly Container[] {
  return [
    ...(spec.initContainers ?? []),
    ...(spec.containers ?? []),
    ...((spec.ephemeralContainers ?? []) as Container[]),
  ]
}

/** Names of the containers that `isBad` finds fault with. */
export function namesWhere(spec: PodSpec, isBad: (container: Container) => boolean): string[] {
  return containersOf(spec)
    .filter(isBad)
    .map(container => container.name)
}

export function plural(word: string, count: number): string {
  return count === 1 ? word : `${word}s`
}

/** `"a", "b"`. */
export function quoted(items: readonly string[]): string {
  return items.map(item => `"${item}"`).join(', ')
}

/** `container "a"` or `containers "a", "b"`. */
export function named(word: string, names: readonly string[]): string {
  return `${plural(word, names.length)} ${quoted(names)}`
}

/** The culprits in a sentence: `pod`, `container "a"`, `pod and containers "a", "b"`. Empty where there are none. */
export function culprits(podIsBad: boolean, containers: readonly string[], ...more: readonly string[]): string {
  const parts = podIsBad ? ['pod'] : []
  if (containers.length > 0) parts.push(named('container', containers))
  return [...parts, ...more].join(' and ')
}

export function sorted(values: Iterable<string>): string[] {
  return [...new Set(values)].sort()
}

export function isWindows(spec: PodSpec): boolean {
  return spec.os?.name === 'windows'
}

/** Whether root in the pod is somebody harmless on the node. */
export function hasUserNamespace(spec: PodSpec): boolean {
  return spec.hostUsers === false
}

/** `rule`, from which pods that meet `isExempt` are free. */
export function except(isExempt: (spec: PodSpec) => boolean, rule: Rule): Rule {
  return (spec, annotations) => (isExempt(spec) ? undefined : rule(spec, annotations))
}
