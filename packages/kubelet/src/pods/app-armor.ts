/** AppArmor profiles of containers, and whether this machine can enforce them (pkg/security/apparmor). */
import { existsSync } from 'node:fs'
import { APPARMOR_ANNOTATION, profileOfAnnotation } from '@canopus/api'
import type { AppArmorProfile, Container, EphemeralContainer, Pod } from '@canopus/api/core/v1'
import type { SecurityProfile } from '@canopus/cri'
import { readTextIfPresent } from '@canopus/platform'
import type { Rejection } from './admission.ts'

/** Whether the kernel enforces profiles; asked once, since a change takes a new start. */
export function hasAppArmor(sys = '/sys'): boolean {
  if (!existsSync(`${sys}/kernel/security/apparmor`)) return false
  return readTextIfPresent(`${sys}/module/apparmor/parameters/enabled`)?.startsWith('Y') === true
}

/** The container's own profile before its annotation before the pod's: static pods may have annotations that are no fields. */
export function appArmorProfileOf(pod: Pod, container: Container | EphemeralContainer): AppArmorProfile | undefined {
  const said = pod.metadata.annotations?.[APPARMOR_ANNOTATION + container.name]
  return (
    container.securityContext?.appArmorProfile ??
    (said === undefined ? undefined : profileOfAnnotation(said)) ??
    pod.spec.securityContext?.appArmorProfile
  )
}

/** The profile as the runtime takes it; nothing where none is asked for. */
export function appArmorForRuntime(pod: Pod, container: Container | EphemeralContainer): SecurityProfile | undefined {
  const profile = appArmorProfileOf(pod, container)
  switch (profile?.type) {
    case 'Localhost':
      return { profileType: 'Localhost', localhostRef: profile.localhostProfile ?? '' }
    case 'RuntimeDefault':
    case 'Unconfined':
      return { profileType: profile.type }
    default:
      return undefined
  }
}

/** Why a pod that has not begun cannot run on a machine without AppArmor; nothing where it can. */
export function judgeAppArmor(pod: Pod, isEnabled: boolean): Rejection[] {
  if (isEnabled || (pod.status?.phase ?? 'Pending') !== 'Pending' || !needsAppArmor(pod)) return []
  return [{ reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' }]
}

function needsAppArmor({ metadata, spec }: Pod): boolean {
  const { initContainers = [], containers, ephemeralContainers = [] } = spec
  const contexts = [spec, ...initContainers, ...containers, ...ephemeralContainers].map(each => each.securityContext)
  if (contexts.some(each => each?.appArmorProfile && each.appArmorProfile.type !== 'Unconfined')) return true
  const said = Object.entries(metadata.annotations ?? {}).find(([key]) => key.startsWith(APPARMOR_ANNOTATION))
  return said !== undefined && said[1] !== 'unconfined'
}
