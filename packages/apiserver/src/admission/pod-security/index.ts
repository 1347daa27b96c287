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
import { internalError, type ResourceType } from '@canopus/apimachinery'
import type { AdmissionAttributes, AdmissionPlugin } from '../../security.ts'
import { type AdmissionContext, podOf, refusal } from '../shared.ts'
import type { PodLike } from './check.ts'
import { detailsText, violationsOf } from './evaluate.ts'
import { admitNamespace } from './namespaces.ts'
import { isSamePolicy, levelVersionText, type Policy, policyOf } from './policy.ts'

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

/**
 * Holds pods to the pod security standards that their namespace asks for with labels (k8s.io/pod-security-admission).
 * Namespaces without labels ask for nothing. Workloads are only warned about: their pods are refused when they come.
 */
export function podSecurity(context: AdmissionContext): AdmissionPlugin {
  const { objects } = context
  function judge(attributes: AdmissionAttributes, namespace: Namespace | undefined): void {
    if (attributes.type.plural === Pods.plural) admitPod(attributes, namespace)
    else warnOfWorkload(attributes, namespace)
  }
  return {
    name: 'PodSecurity',
    operations: ['CREATE', 'UPDATE'],
    // Other subresources of pods cannot bring in a container or an image.
    resources: [NAMESPACES, PODS, `${PODS}/ephemeralcontainers`, `${PODS}/resize`, ...WORKLOADS],
    validate(attributes) {
      if (addressOf(attributes.type) === NAMESPACES) return admitNamespace(context, attributes)
      const cached = objects.get(Namespaces, attributes.namespace)
      if (cached !== undefined) return judge(attributes, cached)
      return objects.getFresh(Namespaces, attributes.namespace).then(fresh => judge(attributes, fresh))
    },
  }
}

function admitPod(attributes: AdmissionAttributes, namespace: Namespace | undefined): void {
  if (namespace === undefined) {
    throw internalError(`failed to lookup namespace ${JSON.stringify(attributes.namespace)}`)
  }
  const { policy } = policyOf(namespace.metadata.labels)
  const pod = podOf(attributes)
  if (attributes.operation === 'UPDATE' && !isSignificant(pod, attributes.oldObject as Pod)) return
  const violations = violationsOf(pod, policy.enforce)
  if (violations.length > 0) {
    const wanted = JSON.stringify(levelVersionText(policy.enforce))
    throw refusal(attributes, `violates PodSecurity ${wanted}: ${detailsText(violations)}`)
  }
  // What holds for the same policy was just found to hold.
  if (!isSamePolicy(policy.enforce, policy.warn)) warn(attributes, pod, policy)
}

function warnOfWorkload(attributes: AdmissionAttributes, namespace: Namespace | undefined): void {
  if (namespace === undefined) return
  const template = templateOf(attributes)
  if (template !== undefined) warn(attributes, template, policyOf(namespace.metadata.labels).policy)
}

function warn(attributes: AdmissionAttributes, pod: PodLike, policy: Policy): void {
  const violations = violationsOf(pod, policy.warn)
  if (violations.length === 0) return
  const wanted = JSON.stringify(levelVersionText(policy.warn))
  attributes.warn(`would violate PodSecurity ${wanted}: ${detailsText(violations)}`)
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
