import {
  byteLength,
  checkUserId,
  forbidden,
  givenField,
  invalid,
  isFeatureOn,
  notSupported,
  required,
  tooLong,
} from '@canopus/apimachinery'
import type {
  AppArmorProfile,
  PodSecurityContext,
  PodSpec,
  SeccompProfile,
  SecurityContext,
  Sysctl,
} from '../../../generated/core.v1.ts'
import { goJson } from '../../../go-json.ts'
import { checkDescendingPath, checkNumber, checkOptionalChoice, type Errors } from '../../shared/check.ts'
import { checkWindowsOptions } from './validate-windows.ts'

const SECCOMP_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined']
const LONGEST_PROFILE = 4095

/** Security of one container. `hostUsers` says whether the pod shares the host's user namespace. */
export function checkSecurityContext(errors: Errors, path: string, context: SecurityContext, hostUsers: boolean): void {
  if (context.runAsUser !== undefined) checkNumber(errors, `${path}.runAsUser`, context.runAsUser, checkUserId)
  if (context.runAsGroup !== undefined) checkNumber(errors, `${path}.runAsGroup`, context.runAsGroup, checkUserId)
  if (context.procMount !== undefined) {
    checkOptionalChoice(errors, `${path}.procMount`, context.procMount, ['Default', 'Unmasked'])
    if (hostUsers && context.procMount === 'Unmasked') {
      errors.push(invalid(`${path}.procMount`, context.procMount, '`hostUsers` must be false to use `Unmasked`'))
    }
  }
  if (context.seccompProfile) checkSeccomp(errors, `${path}.seccompProfile`, context.seccompProfile)
  if (context.allowPrivilegeEscalation === false) {
    const cannot = 'cannot set `allowPrivilegeEscalation` to false and'
    if (context.privileged) errors.push(invalid(path, context, `${cannot} \`privileged\` to true`))
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN')) {
      errors.push(invalid(path, context, `${cannot} \`capabilities.Add\` CAP_SYS_ADMIN`))
    }
  }
  if (context.windowsOptions) checkWindowsOptions(errors, `${path}.windowsOptions`, context.windowsOptions)
  if (context.appArmorProfile) checkAppArmor(errors, `${path}.appArmorProfile`, context.appArmorProfile)
}

function checkSeccomp(errors: Errors, path: string, profile: SeccompProfile): void {
  if (!profile.type) errors.push(required(`${path}.type`, 'type is required when seccompProfile is set'))
  else if (!SECCOMP_TYPES.includes(profile.type)) {
    errors.push(notSupported(`${path}.type`, profile.type, SECCOMP_TYPES))
  }
  const field = `${path}.localhostProfile`
  if (profile.type === 'Localhost') {
    if (profile.localhostProfile === undefined) {
      errors.push(required(field, 'must be set when seccomp type is Localhost'))
    } else checkDescendingPath(errors, field, profile.localhostProfile)
  } else if (profile.localhostProfile !== undefined) {
    const shown = goJson('core.v1.SeccompProfile', profile)
    errors.push(invalid(field, shown, 'can only be set when seccomp type is Localhost'))
  }
}

/** A profile at `path` (validation.go, ValidateAppArmorProfileField). */
export function checkAppArmor(errors: Errors, path: string, profile: AppArmorProfile): void {
  const field = `${path}.localhostProfile`
  const name = profile.localhostProfile
  switch (profile.type) {
    case 'Localhost':
      if (name === undefined || name === '') {
        errors.push(required(field, 'must be set when AppArmor type is Localhost'))
      } else if (name.trim() !== name) errors.push(invalid(field, name, 'must not be padded with whitespace'))
      if (name !== undefined && byteLength(name) > LONGEST_PROFILE) errors.push(tooLong(field, LONGEST_PROFILE))
      break
    case 'RuntimeDefault':
    case 'Unconfined':
      if (name !== undefined) errors.push(invalid(field, name, 'can only be set when AppArmor type is Localhost'))
      break
    case '':
    case undefined:
      errors.push(required(`${path}.type`, 'type is required when appArmorProfile is set'))
      break
    default:
      errors.push(notSupported(`${path}.type`, profile.type, SECCOMP_TYPES))
  }
}

/** Security of the pod as a whole, under `spec.securityContext`. */
export function checkPodSecurityContext(errors: Errors, path: string, spec: PodSpec): void {
  const context = spec.securityContext
  if (context === undefined) return
  if (context.fsGroup !== undefined) checkNumber(errors, `${path}.fsGroup`, context.fsGroup, checkUserId)
  if (context.runAsUser !== undefined) checkNumber(errors, `${path}.runAsUser`, context.runAsUser, checkUserId)
  if (context.runAsGroup !== undefined) checkNumber(errors, `${path}.runAsGroup`, context.runAsGroup, checkUserId)
  for (const [index, group] of (context.supplementalGroups ?? []).entries()) {
    checkNumber(errors, `${path}.supplementalGroups[${index}]`, group, checkUserId)
  }
  if (spec.hostPID && spec.shareProcessNamespace) {
    const text = 'ShareProcessNamespace and HostPID cannot both be enabled'
    errors.push(invalid(`${path}.shareProcessNamespace`, true, text))
  }
  if (context.sysctls !== undefined) checkSysctls(errors, `${path}.sysctls`, context.sysctls, spec)
  checkPolicies(errors, path, context)
  if (context.windowsOptions) checkWindowsOptions(errors, `${path}.windowsOptions`, context.windowsOptions)
  if (context.seccompProfile) checkSeccomp(errors, `${path}.seccompProfile`, context.seccompProfile)
  if (context.appArmorProfile) checkAppArmor(errors, `${path}.appArmorProfile`, context.appArmorProfile)
}

/** `MountOption` belongs to SELinuxMount, which is off in 1.36: it is taken, but not told of. */
const SELINUX_POLICIES = ['Recursive']

function checkPolicies(errors: Errors, path: string, context: PodSecurityContext): void {
  const { fsGroupChangePolicy, supplementalGroupsPolicy, seLinuxChangePolicy } = context
  checkOptionalChoice(errors, `${path}.fsGroupChangePolicy`, fsGroupChangePolicy, ['Always', 'OnRootMismatch'])
  checkOptionalChoice(errors, `${path}.supplementalGroupsPolicy`, supplementalGroupsPolicy, ['Merge', 'Strict'])
  checkOptionalChoice(errors, `${path}.seLinuxChangePolicy`, seLinuxChangePolicy, SELINUX_POLICIES)
}

const SYSCTL_SEGMENT = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?'
const SYSCTL = `^(${SYSCTL_SEGMENT}[\\./])*${SYSCTL_SEGMENT}$`
const SYSCTL_PATTERN = new RegExp(SYSCTL)
const LONGEST_SYSCTL = 253
const IPC_SYSCTL = /^(?:kernel[./](?:sem|shm|msg)|fs[./]mqueue[./])/

function checkSysctls(errors: Errors, path: string, sysctls: readonly Sysctl[], spec: PodSpec): void {
  const seen = new Set<string>()
  for (const [index, { name }] of sysctls.entries()) {
    const field = `${path}[${index}].name`
    if (!name) errors.push(required(field))
    else if (name.length > LONGEST_SYSCTL || !SYSCTL_PATTERN.test(name)) {
      errors.push(invalid(field, name, `must have at most ${LONGEST_SYSCTL} characters and match regex ${SYSCTL}`))
    } else if (seen.has(name)) errors.push({ type: 'FieldValueDuplicate', field, body: `Duplicate value: "${name}"` })
    seen.add(name)
    if (spec.hostNetwork && /^net[./]/.test(name)) {
      errors.push(invalid(field, name, "may not be specified when 'hostNetwork' is true"))
    } else if (spec.hostIPC && IPC_SYSCTL.test(name)) {
      errors.push(invalid(field, name, "may not be specified when 'hostIPC' is true"))
    }
  }
}

/** A pod with users of its own shares no other namespace with the host. */
export function checkHostUsers(errors: Errors, path: string, spec: PodSpec): void {
  if (spec.hostUsers !== false) return
  const text = 'when `hostUsers` is false'
  if (spec.hostNetwork && !isFeatureOn('UserNamespacesHostNetworkSupport'))
    errors.push(forbidden(`${path}.hostNetwork`, text))
  if (spec.hostPID) errors.push(forbidden(`${path}.HostPID`, text))
  if (spec.hostIPC) errors.push(forbidden(`${path}.HostIPC`, text))
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [index, { volumeDevices }] of (spec[list] ?? []).entries()) {
      if ((volumeDevices ?? []).length === 0) continue
      errors.push(forbidden(`${path}.${list}[${index}].volumeDevices`, text))
    }
  }
}

/** What the operating system that the pod names has no word for. */
export function checkOs(errors: Errors, path: string, spec: PodSpec): void {
  const name = spec.os?.name
  if (spec.os === undefined) return
  if (!name) errors.push(required(`${path}.os.name`))
  else if (name !== 'linux' && name !== 'windows') {
    errors.push(notSupported(`${path}.os`, name, ['linux', 'windows']))
  } else if (name === 'linux') checkLinux(errors, path, spec)
  else checkWindows(errors, path, spec)
}

function* contexts(path: string, spec: PodSpec): Iterable<[string, SecurityContext]> {
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [index, { securityContext }] of (spec[list] ?? []).entries()) {
      if (securityContext !== undefined) yield [`${path}.${list}[${index}].securityContext`, securityContext]
    }
  }
}

function checkLinux(errors: Errors, path: string, spec: PodSpec): void {
  const text = 'windows options cannot be set for a linux pod'
  if (spec.securityContext?.windowsOptions) errors.push(forbidden(`${path}.securityContext.windowsOptions`, text))
  for (const [field, context] of contexts(path, spec)) {
    if (context.windowsOptions) errors.push(forbidden(`${field}.windowsOptions`, text))
  }
}

const LINUX_ONLY_POD = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'fsGroup',
  'fsGroupChangePolicy',
  'sysctls',
  'runAsUser',
  'runAsGroup',
  'supplementalGroups',
  'supplementalGroupsPolicy',
  'seLinuxChangePolicy',
] as const
const LINUX_ONLY = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const

function checkWindows(errors: Errors, path: string, spec: PodSpec): void {
  const text = 'cannot be set for a windows pod'
  for (const field of LINUX_ONLY_POD) {
    const value = spec.securityContext && givenField(spec.securityContext, field)
    // Of these alone it counts whether there are any.
    if (value !== undefined && !(field === 'sysctls' && spec.securityContext?.sysctls === undefined))
      errors.push(forbidden(`${path}.securityContext.${field}`, text))
  }
  for (const field of ['hostUsers', 'hostPID', 'hostIPC', 'shareProcessNamespace'] as const) {
    if (spec[field] !== undefined) errors.push(forbidden(`${path}.${field}`, text))
  }
  for (const [at, context] of contexts(path, spec)) {
    for (const field of LINUX_ONLY) if (context[field] !== undefined) errors.push(forbidden(`${at}.${field}`, text))
  }
}
