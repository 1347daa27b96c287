/** A pod's spec, in a pod or in a template (pkg/apis/core/validation/validation.go, ValidatePodSpec). */
import {
  checkDns1123Label,
  checkDns1123Subdomain,
  checkQualifiedName,
  duplicate,
  forbidden,
  invalid,
  notFound,
  notSupported,
  rangeMessage,
  required,
  tooLong,
  validateAnnotations,
  validateLabels,
} from '@canopus/apimachinery'
import type { PodResourceClaim, PodSpec, PodTemplateSpec } from '../../../generated/core.v1.ts'
import { goJson } from '../../../go-json.ts'
import { checkChoice, checkText, type Errors, push } from '../../shared/check.ts'
import { checkAffinity, checkTolerations, checkTopologySpread } from './validate-affinity.ts'
import { checkPodAnnotations, checkProfilesAgree } from './validate-annotations.ts'
import {
  type ContainerScope,
  checkContainers,
  checkEphemeralContainers,
  checkInitContainers,
} from './validate-container.ts'
import { checkDnsConfig, checkHostAliases } from './validate-dns.ts'
import { checkPodResources, checkResources } from './validate-resources.ts'
import { checkHostUsers, checkOs, checkPodSecurityContext } from './validate-security.ts'
import { checkVolumes } from './validate-volume.ts'
import { checkHostProcess } from './validate-windows.ts'

const MAX_INT32 = 2 ** 31 - 1
const RESTART_POLICIES = ['Always', 'OnFailure', 'Never']
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']
const NO_NAMES: ReadonlySet<string> = new Set()

/** `podName` is given for real pods only. */
export function checkPodSpec(errors: Errors, path: string, spec: PodSpec, podName?: string): void {
  if (spec.terminationGracePeriodSeconds === undefined) errors.push(required(`${path}.terminationGracePeriodSeconds`))
  const volumes = checkVolumes(errors, `${path}.volumes`, spec.volumes ?? [], podName)
  const claimNames = checkResourceClaims(errors, `${path}.resourceClaims`, spec.resourceClaims)
  const scope: ContainerScope = { spec, volumes, claimNames, isPod: podName !== undefined }
  checkContainers(errors, `${path}.containers`, scope)
  if (spec.initContainers) checkInitContainers(errors, `${path}.initContainers`, scope)
  if (spec.ephemeralContainers) checkEphemeralContainers(errors, `${path}.ephemeralContainers`, scope)
  if (spec.resources) checkPodResources(errors, `${path}.resources`, spec, claimNames)
  if (spec.hostNetwork) checkHostNetworkPorts(errors, `${path}.containers`, spec, scope.isPod)
  checkChoice(errors, `${path}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES)
  checkChoice(errors, `${path}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES)
  if (spec.nodeSelector) push(errors, validateLabels(spec.nodeSelector, `${path}.nodeSelector`))
  checkPodSecurityContext(errors, `${path}.securityContext`, spec)
  checkScheduling(errors, path, spec)
  checkHostProcess(errors, path, spec)
  checkHostUsers(errors, path, spec)
  checkHostnameOverride(errors, path, spec)
  checkNames(errors, path, spec)
  checkRest(errors, path, spec)
  checkOs(errors, path, spec)
  checkFileVolumes(errors, path, spec)
}

function checkScheduling(errors: Errors, path: string, spec: PodSpec): void {
  if (spec.affinity) checkAffinity(errors, `${path}.affinity`, spec.affinity)
  if (spec.dnsConfig || spec.dnsPolicy === 'None') checkDnsConfig(errors, `${path}.dnsConfig`, spec)
  for (const [index, { conditionType }] of (spec.readinessGates ?? []).entries()) {
    checkText(errors, `${path}.readinessGates[${index}].conditionType`, conditionType ?? '', checkQualifiedName)
  }
  const gates = new Set<string>()
  for (const [index, { name }] of (spec.schedulingGates ?? []).entries()) {
    checkText(errors, `${path}.schedulingGates[${index}]`, name ?? '', checkQualifiedName)
    if (gates.has(name)) errors.push(duplicate(`${path}.schedulingGates[${index}]`, name))
    gates.add(name)
  }
  if (spec.topologySpreadConstraints) {
    checkTopologySpread(errors, `${path}.topologySpreadConstraints`, spec.topologySpreadConstraints)
  }
}

const LONGEST_HOSTNAME = 64

function checkNames(errors: Errors, path: string, spec: PodSpec): void {
  const { serviceAccountName, nodeName, activeDeadlineSeconds: deadline, hostname, subdomain } = spec
  if (serviceAccountName) {
    checkText(errors, `${path}.serviceAccountName`, serviceAccountName, checkDns1123Subdomain)
  }
  if (nodeName) checkText(errors, `${path}.nodeName`, nodeName, checkDns1123Subdomain)
  if (deadline !== undefined && (deadline < 1 || deadline > MAX_INT32)) {
    errors.push(invalid(`${path}.activeDeadlineSeconds`, deadline, rangeMessage(1, MAX_INT32)))
  }
  if (hostname) checkText(errors, `${path}.hostname`, hostname, checkDns1123Label)
  if (subdomain) checkText(errors, `${path}.subdomain`, subdomain, checkDns1123Label)
}

function checkHostnameOverride(errors: Errors, path: string, spec: PodSpec): void {
  const override = spec.hostnameOverride
  if (override === undefined) return
  const field = `${path}.hostnameOverride`
  if (spec.setHostnameAsFQDN) errors.push(forbidden(field, 'may not be specified when setHostnameAsFQDN is true'))
  if (spec.hostNetwork) errors.push(forbidden(field, 'may not be specified when hostNetwork is true'))
  if (override.length > LONGEST_HOSTNAME) errors.push(tooLong(field, LONGEST_HOSTNAME))
  checkText(errors, field, override, checkDns1123Subdomain)
}

/** Variables that are read from a file find it in an empty directory (KEP-3721). */
function checkFileVolumes(errors: Errors, path: string, spec: PodSpec): void {
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [index, { env = [] }] of (spec[list] ?? []).entries()) {
      for (const [j, { valueFrom }] of env.entries()) {
        if (!valueFrom?.fileKeyRef) continue
        const name = valueFrom.fileKeyRef.volumeName
        const field = `${path}.${list}[${index}].env[${j}].valueFrom.fileKeyRef.volumeName`
        const volume = spec.volumes?.find(each => each.name === name)
        if (volume === undefined) errors.push(notFound(field, name))
        else if (!volume.emptyDir) errors.push(invalid(field, name, 'referenced volume must be of type emptyDir'))
      }
    }
  }
}

function checkRest(errors: Errors, path: string, spec: PodSpec): void {
  if (spec.tolerations) checkTolerations(errors, `${path}.tolerations`, spec.tolerations)
  if (spec.hostAliases) checkHostAliases(errors, `${path}.hostAliases`, spec.hostAliases)
  if (spec.priorityClassName) {
    checkText(errors, `${path}.priorityClassName`, spec.priorityClassName, checkDns1123Subdomain)
  }
  if (spec.runtimeClassName !== undefined) {
    checkText(errors, `${path}.runtimeClassName`, spec.runtimeClassName, checkDns1123Subdomain)
  }
  if (spec.preemptionPolicy !== undefined) checkPreemption(errors, `${path}.preemptionPolicy`, spec.preemptionPolicy)
  if (spec.overhead) checkResources(errors, `${path}.overhead`, { limits: spec.overhead }, NO_NAMES)
}

const PREEMPTION = ['PreemptLowerPriority', 'Never']

export function checkPreemption(errors: Errors, field: string, policy: string): void {
  if (policy === '') errors.push(required(field))
  else if (!PREEMPTION.includes(policy)) errors.push(notSupported(field, policy, PREEMPTION))
}

/** Answers the names that containers may claim. */
function checkResourceClaims(
  errors: Errors,
  path: string,
  claims: readonly PodResourceClaim[] | undefined,
): ReadonlySet<string> {
  if (claims === undefined) return NO_NAMES
  const names = new Set<string>()
  for (const [index, claim] of claims.entries()) {
    const at = `${path}[${index}]`
    const { name, resourceClaimName: own, resourceClaimTemplateName: template } = claim
    if (!name) errors.push(required(`${at}.name`))
    else if (names.has(name)) errors.push(duplicate(`${at}.name`, name))
    else checkText(errors, `${at}.name`, name, checkDns1123Label)
    if (name) names.add(name)
    if (own !== undefined && template !== undefined) {
      const text = 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified'
      errors.push(invalid(at, goJson('core.v1.PodResourceClaim', claim), text))
    }
    if (own === undefined && template === undefined) {
      const text = 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'
      errors.push(invalid(at, goJson('core.v1.PodResourceClaim', claim), text))
    }
    if (own !== undefined) checkText(errors, `${at}.resourceClaimName`, own, checkDns1123Subdomain)
    if (template !== undefined) checkText(errors, `${at}.resourceClaimTemplateName`, template, checkDns1123Subdomain)
  }
  return names
}

/** On the host's network the host's port is the container's; templates may leave it open. */
function checkHostNetworkPorts(errors: Errors, path: string, spec: PodSpec, isPod: boolean): void {
  for (const [index, { ports = [] }] of (spec.containers ?? []).entries()) {
    for (const [j, { hostPort = 0, containerPort }] of ports.entries()) {
      if (hostPort === containerPort || (!isPod && hostPort === 0)) continue
      const text = 'must match `containerPort` when `hostNetwork` is true'
      errors.push(invalid(`${path}[${index}].ports[${j}].hostPort`, hostPort, text))
    }
  }
}

/** A template in a workload, at `path`. */
export function checkPodTemplate(errors: Errors, path: string, template: PodTemplateSpec): void {
  const { metadata = {}, spec } = template
  checkTemplateMetadata(errors, path, template)
  checkPodSpec(errors, `${path}.spec`, spec)
  checkProfilesAgree(errors, `${path}.spec`, metadata.annotations, spec)
  if ((spec.ephemeralContainers ?? []).length > 0) {
    errors.push(forbidden(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'))
  }
}

/**
 * What is checked of a stateful set's template: its containers mount volumes that only its claims will bring, and upstream
 * leaves the rest to the pods (pkg/apis/apps/validation).
 */
export function checkTemplateMetadata(errors: Errors, path: string, { metadata = {}, spec }: PodTemplateSpec): void {
  if (metadata.labels) push(errors, validateLabels(metadata.labels, `${path}.labels`))
  if (metadata.annotations) push(errors, validateAnnotations(metadata.annotations, `${path}.annotations`))
  checkPodAnnotations(errors, `${path}.annotations`, metadata.annotations, spec)
}
