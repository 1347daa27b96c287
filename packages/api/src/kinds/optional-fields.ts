/** Fields of features that are on in Kubernetes 1.36 and that somebody may turn off (pkg/api/pod/util.go, pkg/registry). */
import type { Deployment, ReplicaSet } from '../generated/apps.v1.ts'
import type { HorizontalPodAutoscaler } from '../generated/autoscaling.v2.ts'
import type { Container, ContainerStatus, Node, Pod, PodSpec } from '../generated/core.v1.ts'
import type { ResourceClaim, ResourceSlice } from '../generated/resource.v1.ts'
import type { Gate } from './disabled-fields.ts'

const containersOf = ({ containers, initContainers, ephemeralContainers }: PodSpec): Container[] =>
  [containers, initContainers, ephemeralContainers as Container[] | undefined].flatMap(each => each ?? [])

const restarts: Gate<PodSpec> = {
  feature: 'ContainerRestartRules',
  uses: ({ containers, initContainers }) =>
    (containers ?? []).some(each => each.restartPolicy !== undefined) || (initContainers ?? []).some(startsItself),
  drop(spec) {
    for (const container of containersOf(spec)) {
      const isSidecar = spec.initContainers?.includes(container) === true && container.restartPolicy === 'Always'
      if (!isSidecar) delete container.restartPolicy
      delete container.restartPolicyRules
    }
  },
}

const startsItself = ({ restartPolicy = 'Always', restartPolicyRules = [] }: Container): boolean =>
  restartPolicy !== 'Always' || restartPolicyRules.length > 0

const envFiles: Gate<PodSpec> = {
  feature: 'EnvFiles',
  uses: spec => containersOf(spec).some(({ env = [] }) => env.some(each => each.valueFrom?.fileKeyRef !== undefined)),
  drop(spec) {
    for (const { env = [] } of containersOf(spec)) for (const { valueFrom } of env) delete valueFrom?.fileKeyRef
  },
}

const hostname: Gate<PodSpec> = {
  feature: 'HostnameOverride',
  uses: spec => spec.hostnameOverride !== undefined,
  drop: spec => void delete spec.hostnameOverride,
}

const podResources: Gate<PodSpec> = {
  feature: 'PodLevelResources',
  uses: ({ resources }) => Object.values(resources ?? {}).some(each => Object.keys(each ?? {}).length > 0),
  drop: spec => void delete spec.resources,
}

const spreadKeys: Gate<PodSpec> = {
  feature: 'MatchLabelKeysInPodTopologySpread',
  uses: ({ topologySpreadConstraints = [] }) =>
    topologySpreadConstraints.some(({ matchLabelKeys = [] }) => matchLabelKeys.length > 0),
  drop({ topologySpreadConstraints = [] }) {
    for (const each of topologySpreadConstraints) delete each.matchLabelKeys
  },
}

/** Of all kinds that have the spec of a pod. */
export const ON_FOR_PODS: readonly Gate<PodSpec>[] = [restarts, envFiles, hostname, podResources, spreadKeys]

const tolerance: Gate<HorizontalPodAutoscaler> = {
  feature: 'HPAConfigurableTolerance',
  uses: ({ spec: { behavior } }) =>
    behavior?.scaleUp?.tolerance !== undefined || behavior?.scaleDown?.tolerance !== undefined,
  drop({ spec: { behavior } }) {
    delete behavior?.scaleUp?.tolerance
    delete behavior?.scaleDown?.tolerance
  },
}

const devicesOf = ({ spec }: ResourceSlice) => spec?.devices ?? []

const partitions: Gate<ResourceSlice> = {
  feature: 'DRAPartitionableDevices',
  uses: slice =>
    slice.spec?.sharedCounters !== undefined ||
    slice.spec?.perDeviceNodeSelection !== undefined ||
    devicesOf(slice).some(each => each.consumesCounters !== undefined),
  drop(slice) {
    delete slice.spec?.sharedCounters
    delete slice.spec?.perDeviceNodeSelection
    for (const each of devicesOf(slice)) {
      delete each.consumesCounters
      delete each.nodeName
      delete each.nodeSelector
      delete each.allNodes
    }
  },
}

const declared: Gate<Node> = {
  feature: 'NodeDeclaredFeatures',
  uses: ({ status }) => status?.declaredFeatures !== undefined,
  drop: ({ status }) => void delete status?.declaredFeatures,
}

/** Of objects, by group and resource. */
export const ON_BY_DEFAULT: Readonly<Record<string, readonly Gate<never>[]>> = {
  '/nodes': [declared],
  'autoscaling/horizontalpodautoscalers': [tolerance],
  'resource.k8s.io/resourceslices': [partitions],
}

const statusesOf = ({ status }: Pod): ContainerStatus[] =>
  [status?.containerStatuses, status?.initContainerStatuses, status?.ephemeralContainerStatuses].flatMap(
    each => each ?? [],
  )

const health: Gate<Pod> = {
  feature: 'ResourceHealthStatus',
  uses: pod => statusesOf(pod).some(each => each.allocatedResourcesStatus !== undefined),
  drop(pod) {
    for (const each of statusesOf(pod)) delete each.allocatedResourcesStatus
  },
}

const healthOf = (pod: Pod) =>
  statusesOf(pod)
    .flatMap(each => each.allocatedResourcesStatus ?? [])
    .flatMap(each => each.resources ?? [])

const healthMessage: Gate<Pod> = {
  feature: 'ResourceHealthStatusMessage',
  uses: pod => healthOf(pod).some(each => each.message !== undefined),
  drop(pod) {
    for (const each of healthOf(pod)) delete each.message
  },
}

const grantedToPod: Gate<Pod> = {
  feature: 'InPlacePodLevelResourcesVerticalScaling',
  uses: ({ status }) => status?.resources !== undefined || status?.allocatedResources !== undefined,
  drop({ status }) {
    delete status?.resources
    delete status?.allocatedResources
  },
}

const terminating: Gate<Deployment | ReplicaSet> = {
  feature: 'DeploymentReplicaSetTerminatingReplicas',
  uses: ({ status }) => status?.terminatingReplicas !== undefined,
  drop: ({ status }) => void delete status?.terminatingReplicas,
}

const devicesOfClaim: Gate<ResourceClaim> = {
  feature: 'DRAResourceClaimDeviceStatus',
  uses: ({ status }) => status?.devices !== undefined,
  drop: ({ status }) => void delete status?.devices,
}

/** Of their status. */
export const ON_FOR_STATUS: Readonly<Record<string, readonly Gate<never>[]>> = {
  '/pods': [health, healthMessage, grantedToPod],
  '/nodes': [declared],
  'apps/deployments': [terminating],
  'apps/replicasets': [terminating],
  'resource.k8s.io/resourceclaims': [devicesOfClaim],
}

/** The features of the fields above. */
export const FIELD_FEATURES: readonly string[] = [
  ...ON_FOR_PODS,
  ...Object.values(ON_BY_DEFAULT).flat(),
  ...Object.values(ON_FOR_STATUS).flat(),
].map(({ feature }) => feature)
