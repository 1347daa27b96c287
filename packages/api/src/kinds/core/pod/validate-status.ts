/** What the kubelet and others may say of a pod (validation.go, ValidatePodStatusUpdate). */
import {
  byteLength,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkQualifiedName,
  checkUserId,
  duplicate,
  type FieldError,
  forbidden,
  internalFieldError,
  invalid,
  isFeatureOn,
  parseIp,
  required,
  tooLong,
  validateIp,
} from '@canopus/apimachinery'
import type { Container, ContainerStatus, Pod, PodCondition } from '../../../generated/core.v1.ts'
import { goJson } from '../../../go-json.ts'
import { checkImmutable, checkNumber, checkOptionalChoice, checkText, type Errors, push } from '../../shared/check.ts'
import { checkAnnotationUpdates } from './validate-annotations.ts'

const SYSTEM_CONDITIONS = ['PodScheduled', 'Ready', 'Initialized']

export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors: Errors = []
  const status = pod.status ?? {}
  const before = old.status ?? {}
  checkAnnotationUpdates(errors, pod, old)
  checkConditions(errors, status.conditions)
  const nominated = status.nominatedNodeName
  if (nominated && nominated !== before.nominatedNodeName) {
    checkText(errors, 'status.nominatedNodeName', nominated, checkDns1123Subdomain)
    if (old.spec.nodeName && isFeatureOn('ClearingNominatedNodeNameAfterBinding')) {
      errors.push(forbidden('status.nominatedNodeName', 'may not be set on pods that are already bound to a node'))
    }
  }
  checkGeneration(errors, 'status.observedGeneration', status.observedGeneration)
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
  checkExtendedClaims(errors, pod)
  checkIps(errors, 'status.podIPs', status.podIPs, before.podIPs)
  if (status.hostIPs?.[0] && status.hostIP !== status.hostIPs[0].ip) {
    errors.push(invalid('status.hostIPs[0].ip', status.hostIPs[0].ip, 'must be equal to `hostIP`'))
  }
  checkIps(errors, 'status.hostIPs', status.hostIPs, before.hostIPs)
  for (const list of ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const) {
    checkUsers(errors, `status.${list}`, status[list], pod.spec.os?.name)
  }
  checkDeviceHealth(errors, 'status.containerStatuses', status.containerStatuses, pod.spec.containers)
  checkDeviceHealth(errors, 'status.initContainerStatuses', status.initContainerStatuses, pod.spec.initContainers)
  for (const [index, each] of (status.ephemeralContainerStatuses ?? []).entries()) {
    if ((each.allocatedResourcesStatus ?? []).length === 0) continue
    const at = `${field}[${index}].allocatedResourcesStatus`
    errors.push(forbidden(at, 'must not be specified in container status'))
  }
  return errors
}

/** As whom containers run. */
function checkUsers(
  errors: Errors,
  path: string,
  statuses: readonly ContainerStatus[] = [],
  os: string | undefined,
): void {
  for (const [index, { user }] of statuses.entries()) {
    const linux = user?.linux
    if (linux === undefined) continue
    const at = `${path}[${index}].user.linux`
    if (os === 'windows') errors.push(forbidden(at, 'cannot be set for a windows pod'))
    if (os !== undefined && os !== 'linux') continue
    checkNumber(errors, `${at}.uid`, linux.uid ?? 0, checkUserId)
    checkNumber(errors, `${at}.gid`, linux.gid ?? 0, checkUserId)
    for (const [i, group] of (linux.supplementalGroups ?? []).entries()) {
      checkNumber(errors, `${at}.supplementalGroups[${i}]`, group, checkUserId)
    }
  }
}

function checkGeneration(errors: Errors, field: string, generation: number | undefined): void {
  if ((generation ?? 0) < 0) errors.push(invalid(field, generation, 'must be a non-negative integer'))
}

function checkConditions(errors: Errors, conditions: readonly PodCondition[] = []): void {
  for (const [index, { type, observedGeneration }] of conditions.entries()) {
    checkGeneration(errors, `status.conditions[${index}].observedGeneration`, observedGeneration)
    if (SYSTEM_CONDITIONS.includes(type)) continue
    checkText(errors, `status.conditions[${index}].Type`, type ?? '', checkQualifiedName)
  }
}

/** Devices that extended resources stand for (KEP-5004). */
function checkExtendedClaims(errors: Errors, { spec, status }: Pod): void {
  const claim = status?.extendedResourceClaimStatus
  if (claim === undefined) return
  const path = 'status.extendedResourceClaimStatus'
  const mappings = claim.requestMappings ?? []
  if (mappings.length === 0) {
    errors.push(required(`${path}.requestMappings`, 'at least one request mapping is required'))
  }
  const seen = new Set<string>()
  for (const [index, { containerName, resourceName, requestName }] of mappings.entries()) {
    const at = `${path}.requestMappings[${index}]`
    const container = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].find(
      each => each.name === containerName,
    )
    if (container === undefined) {
      const text = 'must match the name of an entry in spec.initContainers.name or spec.containers.name'
      errors.push(invalid(`${at}.containerName`, containerName, text))
    } else if (container.resources?.requests?.[resourceName] === undefined) {
      const where = 'spec.initContainers.resources.requests or spec.containers.resources.requests'
      const text = `must match the extended resource name of an entry in ${where}`
      errors.push(invalid(`${at}.resourceName`, resourceName, text))
    }
    checkText(errors, `${path}.requestName`, requestName, checkDns1123Label)
    const key = `${containerName}/${resourceName}/${requestName}`
    if (seen.has(key)) {
      errors.push(duplicate(`${at}.containerName`, containerName))
      errors.push(duplicate(`${at}.resourceName`, resourceName))
      errors.push(duplicate(`${at}.requestName`, requestName))
    }
    seen.add(key)
  }
  if (!claim.resourceClaimName) errors.push(required(`${path}.resourceClaimName`))
  else checkText(errors, `${path}.resourceClaimName`, claim.resourceClaimName, checkDns1123Subdomain)
}

const LONGEST_MESSAGE = 1024
const HEALTH = ['Healthy', 'Unhealthy', 'Unknown']

/** How the devices of containers are (KEP-4680): each belongs to something that the container asks for. */
function checkDeviceHealth(
  errors: Errors,
  path: string,
  statuses: readonly ContainerStatus[] = [],
  containers: readonly Container[] = [],
): void {
  for (const [index, { name, allocatedResourcesStatus = [] }] of statuses.entries()) {
    const resources = containers.find(each => each.name === name)?.resources
    const known = containers.some(each => each.name === name)
    for (const [j, allocated] of allocatedResourcesStatus.entries()) {
      const at = `${path}[${index}].allocatedResourcesStatus[${j}]`
      const claims = (resources?.claims ?? []).map(
        each => `claim:${each.name}${each.request ? `/${each.request}` : ''}`,
      )
      const isClaim = allocated.name.startsWith('claim:')
      const asked = isClaim ? claims : Object.keys(resources?.requests ?? {})
      const form = "in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty"
      const what = isClaim ? `resource claims ${form}` : 'resource requests'
      if (known && !asked.includes(allocated.name)) {
        errors.push(invalid(`${at}.name`, allocated.name, `must match one of the container's ${what}`))
      }
      const seen = new Set<string>()
      for (const [k, { resourceID, health, message }] of (allocated.resources ?? []).entries()) {
        checkOptionalChoice(errors, `${at}.resources[${k}].health`, health ?? '', HEALTH)
        const field = `${at}.resources[${k}].message`
        if (message === '') errors.push(required(field, 'must be non-empty if specified'))
        else if (byteLength(message ?? '') > LONGEST_MESSAGE) errors.push(tooLong(field, LONGEST_MESSAGE))
        if (seen.has(resourceID)) errors.push(duplicate(`${at}.resources[${k}].resourceID`, resourceID))
        seen.add(resourceID)
      }
    }
  }
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
    const at = `status.resourceClaimStatuses[${index}]`
    const field = `${at}.name`
    if (!pod.spec.resourceClaims?.some(claim => claim.name === name)) {
      errors.push(invalid(field, name, 'must match the name of an entry in `spec.resourceClaims`'))
    }
    if (seen.has(name)) errors.push(duplicate(field, name))
    seen.add(name)
    if (resourceClaimName !== undefined)
      checkText(errors, `${at}.resourceClaimName`, resourceClaimName, checkDns1123Subdomain)
  }
}

interface Address {
  readonly ip: string
}

/** Those that were there may stay as they are. */
function checkIps(errors: Errors, path: string, ips: readonly Address[] = [], old: readonly Address[] = []): void {
  const before = old.map(({ ip }) => ip)
  for (const [index, { ip }] of ips.entries()) push(errors, validateIp(`${path}[${index}]`, ip ?? '', before))
  if (ips.length < 2) return
  const wrong = ips.findIndex(({ ip }) => parseIp(ip ?? '') === undefined)
  if (wrong >= 0) {
    const why = `invalid IP[${wrong}]: ${ips[wrong]!.ip ?? ''}`
    errors.push(internalFieldError(path, `failed to check for dual stack with error:${why}`))
  }
  const families = new Set(ips.map(({ ip }) => (ip ?? '').includes(':')))
  if (wrong < 0 && families.size === 2 && ips.length === 2) return
  const shown = ips.map(each => goJson('core.v1.PodIP', each))
  errors.push(invalid(path, shown, 'may specify no more than one IP for each IP family'))
}
