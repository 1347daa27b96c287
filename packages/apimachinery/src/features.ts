/**
 * Features that pure code asks for deep inside, such as how strict a check is. Whoever runs it for a server with other features than
 * usual says so around the call (`underFeatures`); nobody else pays for that.
 */

/** Those of Kubernetes 1.36 that are off by default; any other is on. */
const OFF: ReadonlySet<string> = new Set([
  'ContainerStopSignals',
  'CrossNamespaceVolumeDataSource',
  'DRAListTypeAttributes',
  'DRANodeAllocatableResources',
  'GenericWorkload',
  'HPAScaleToZero',
  'ImageVolumeWithDigest',
  'ClusterTrustBundleProjection',
  'CoordinatedLeaderElection',
  'MaxUnavailableStatefulSet',
  'MutablePVNodeAffinity',
  'PodCertificateRequest',
  'TaintTolerationComparisonOperators',
  'UserNamespacesHostNetworkSupport',
  'VolumeLimitScaling',
])

type Enabled = (feature: string) => boolean

let inForce: Enabled | undefined

/** Whether the feature is on for what runs now. */
export function isFeatureOn(feature: string): boolean {
  return inForce === undefined ? !OFF.has(feature) : inForce(feature)
}

/** Runs `work`, which must not wait for anything, under other features. */
export function underFeatures<T>(enabled: Enabled, work: () => T): T {
  const before = inForce
  inForce = enabled
  try {
    return work()
  } finally {
    inForce = before
  }
}
