/** Annotations that mean something for pods (validation.go: ValidatePodSpecificAnnotations and its updates). */
import { forbidden, invalid, isFeatureOn } from '@canopus/apimachinery'
import type { AppArmorProfile, Pod, PodSpec, SeccompProfile } from '../../../generated/core.v1.ts'
import type { Errors } from '../../shared/check.ts'
import { APPARMOR_ANNOTATION as APPARMOR } from './app-armor.ts'

const MIRROR = 'kubernetes.io/config.mirror'
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost'
const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod'
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/'
const LOCALHOST = 'localhost/'
const MAX_INT32 = 2 ** 31 - 1

type Annotations = Readonly<Record<string, string>>

export function checkPodAnnotations(
  errors: Errors,
  path: string,
  annotations: Annotations | undefined,
  spec: PodSpec,
): void {
  if (annotations === undefined) return
  const mirror = annotations[MIRROR]
  if (mirror !== undefined && !spec.nodeName) {
    errors.push(invalid(`${path}[${MIRROR}]`, mirror, 'must set spec.nodeName if mirror pod annotation is set'))
  }
  const cost = annotations[DELETION_COST]
  const isRead = cost !== undefined && isFeatureOn('PodDeletionCost')
  if (isRead && !(/^(?:0|-?[1-9][0-9]*)$/.test(cost) && Math.abs(Number(cost)) <= MAX_INT32)) {
    errors.push(invalid(`${path}[${DELETION_COST}]`, cost, 'must be a 32bit integer'))
  }
  for (const [key, value] of Object.entries(annotations)) {
    if (key === SECCOMP_POD || key.startsWith(SECCOMP_CONTAINER)) checkSeccomp(errors, `${path}[${key}]`, value)
    if (key.startsWith(APPARMOR)) checkAppArmor(errors, `${path}[${key}]`, key.slice(APPARMOR.length), value, spec)
  }
}

function checkSeccomp(errors: Errors, field: string, profile: string): void {
  if (profile === 'runtime/default' || profile === 'docker/default' || profile === 'unconfined') return
  const file = profile.slice(LOCALHOST.length)
  if (!profile.startsWith(LOCALHOST)) errors.push(invalid(field, profile, 'must be a valid seccomp profile'))
  else if (file.startsWith('/')) errors.push(invalid(field, file, 'must be a relative path'))
  else if (file.split('/').includes('..')) errors.push(invalid(field, file, "must not contain '..'"))
}

function* containersOf(spec: PodSpec) {
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [index, container] of (spec[list] ?? []).entries()) yield { list, index, container }
  }
}

function checkAppArmor(errors: Errors, field: string, name: string, profile: string, spec: PodSpec): void {
  const known = [...containersOf(spec)].some(({ container }) => container.name === name)
  if (!known) errors.push(invalid(field, name, 'container not found'))
  const plain = profile === '' || profile === 'runtime/default' || profile === 'unconfined'
  if (plain || profile.startsWith(LOCALHOST)) return
  errors.push(invalid(field, profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`))
}

type Profile = AppArmorProfile | SeccompProfile | undefined

/** What annotation and field say of the same profile must be the same. */
function checkSame(errors: Errors, path: string, what: string, said: string | undefined, profile: Profile): void {
  if (said === undefined || profile === undefined) return
  const file = said.startsWith(LOCALHOST) ? said.slice(LOCALHOST.length) : undefined
  const defaults = what === 'seccomp' ? ['runtime/default', 'docker/default'] : ['runtime/default']
  const same =
    (profile.type === 'Unconfined' && said === 'unconfined') ||
    (profile.type === 'RuntimeDefault' && defaults.includes(said)) ||
    (profile.type === 'Localhost' && file !== undefined)
  if (!['Unconfined', 'RuntimeDefault', 'Localhost'].includes(profile.type)) return
  if (!same) errors.push(forbidden(`${path}.type`, `${what} type in annotation and field must match`))
  else if (file !== undefined && file !== profile.localhostProfile) {
    errors.push(forbidden(`${path}.localhostProfile`, `${what} profile in annotation and field must match`))
  }
}

/** Security profiles in annotations and in fields, where both are given at creation. */
export function checkProfilesAgree(
  errors: Errors,
  path: string,
  annotations: Annotations | undefined,
  spec: PodSpec,
): void {
  if (annotations === undefined || spec.os?.name === 'windows') return
  const { seccompProfile, appArmorProfile } = spec.securityContext ?? {}
  checkSame(errors, `${path}.securityContext.seccompProfile`, 'seccomp', annotations[SECCOMP_POD], seccompProfile)
  for (const { list, index, container } of containersOf(spec)) {
    const at = `${path}.${list}[${index}].securityContext`
    const { name, securityContext: own } = container
    checkSame(
      errors,
      `${at}.seccompProfile`,
      'seccomp',
      annotations[SECCOMP_CONTAINER + name],
      own?.seccompProfile ?? seccompProfile,
    )
    const profile = own?.appArmorProfile ?? appArmorProfile
    checkSame(errors, `${at}.appArmorProfile`, 'apparmor', annotations[APPARMOR + name], profile)
  }
}

/** Annotations by which the kubelet runs a pod stay as they were. */
export function checkAnnotationUpdates(errors: Errors, pod: Pod, old: Pod): void {
  const now = pod.metadata.annotations ?? {}
  const was = old.metadata.annotations ?? {}
  const refuse = (key: string, verb: string): void => {
    const field = `metadata.annotations[${key}]`
    if (key.startsWith(APPARMOR)) errors.push(forbidden(field, `may not ${verb} AppArmor annotations`))
    if (key === MIRROR) errors.push(forbidden(field, `may not ${verb} mirror pod annotation`))
  }
  for (const key of Object.keys(was)) if (now[key] !== was[key]) refuse(key, 'remove or update')
  for (const key of Object.keys(now)) if (was[key] === undefined) refuse(key, 'add')
}
