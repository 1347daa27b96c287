/** What the kubelet and others may say of a pod (validation.go, ValidatePodStatusUpdate). */
import {
  checkDns1123Subdomain,
  checkQualifiedName,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  validateIp,
} from '@canopus/apimachinery'
import type { ContainerStatus, Pod } from '../../../generated/core.v1.ts'
import { checkImmutable, checkText, type Errors, push } from '../../shared/check.ts'

const SYSTEM_CONDITIONS = ['PodScheduled', 'Ready', 'Initialized']

export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors: Errors = []
  const status = pod.status ?? {}
  const before = old.status ?? {}
  for (const [index, { type }] of (status.conditions ?? []).entries()) {
    // Upstream looks for the conditions under `metadata`; clients see that path.
    if (!SYSTEM_CONDITIONS.includes(type)) {
      checkText(errors, `metadata.conditions[${index}].Type`, type ?? '', checkQualifiedName)
    }
  }
  const nominated = status.nominatedNodeName
  if (nominated && nominated !== before.nominatedNodeName) {
    checkText(errors, 'status.nominatedNodeName', nominated, checkDns1123Subdomain)
  }
  checkImmutable(errors, 'status.qosClass', status.qosClass ?? '', before.qosClass ?? '')
  const policy = old.spec.restartPolicy
  checkTransitions(errors, 'status.containerStatuses', status.containerStatuses, before.containerStatuses, policy)
  const sidecars = (old.spec.initContainers ?? []).filter(each => each.restartPolicy === 'Always')
  const isInit = (each: ContainerStatus): boolean => !sidecars.some(sidecar => sidecar.name === each.name)
  const olds = before.initContainerStatuses?.filter(isInit)
  checkTransitions(errors, 'status.initContainerStatuses', status.initContainerStatuses, olds, policy)
  const ephemeral = before.ephemeralContainerStatuses
  const field = 'status.ephemeralContainerStatuses'
  checkTransitions(errors, field, status.ephemeralContainerStatuses, ephemeral, 'Never')
  checkClaims(errors, pod)
  checkIps(errors, 'status.podIPs', status.podIPs)
  if (status.hostIPs?.[0] && status.hostIP !== status.hostIPs[0].ip) {
    errors.push(invalid('status.hostIPs[0].ip', status.hostIPs[0].ip, 'must be equal to `hostIP`'))
  }
  checkIps(errors, 'status.hostIPs', status.hostIPs)
  return errors
}

/** What ended for good stays ended. */
function checkTransitions(
  errors: Errors,
  path: string,
  statuses: readonly ContainerStatus[] = [],
  old: readonly ContainerStatus[] = [],
  policy: string | undefined,
): void {
  if (policy === 'Always') return
  for (const [index, before] of old.entries()) {
    const ended = before.state?.terminated
    if (!ended || (ended.exitCode !== 0 && policy === 'OnFailure')) continue
    const now = statuses.find(status => status.name === before.name)
    if (now === undefined || now.state?.terminated) continue
    errors.push(forbidden(`${path}[${index}].state`, 'may not be transitioned to non-terminated state'))
  }
}

function checkClaims(errors: Errors, pod: Pod): void {
  const seen = new Set<string>()
  for (const [index, { name, resourceClaimName }] of (pod.status?.resourceClaimStatuses ?? []).entries()) {
    const field = `status.resourceClaimStatuses[${index}].name`
    if (!pod.spec.resourceClaims?.some(claim => claim.name === name)) {
      errors.push(invalid(field, name, 'must match the name of an entry in `spec.resourceClaims`'))
    }
    if (seen.has(name)) errors.push(duplicate(field, name))
    seen.add(name)
    if (resourceClaimName !== undefined) checkText(errors, field, resourceClaimName, checkDns1123Subdomain)
  }
}

function checkIps(errors: Errors, path: string, ips: readonly { ip: string }[] = []): void {
  for (const [index, { ip }] of ips.entries()) push(errors, validateIp(`${path}[${index}]`, ip))
  if (ips.length < 2) return
  const families = new Set(ips.map(({ ip }) => ip.includes(':')))
  if (families.size !== 2 || ips.length > 2) {
    errors.push(invalid(path, ips, 'may specify no more than one IP for each IP family'))
  }
  for (const [index, each] of ips.entries()) {
    if (ips.slice(0, index).some(other => other.ip === each.ip)) errors.push(duplicate(`${path}[${index}]`, each))
  }
}
