/** Where groups and versions stand in discovery (upstream cmd/kube-apiserver/app/aggregator.go and pkg/controlplane/apiserver/aggregator.go). */

export interface Priority {
  /** Of groups the highest comes first. */
  readonly group: number
  /** Of a group's versions the highest comes first. */
  readonly version: number
}

/** Group versions that the server brings along, with the priorities that clients see in their APIServices. */
const BUILT_IN: Readonly<Record<string, Priority>> = {
  '/v1': { group: 18000, version: 1 },
  'apps/v1': { group: 17800, version: 15 },
  'events.k8s.io/v1': { group: 17750, version: 15 },
  'authentication.k8s.io/v1': { group: 17700, version: 15 },
  'authorization.k8s.io/v1': { group: 17600, version: 15 },
  'autoscaling/v1': { group: 17500, version: 15 },
  'autoscaling/v2': { group: 17500, version: 30 },
  'batch/v1': { group: 17400, version: 15 },
  'certificates.k8s.io/v1': { group: 17300, version: 15 },
  'certificates.k8s.io/v1beta1': { group: 17300, version: 9 },
  'certificates.k8s.io/v1alpha1': { group: 17300, version: 1 },
  'networking.k8s.io/v1': { group: 17200, version: 15 },
  'networking.k8s.io/v1beta1': { group: 17200, version: 9 },
  'policy/v1': { group: 17100, version: 15 },
  'rbac.authorization.k8s.io/v1': { group: 17000, version: 15 },
  'storage.k8s.io/v1': { group: 16800, version: 15 },
  'storage.k8s.io/v1beta1': { group: 16800, version: 9 },
  'apiextensions.k8s.io/v1': { group: 16700, version: 15 },
  'admissionregistration.k8s.io/v1': { group: 16700, version: 15 },
  'admissionregistration.k8s.io/v1beta1': { group: 16700, version: 12 },
  'admissionregistration.k8s.io/v1alpha1': { group: 16700, version: 9 },
  'scheduling.k8s.io/v1': { group: 16600, version: 15 },
  'coordination.k8s.io/v1': { group: 16500, version: 15 },
  'coordination.k8s.io/v1beta1': { group: 16500, version: 13 },
  'node.k8s.io/v1': { group: 16300, version: 15 },
  'discovery.k8s.io/v1': { group: 16200, version: 15 },
  'resource.k8s.io/v1': { group: 16200, version: 21 },
  'resource.k8s.io/v1beta2': { group: 16200, version: 15 },
  'resource.k8s.io/v1beta1': { group: 16200, version: 9 },
  'flowcontrol.apiserver.k8s.io/v1': { group: 16100, version: 21 },
  'internal.apiserver.k8s.io/v1alpha1': { group: 16000, version: 9 },
  'storagemigration.k8s.io/v1beta1': { group: 15800, version: 9 },
}

/** Of group versions that a CustomResourceDefinition serves. */
export const CUSTOM_PRIORITY: Priority = { group: 1000, version: 100 }

/** The group that serves APIServices stands before all others and has none of its own. */
export const REGISTRATION_GROUP = 'apiregistration.k8s.io'
const REGISTRATION_PRIORITY: Priority = { group: 20000, version: 0 }

/** What this server gives a built-in group version; `undefined` for any other. */
export function builtInPriority(group: string, version: string): Priority | undefined {
  return BUILT_IN[`${group}/${version}`]
}

/** The place of a group version that this server serves itself. */
export function localPriority(group: string, version: string): Priority {
  if (group === REGISTRATION_GROUP) return REGISTRATION_PRIORITY
  return builtInPriority(group, version) ?? CUSTOM_PRIORITY
}
