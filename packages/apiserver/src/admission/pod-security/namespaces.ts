import { Pods } from '@canopus/api'
import type { Namespace, Pod } from '@canopus/api/core/v1'
import { type FieldError, fieldErrorText, invalidError } from '@canopus/apimachinery'
import type { AdmissionAttributes } from '../../security.ts'
import type { PodSecurityConfiguration } from '../configuration/pod-security.ts'
import type { AdmissionContext } from '../shared.ts'
import { plural } from './check.ts'
import { reasonsText, violationsOf } from './evaluate.ts'
import {
  compareLevels,
  isEquivalent,
  isFullyPrivileged,
  isSamePolicy,
  type LevelVersion,
  labelOf,
  levelVersionText,
  type Policy,
  policyOf,
} from './policy.ts'

/** More pods than these are not looked at when a namespace becomes stricter, nor after this time. */
const MAX_PODS = 3000
const MAX_MILLISECONDS = 1000

/** Refuses wrong labels, and tells who makes a namespace stricter which pods there would be refused now. */
export function admitNamespace(
  context: AdmissionContext,
  attributes: AdmissionAttributes,
  { defaults, exemptions }: PodSecurityConfiguration,
): void {
  const namespace = attributes.object as Namespace
  const old = attributes.oldObject as Namespace | undefined
  const { policy, errors } = policyOf(namespace.metadata.labels, defaults)
  const before = attributes.operation === 'UPDATE' ? policyOf(old?.metadata.labels, defaults) : undefined
  // Namespaces that were wrong before the labels meant anything can still be changed.
  if (errors.length > 0 && textOf(errors) !== textOf(before?.errors ?? [])) {
    const name = attributes.name || namespace.metadata.name || ''
    throw invalidError({ group: '', resource: 'Namespace', name }, errors)
  }
  if (before !== undefined && !isStricter(policy.enforce, before.policy.enforce)) return
  const name = namespace.metadata.name ?? attributes.name
  if (exemptions.namespaces.has(name)) {
    const isIgnored = !isFullyPrivileged(policy) && !isEquivalent(policy, defaults)
    if (isIgnored) attributes.warn(ignoredText(name, policy, namespace.metadata.labels ?? {}))
    return
  }
  if (before === undefined) return
  for (const text of warningsOf(context, name, policy.enforce, exemptions)) attributes.warn(text)
}

/** Says what the labels ask for in vain. */
function ignoredText(name: string, policy: Policy, labels: Readonly<Record<string, string>>): string {
  const asked = (['enforce', 'audit', 'warn'] as const).filter(
    mode =>
      policy[mode].level !== 'privileged' &&
      (labelOf(labels, mode) ?? labelOf(labels, `${mode}-version`)) !== undefined,
  )
  const text = asked.map(mode => `${mode}=${levelVersionText(policy[mode])}`).join(', ')
  return `namespace ${JSON.stringify(name)} is exempt from Pod Security, and the policy (${text}) will be ignored`
}

const textOf = (errors: readonly FieldError[]): string => errors.map(fieldErrorText).join('\n')

/** Whether pods may violate the new policy that kept the old one. Versions cannot be compared: rules came and went. */
function isStricter(now: LevelVersion, before: LevelVersion): boolean {
  if (isSamePolicy(now, before) || now.level === 'privileged') return false
  return now.version !== before.version || compareLevels(now.level, before.level) > 0
}

function warningsOf(
  { objects, clock }: AdmissionContext,
  namespace: string,
  enforce: LevelVersion,
  { runtimeClasses }: PodSecurityConfiguration['exemptions'],
): string[] {
  const concerned = objects.list(Pods, namespace).filter(pod => !runtimeClasses.has(pod.spec?.runtimeClassName ?? ''))
  const pods = oneOfEachControllerFirst(concerned)
  const deadline = clock.monotonic() + MAX_MILLISECONDS
  const namesByReasons = new Map<string, string[]>()
  let checked = 0
  for (const pod of pods.slice(0, MAX_PODS)) {
    checked++
    const reasons = reasonsText(violationsOf(pod, enforce))
    if (reasons !== '') namesByReasons.set(reasons, [...(namesByReasons.get(reasons) ?? []), pod.metadata.name ?? ''])
    if (clock.monotonic() >= deadline) break
  }
  const warnings: string[] = []
  if (checked < pods.length) {
    const many = `the first ${checked} of ${pods.length} existing pods`
    warnings.push(`new PodSecurity enforce level only checked against ${many}`)
  }
  if (namesByReasons.size > 0) {
    const [where, wanted] = [JSON.stringify(namespace), JSON.stringify(levelVersionText(enforce))]
    warnings.push(`existing pods in namespace ${where} violate the new PodSecurity enforce level ${wanted}`)
  }
  return [...warnings, ...[...namesByReasons].map(([reasons, names]) => `${someNames(names)}: ${reasons}`).sort()]
}

/** The first name, and how many there are more. */
function someNames(names: readonly string[]): string {
  const first = names.toSorted()[0]!
  const more = names.length - 1
  if (more === 0) return first
  return `${first} (and ${more} other ${plural('pod', more)})`
}

/** Pods of one controller are alike: one of each is looked at before the rest, in case there are too many. */
function oneOfEachControllerFirst(pods: readonly Pod[]): Pod[] {
  const seen = new Set<string>()
  const first: Pod[] = []
  const rest: Pod[] = []
  for (const pod of pods) {
    const controller = pod.metadata.ownerReferences?.find(owner => owner.controller)?.uid
    if (controller !== undefined && seen.has(controller)) rest.push(pod)
    else first.push(pod)
    if (controller !== undefined) seen.add(controller)
  }
  return [...first, ...rest]
}
