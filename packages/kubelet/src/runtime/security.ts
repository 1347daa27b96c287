import type { Container, EphemeralContainer, Pod, SeccompProfile } from '@canopus/api/core/v1'
import type {
  LinuxContainerSecurityContext,
  LinuxSandboxSecurityContext,
  NamespaceOption,
  SecurityProfile,
} from '@canopus/cri'
import { ContainerConfigError } from '../env/environment.ts'
import { appArmorForRuntime } from '../pods/app-armor.ts'

/** Paths that a container must not see, or only read, unless it is privileged or unmasked (upstream pkg/securitycontext). */
const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/** Which namespaces a pod's containers share among themselves or with the host. */
export function namespaceOptions(pod: Pod, targetId?: string): NamespaceOption {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = pod.spec
  const pid = hostPID ? 'NODE' : shareProcessNamespace ? 'POD' : targetId !== undefined ? 'TARGET' : 'CONTAINER'
  return {
    network: hostNetwork ? 'NODE' : 'POD',
    pid,
    ipc: hostIPC ? 'NODE' : 'POD',
    ...(targetId !== undefined && pid === 'TARGET' && { targetId }),
  }
}

export function sandboxSecurity(pod: Pod): LinuxSandboxSecurityContext {
  const context = pod.spec.securityContext
  const privileged = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].some(
    container => container.securityContext?.privileged === true,
  )
  const groups = supplementalGroups(pod)
  return {
    namespaceOptions: namespaceOptions(pod),
    privileged,
    seccomp: { profileType: 'RuntimeDefault' },
    ...(context?.runAsUser !== undefined && { runAsUser: { value: context.runAsUser } }),
    ...(context?.runAsUser !== undefined &&
      context.runAsGroup !== undefined && { runAsGroup: { value: context.runAsGroup } }),
    ...(groups.length > 0 && { supplementalGroups: groups }),
  }
}

function supplementalGroups(pod: Pod): number[] {
  const context = pod.spec.securityContext
  return [...(context?.fsGroup === undefined ? [] : [context.fsGroup]), ...(context?.supplementalGroups ?? [])]
}

export interface ImageUser {
  uid: number | undefined
  username: string
}

/** A container's own settings before the pod's. */
export function effectiveSecurity(pod: Pod, container: Container | EphemeralContainer) {
  const shared = pod.spec.securityContext
  const own = container.securityContext
  return {
    runAsUser: own?.runAsUser ?? shared?.runAsUser,
    runAsGroup: own?.runAsGroup ?? shared?.runAsGroup,
    runAsNonRoot: own?.runAsNonRoot ?? shared?.runAsNonRoot,
    seccompProfile: own?.seccompProfile ?? shared?.seccompProfile,
    privileged: own?.privileged === true,
    readOnlyRootFilesystem: own?.readOnlyRootFilesystem === true,
    allowPrivilegeEscalation: own?.allowPrivilegeEscalation,
    capabilities: own?.capabilities,
    procMount: own?.procMount,
  }
}

/** Throws `ContainerConfigError` where the container must not run as root and would, or nobody can tell. */
export function verifyRunAsNonRoot(
  podName: string,
  pod: Pod,
  container: Container | EphemeralContainer,
  user: ImageUser,
): void {
  const { runAsNonRoot, runAsUser } = effectiveSecurity(pod, container)
  if (!runAsNonRoot) return
  const where = `(pod: ${JSON.stringify(podName)}, container: ${container.name})`
  if (runAsUser !== undefined) {
    if (runAsUser === 0) throw new ContainerConfigError(`container's runAsUser breaks non-root policy ${where}`)
    return
  }
  if (user.uid === 0 || (user.uid === undefined && user.username === ''))
    throw new ContainerConfigError(`container has runAsNonRoot and image will run as root ${where}`)
  if (user.username !== '')
    throw new ContainerConfigError(
      `container has runAsNonRoot and image has non-numeric user (${user.username}), cannot verify user is non-root ${where}`,
    )
}

export function containerSecurity(
  pod: Pod,
  container: Container | EphemeralContainer,
  user: ImageUser,
  seccompRoot: string,
  targetId?: string,
): LinuxContainerSecurityContext {
  const context = effectiveSecurity(pod, container)
  const unmasked = context.privileged || context.procMount === 'Unmasked'
  const groups = supplementalGroups(pod)
  const apparmor = appArmorForRuntime(pod, container)
  const runAs: LinuxContainerSecurityContext =
    context.runAsUser !== undefined
      ? { runAsUser: { value: context.runAsUser } }
      : user.uid !== undefined
        ? { runAsUser: { value: user.uid } }
        : user.username !== ''
          ? { runAsUsername: user.username }
          : { runAsUser: { value: 0 } }
  return {
    ...runAs,
    ...(context.runAsGroup !== undefined && { runAsGroup: { value: context.runAsGroup } }),
    supplementalGroups: groups,
    supplementalGroupsPolicy: pod.spec.securityContext?.supplementalGroupsPolicy === 'Strict' ? 'Strict' : 'Merge',
    privileged: context.privileged,
    readonlyRootfs: context.readOnlyRootFilesystem,
    noNewPrivs: context.allowPrivilegeEscalation === false && !context.privileged,
    namespaceOptions: namespaceOptions(pod, targetId),
    seccomp: seccomp(context.seccompProfile, context.privileged, seccompRoot),
    ...(apparmor && { apparmor }),
    maskedPaths: unmasked ? [] : MASKED_PATHS,
    readonlyPaths: unmasked ? [] : READONLY_PATHS,
    ...(context.capabilities && {
      capabilities: {
        addCapabilities: context.capabilities.add ?? [],
        dropCapabilities: context.capabilities.drop ?? [],
      },
    }),
  }
}

function seccomp(profile: SeccompProfile | undefined, privileged: boolean, root: string): SecurityProfile {
  if (privileged || profile === undefined) return { profileType: 'Unconfined' }
  if (profile.type === 'Localhost')
    return { profileType: 'Localhost', localhostRef: `${root}/${profile.localhostProfile ?? ''}` }
  return { profileType: profile.type === 'RuntimeDefault' ? 'RuntimeDefault' : 'Unconfined' }
}
