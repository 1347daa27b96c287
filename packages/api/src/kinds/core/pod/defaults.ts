/**
 * Defaults of pods and of pod templates (pkg/apis/core/v1/defaults.go). Templates get what `defaultPodSpec` does; only real
 * pods get what `defaultPod` adds.
 */
import { formatQuantity } from '@canopus/apimachinery'
import type {
  Container,
  EnvVar,
  EphemeralContainer,
  Pod,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
} from '../../../generated/core.v1.ts'
import { defaultLifecycle, defaultProbe } from './defaults-probe.ts'
import { defaultVolume } from './defaults-volume.ts'
import { pullPolicyOf } from './image.ts'
import { aggregateContainers, isPodLevelResource } from './resources.ts'

export function defaultPod(pod: Pod): void {
  pod.spec ??= {} as PodSpec
  const { spec } = pod
  defaultPodSpec(spec)
  dropOldAnnotations(pod.metadata)
  // Of pods alone, not of templates.
  if (spec.terminationGracePeriodSeconds! < 0) spec.terminationGracePeriodSeconds = 1
  for (const container of spec.containers ?? []) defaultPodContainer(container, spec.hostNetwork === true)
  for (const container of spec.initContainers ?? []) defaultPodContainer(container, spec.hostNetwork === true)
  if (spec.resources !== undefined) {
    defaultHugePageLimits(spec)
    defaultPodRequests(spec)
  }
  spec.enableServiceLinks ??= true
  if (pod.status !== undefined) pairAddresses(pod.status)
}

/** `podIP` is the first of its list; the single one counts where they disagree (conversion.go). */
function pairAddresses(status: PodStatus): void {
  const first = status.podIPs?.[0]?.ip
  if (status.podIP && first !== status.podIP) status.podIPs = [{ ip: status.podIP }]
  else if (!status.podIP && first) status.podIP = first
}

/** Annotations that once stood for init containers; nobody is to take them for such (pkg/apis/core/v1/conversion.go). */
const OLD_ANNOTATIONS = ['beta', 'alpha'].flatMap(stage => [
  `pod.${stage}.kubernetes.io/init-containers`,
  `pod.${stage}.kubernetes.io/init-container-statuses`,
])

function dropOldAnnotations(metadata: { annotations?: Record<string, string> }): void {
  const { annotations } = metadata
  if (annotations === undefined || !OLD_ANNOTATIONS.some(key => Object.hasOwn(annotations, key))) return
  const left = Object.entries(annotations).filter(([key]) => !OLD_ANNOTATIONS.includes(key))
  metadata.annotations = Object.fromEntries(left)
}

/** Requests are limits where only limits are given; ports of the host's network are the host's. */
function defaultPodContainer(container: Container, hostNetwork: boolean): void {
  const resources = container.resources!
  const { limits } = resources
  if (limits !== undefined && limits !== null) {
    if (lacks(resources.requests, limits)) resources.requests = { ...limits, ...resources.requests }
    if (resources.requests && Object.keys(resources.requests).length === 0) delete resources.requests
  }
  if (hostNetwork) for (const port of container.ports ?? []) port.hostPort ||= port.containerPort
}

/** Whether a name of the other is missing. What has all is left alone: it may be a stored one, which is shared. */
function lacks(amounts: object | undefined, others: object): boolean {
  for (const name in others) if (amounts === undefined || !Object.hasOwn(amounts, name)) return true
  return false
}

const isHugePage = (name: string): boolean => name.startsWith('hugepages-')
const isAny = (amounts: object | undefined): boolean => Object.keys(amounts ?? {}).length > 0

/** Limits of the whole pod for huge pages: what its containers may take together. */
function defaultHugePageLimits(spec: PodSpec): void {
  const resources = spec.resources!
  if (!isAny(resources.limits) && !isAny(resources.requests)) return
  const limits = { ...resources.limits }
  for (const [name, amount] of aggregateContainers(spec, 'limits')) {
    if (isHugePage(name) && resources.requests?.[name] === undefined) limits[name] ??= formatQuantity(amount)
  }
  if (lacks(resources.limits, limits)) resources.limits = limits
}

/** Requests of the whole pod: what its containers take together, else its own limits (KEP-2837). */
function defaultPodRequests(spec: PodSpec): void {
  const { resources } = spec
  if (resources?.limits === undefined || Object.keys(resources.limits).length === 0) return
  const requests = { ...resources.requests }
  for (const [name, amount] of aggregateContainers(spec, 'requests')) {
    if (isPodLevelResource(name) && !isHugePage(name)) requests[name] ??= formatQuantity(amount)
  }
  for (const name in resources.limits) if (isPodLevelResource(name)) requests[name] ??= resources.limits[name]!
  if (lacks(resources.requests, requests)) resources.requests = requests
}

/** Defaults that templates get too. Changes `spec` in place. */
export function defaultPodSpec(spec: PodSpec): void {
  spec.restartPolicy ||= 'Always'
  spec.dnsPolicy ||= 'ClusterFirst'
  spec.schedulerName ||= 'default-scheduler'
  spec.terminationGracePeriodSeconds ??= 30
  spec.securityContext ??= {}
  defaultServiceAccount(spec)
  for (const volume of spec.volumes ?? []) defaultVolume(volume)
  for (const container of spec.initContainers ?? []) defaultContainer(container)
  for (const container of spec.containers ?? []) defaultContainer(container)
  for (const container of spec.ephemeralContainers ?? []) defaultContainer(container)
}

/** `serviceAccount` is the older name of `serviceAccountName`; both are kept the same. */
export function defaultServiceAccount(spec: PodSpec): void {
  const name = spec.serviceAccountName || spec.serviceAccount
  if (!name) return
  // Written only where it differs: the server's own changes leave the stored spec in place, which is shared.
  if (spec.serviceAccountName !== name) spec.serviceAccountName = name
  if (spec.serviceAccount !== name) spec.serviceAccount = name
}

/** Defaults of a template in a workload. */
export function defaultPodTemplate(template: PodTemplateSpec | undefined): void {
  if (template === undefined || template === null) return
  template.metadata ??= {}
  dropOldAnnotations(template.metadata)
  template.spec ??= {} as PodSpec
  defaultPodSpec(template.spec)
}

export function defaultContainer(container: Container | EphemeralContainer): void {
  container.terminationMessagePath ||= '/dev/termination-log'
  container.terminationMessagePolicy ||= 'File'
  container.imagePullPolicy ||= pullPolicyOf(container.image ?? '')
  container.resources ??= {}
  for (const port of container.ports ?? []) port.protocol ||= 'TCP'
  for (const variable of container.env ?? []) defaultEnv(variable)
  if (container.livenessProbe) defaultProbe(container.livenessProbe)
  if (container.readinessProbe) defaultProbe(container.readinessProbe)
  if (container.startupProbe) defaultProbe(container.startupProbe)
  if (container.lifecycle) defaultLifecycle(container.lifecycle)
}

function defaultEnv({ valueFrom }: EnvVar): void {
  if (valueFrom === undefined || valueFrom === null) return
  if (valueFrom.fieldRef) valueFrom.fieldRef.apiVersion ||= 'v1'
  if (valueFrom.resourceFieldRef) valueFrom.resourceFieldRef.divisor ??= '0'
  if (valueFrom.fileKeyRef) valueFrom.fileKeyRef.optional ??= false
}
