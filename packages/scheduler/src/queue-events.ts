import { deepEqual } from '@canopus/apimachinery'
import type { ClusterChange, ClusterEvent } from './framework.ts'

/** What brings a pod into a queue besides changes in the cluster, by upstream's names (pkg/scheduler/framework/events.go). */
export type QueueEvent =
  | 'UnschedulablePodAdd'
  | 'UnschedulablePodUpdate'
  | 'ScheduleAttemptFailure'
  | 'BackoffComplete'
  | 'PopFromBackoffQ'
  | 'ForceActivate'
  | 'UnschedulableTimeout'

/** Upstream's names where they differ; of the others, what comes before `Add`, `Update` and `Delete`. */
const LABELS: Partial<Record<ClusterEvent, string>> = {
  NodeAllocatable: 'NodeUpdateNodeAllocatable',
  NodeLabel: 'NodeUpdateNodeLabel',
  NodeTaint: 'NodeUpdateNodeTaint',
  NodeCondition: 'NodeUpdateNodeCondition',
  NodeFeatures: 'NodeUpdateNodeDeclaredFeature',
  PodUpdate: 'UnschedulablePodUpdate',
  VolumeAttachmentDelete: 'storage.k8s.io/VolumeAttachmentDelete',
}
const RESOURCES: Partial<Record<ClusterEvent, string>> = {
  PersistentVolume: 'PersistentVolume',
  PersistentVolumeClaim: 'PersistentVolumeClaim',
  StorageClass: 'storage.k8s.io/StorageClass',
  CSINode: 'storage.k8s.io/CSINode',
  CSIDriver: 'storage.k8s.io/CSIDriver',
  CSIStorageCapacity: 'storage.k8s.io/CSIStorageCapacity',
  ResourceClaim: 'resource.k8s.io/ResourceClaim',
  ResourceSlice: 'resource.k8s.io/ResourceSlice',
  DeviceClass: 'resource.k8s.io/DeviceClass',
}

/** The change by upstream's name, as metrics call it. */
export function eventLabel(change: ClusterChange): string {
  const { event, object, oldObject } = change
  if (event === 'AssignedPodUpdate') return `AssignedPod${podUpdate(change)}`
  const resource = RESOURCES[event]
  if (resource === undefined) return LABELS[event] ?? event
  return `${resource}${object === undefined ? 'Delete' : oldObject === undefined ? 'Add' : 'Update'}`
}

function podUpdate({ pod, oldPod }: ClusterChange): string {
  if (pod === undefined || oldPod === undefined) return 'Update'
  if (!deepEqual(pod.labels, oldPod.labels)) return 'UpdatePodLabel'
  const isLess = Object.entries(oldPod.requests).some(([name, amount]) => (pod.requests[name] ?? 0) < amount)
  return isLess ? 'UpdatePodScaleDown' : 'Update'
}
