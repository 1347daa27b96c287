import {
  CronJobs,
  DaemonSets,
  Deployments,
  Jobs,
  Namespaces,
  Pods,
  PodTemplates,
  ReplicaSets,
  ReplicationControllers,
  StatefulSets,
} from '@canopus/api'
import type { CronJob } from '@canopus/api/batch/v1'
import type { Namespace, Pod, PodTemplate } from '@canopus/api/core/v1'
import { aggregateText, type FieldError, fieldErrorText, internalError, type ResourceType } from '@canopus/apimachinery'
import type { AdmissionAttributes, AdmissionPlugin } from '../../security.ts'
import { DEFAULT_POD_SECURITY, type PodSecurityConfiguration } from '../configuration/pod-security.ts'
import { type AdmissionContext, podOf, refusal } from '../shared.ts'
import type { PodLike } from './check.ts'
import { detailsText, violationsOf } from './evaluate.ts'
import { PodSecurityMetrics } from './metrics.ts'
import { admitNamespace } from './namespaces.ts'
import {
  isFullyPrivileged,
  isSamePolicy,
  type LevelVersion,
  levelVersionText,
  type Policy,
  policyOf,
} from './policy.ts'

const addressOf = ({ group, plural }: ResourceType): string => `${group}/${plural}`

const PODS = addressOf(Pods)
const NAMESPACES = addressOf(Namespaces)
const WORKLOADS = [
  ReplicationControllers,
  PodTemplates,
  ReplicaSets,
  Deployments,
  StatefulSets,
  DaemonSets,
  Jobs,
  CronJobs,
].map(addressOf)

const ANNOTATION = 'pod-security.kubernetes.io/'

/**
 * Holds pods to the pod security standards that their namespace asks for with labels, or the configuration for those without
 * (k8s.io/pod-security-admission). Workloads are only warned about: their pods are refused when they come.
 */
export function podSecurity(context: AdmissionContext): AdmissionPlugin {
  const { objects } = context
  const configuration = context.configuration?.podSecurity ?? DEFAULT_POD_SECURITY
  const { usernames, namespaces } = configuration.exemptions
  const shell: Shell = { configuration, metrics: new PodSecurityMetrics(context.metrics) }
  function judge(attributes: AdmissionAttributes, namespace: Namespace | undefined): void {
    if (attributes.type.plural === Pods.plural) admitPod(attributes, namespace, shell)
    else judgeWorkload(attributes, namespace, shell)
  }
  return {
    name: 'PodSecurity',
    operations: ['CREATE', 'UPDATE'],
    // Other subresources of pods cannot bring in a container or an image.
    resources: [NAMESPACES, PODS, `${PODS}/ephemeralcontainers`, `${PODS}/resize`, ...WORKLOADS],
    validate(attributes) {
      if (addressOf(attributes.type) === NAMESPACES) return admitNamespace(context, attributes, configuration)
      if (namespaces.has(attributes.namespace)) return exempt(attributes, 'namespace', shell)
      if (usernames.has(attributes.user.name)) return exempt(attributes, 'user', shell)
      const cached = objects.get(Namespaces, attributes.namespace)
      if (cached !== undefined) return judge(attributes, cached)
      return objects.getFresh(Namespaces, attributes.namespace).then(fresh => judge(attributes, fresh))
    },
  }
}

interface Shell {
  readonly configuration: PodSecurityConfiguration
  readonly metrics: PodSecurityMetrics
}

function exempt(attributes: AdmissionAttributes, by: string, { metrics }: Shell): void {
  attributes.annotate(`${ANNOTATION}exempt`, by)
  metrics.exempted(attributes)
}

function admitPod(attributes: AdmissionAttributes, namespace: Namespace | undefined, shell: Shell): void {
  if (namespace === undefined) {
    shell.metrics.failed(true, attributes)
    throw internalError(`failed to lookup namespace ${JSON.stringify(attributes.namespace)}`)
  }
  const { policy, errors } = policyOf(namespace.metadata.labels, shell.configuration.defaults)
  if (errors.length === 0 && isFullyPrivileged(policy)) {
    shell.metrics.evaluated('allow', 'enforce', policy.enforce, attributes)
    attributes.annotate(`${ANNOTATION}enforce-policy`, PRIVILEGED_LATEST)
    return
  }
  const pod = podOf(attributes)
  if (attributes.operation === 'UPDATE' && !isSignificant(pod, attributes.oldObject as Pod)) return
  evaluate(attributes, pod, { policy, errors, enforces: true }, shell)
}

const PRIVILEGED_LATEST = 'privileged:latest'

function judgeWorkload(attributes: AdmissionAttributes, namespace: Namespace | undefined, shell: Shell): void {
  if (namespace === undefined) {
    const name = JSON.stringify(attributes.namespace)
    shell.metrics.failed(true, attributes)
    attributes.annotate(`${ANNOTATION}error`, `failed to lookup namespace ${name}: namespaces ${name} not found`)
    return
  }
  const found = policyOf(namespace.metadata.labels, shell.configuration.defaults)
  const { policy, errors } = found
  if (errors.length === 0 && policy.warn.level === 'privileged' && policy.audit.level === 'privileged') return
  const template = templateOf(attributes)
  if (template !== undefined) evaluate(attributes, template, { ...found, enforces: false }, shell)
}

interface Standard {
  readonly policy: Policy
  /** What is wrong with the labels of the namespace. */
  readonly errors: readonly FieldError[]
  readonly enforces: boolean
}

/** Refuses, warns and notes for the audit log. Throws StatusError. */
function evaluate(
  attributes: AdmissionAttributes,
  pod: PodLike,
  { policy, errors, enforces }: Standard,
  shell: Shell,
): void {
  const { configuration, metrics } = shell
  if (configuration.exemptions.runtimeClasses.has(pod.spec?.runtimeClassName ?? '')) {
    exempt(attributes, 'runtimeClass', shell)
    return
  }
  const { enforce, audit, warn } = policy
  if (errors.length > 0) {
    metrics.failed(false, attributes)
    attributes.annotate(`${ANNOTATION}error`, `Failed to parse policy: ${aggregateText(errors.map(fieldErrorText))}`)
  }
  if (enforces) attributes.annotate(`${ANNOTATION}enforce-policy`, levelVersionText(enforce))
  const found = enforces ? textOfViolations(pod, enforce) : undefined
  if (enforces) metrics.evaluated(found === undefined ? 'allow' : 'deny', 'enforce', enforce, attributes)
  const again = (other: LevelVersion): string | undefined =>
    enforces && isSamePolicy(enforce, other) ? found : textOfViolations(pod, other)
  const audited = again(audit)
  if (audited !== undefined) {
    attributes.annotate(`${ANNOTATION}audit-violations`, `would violate ${audited}`)
    metrics.evaluated('deny', 'audit', audit, attributes)
  }
  if (found !== undefined) throw refusal(attributes, `violates ${found}`)
  const warned = isSamePolicy(audit, warn) ? audited : again(warn)
  if (warned === undefined) return
  attributes.warn(`would violate ${warned}`)
  metrics.evaluated('deny', 'warn', warn, attributes)
}

/** What a pod has against a policy, in words; nothing where it keeps to it. */
function textOfViolations(pod: PodLike, policy: LevelVersion): string | undefined {
  const violations = violationsOf(pod, policy)
  if (violations.length === 0) return undefined
  return `PodSecurity ${JSON.stringify(levelVersionText(policy))}: ${detailsText(violations)}`
}

function templateOf({ object, type }: AdmissionAttributes): PodLike | undefined {
  if (type.plural === CronJobs.plural) return (object as CronJob).spec?.jobTemplate?.spec?.template
  if (type.plural === PodTemplates.plural) return (object as PodTemplate).template
  return (object as unknown as { spec?: { template?: PodLike } }).spec?.template
}

/** Of what may change in a pod, only images and ephemeral containers concern its security. */
function isSignificant(pod: Pod, old: Pod): boolean {
  const lists = ['containers', 'initContainers'] as const
  const isReplaced = lists.some(list => {
    const now = pod.spec?.[list] ?? []
    const before = old.spec?.[list] ?? []
    return now.length !== before.length || now.some((container, index) => container.image !== before[index]?.image)
  })
  if (isReplaced) return true
  const before = new Map((old.spec?.ephemeralContainers ?? []).map(each => [each.name, each.image]))
  return (pod.spec?.ephemeralContainers ?? []).some(
    each => !before.has(each.name) || before.get(each.name) !== each.image,
  )
}
