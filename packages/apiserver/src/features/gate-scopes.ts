/** Which component asks for a feature: the others take its gate, and nothing comes of it (upstream's sources of 1.36, `Enabled(`). */

export type GateComponent = 'apiserver' | 'controller-manager' | 'kubelet' | 'proxy' | 'scheduler'

const ASKED_BY: readonly (readonly [component: GateComponent, names: string])[] = [
  [
    'apiserver',
    `
    APIResponseCompression APIServerIdentity AllowParsingUserUIDFromCertAuth
    AuthorizePodWebsocketUpgradeCreatePermission ClearingNominatedNodeNameAfterBinding ConstrainedImpersonation
    CrossNamespaceVolumeDataSource MutablePVNodeAffinity MutablePodResourcesForSuspendedJobs OpenAPIEnums
    RelaxedServiceNameValidation StorageVersionHash StrictIPCIDRValidation TokenRequestServiceAccountUIDValidation
    UserNamespacesHostNetworkSupport WatchCacheInitializationPostStartHook
    `,
  ],
  ['proxy', 'AllowServiceExternalIPs'],
  [
    'kubelet',
    `
    AllowDNSOnlyNodeCSR CSIVolumeHealth CPUManagerPolicyAlphaOptions CPUManagerPolicyBetaOptions CRIListStreaming
    ChangeContainerStatusOnKubeletRestart ContainerCheckpoint DisableCPUQuotaWithExclusiveCPUs EventedPLEG
    GracefulNodeShutdown GracefulNodeShutdownBasedOnPodPriority InPlacePodVerticalScalingExclusiveCPUs
    InPlacePodVerticalScalingExclusiveMemory KubeletCrashLoopBackOffMax KubeletEnsureSecretPulledImages
    KubeletInUserNamespace KubeletPodResourcesListUseActivePods KubeletRegistrationGetOnExistsOnly
    KubeletSeparateDiskGC LocalStorageCapacityIsolationFSQuotaMonitoring MemoryQoS PLEGOnDemandRelist
    PodAndContainerStatsFromCRI PodLevelResourceManagers PodReadyToStartContainersCondition PodsAPI
    PreventStaticPodAPIReferences QOSReserved ReduceDefaultCrashLoopBackOffDecay ReloadKubeletClientCAFile
    ReloadKubeletServerCertificateFile RotateKubeletServerCertificate TopologyManagerPolicyAlphaOptions
    TopologyManagerPolicyBetaOptions WindowsCPUAndMemoryAffinity WindowsGracefulNodeShutdown
    `,
  ],
  [
    'scheduler',
    `
    DRASchedulerFilterTimeout NominatedNodeNameForExpectation OpportunisticBatching SchedulerAsyncAPICalls
    SchedulerAsyncPreemption StorageCapacityScoring
    `,
  ],
  [
    'controller-manager',
    `
    PersistentVolumeClaimUnusedSinceTime CloudControllerManagerWatchBasedRoutesReconciliation ControllerManagerReleaseLeaderElectionLockOnExit
    StaleControllerConsistencyDaemonSet StaleControllerConsistencyJob StaleControllerConsistencyReplicaSet
    StaleControllerConsistencyStatefulSet StatefulSetSemanticRevisionComparison
    `,
  ],
]

const ASKER: ReadonlyMap<string, GateComponent> = new Map(
  ASKED_BY.flatMap(([component, names]) => wordsOf(names).map(name => [name, component] as const)),
)

/**
 * How upstream's programs go about what looks the same from outside, such as caches and queues in Go's libraries; what only their
 * clients and logs ask for, or nobody any more.
 */
const INSIDE: ReadonlySet<string> = new Set(
  wordsOf(`
    APIServingWithRoutine AtomicFIFO ClientsAllowCARotation ClientsAllowCBOR ClientsAllowTLSCacheGC ClientsPreferCBOR
    CloudControllerManagerWebhook ConcurrentWatchObjectDecode ContextualLogging CustomCPUCFSQuotaPeriod
    DeclarativeValidationBeta DeclarativeValidationTakeover InOrderInformersBatchProcess InformerResourceVersion
    ListFromCacheSnapshot LoggingAlphaOptions LoggingBetaOptions NativeHistograms RuntimeClassInImageCriApi
    SizeBasedListCostEstimate StorageNamespaceIndex UnlockWhileProcessingFIFO WatchListClient WindowsHostNetwork
  `),
)

/** What must be on with a feature (pkg/features: defaultKubernetesFeatureGateDependencies), among those of which something can be turned off. */
export const NEEDS: ReadonlyMap<string, readonly string[]> = new Map([
  ['ClusterTrustBundleProjection', ['ClusterTrustBundle']],
  ['DRADeviceBindingConditions', ['DRAResourceClaimDeviceStatus']],
  ['DRADeviceTaintRules', ['DRADeviceTaints']],
  ['DRAResourceClaimGranularStatusAuthorization', ['DRAResourceClaimDeviceStatus']],
  ['DRAWorkloadResourceClaims', ['GenericWorkload']],
  ['ExtendWebSocketsToKubelet', ['NodeDeclaredFeatures']],
  ['GangScheduling', ['GenericWorkload']],
  ['GracefulNodeShutdownBasedOnPodPriority', ['GracefulNodeShutdown']],
  ['InPlacePodLevelResourcesVerticalScaling', ['PodLevelResources', 'NodeDeclaredFeatures']],
  ['InPlacePodVerticalScalingInitContainers', ['NodeDeclaredFeatures']],
  ['MatchLabelKeysInPodTopologySpreadSelectorMerge', ['MatchLabelKeysInPodTopologySpread']],
  ['ResourceHealthStatusMessage', ['ResourceHealthStatus']],
  ['RestartAllContainersOnContainerExits', ['ContainerRestartRules', 'NodeDeclaredFeatures']],
  ['StaleControllerConsistencyDaemonSet', ['AtomicFIFO']],
  ['StaleControllerConsistencyJob', ['AtomicFIFO']],
  ['StaleControllerConsistencyReplicaSet', ['AtomicFIFO']],
  ['StaleControllerConsistencyStatefulSet', ['AtomicFIFO']],
  ['StorageVersionAPI', ['APIServerIdentity']],
  ['TopologyAwareWorkloadScheduling', ['GenericWorkload']],
  ['UnknownVersionInteroperabilityProxy', ['APIServerIdentity']],
  ['UserNamespacesHostNetworkSupport', ['NodeDeclaredFeatures']],
  ['WindowsGracefulNodeShutdown', ['GracefulNodeShutdown']],
  ['WorkloadAwarePreemption', ['GangScheduling']],
  ['WorkloadWithJob', ['GenericWorkload']],
])

/** Whether a component may be told anything about this feature, since nobody sees a difference by it. */
export function isOfOthers(name: string, component: GateComponent | undefined): boolean {
  if (INSIDE.has(name)) return true
  const asker = ASKER.get(name)
  return component !== undefined && asker !== undefined && asker !== component
}

function wordsOf(names: string): string[] {
  return names.trim().split(/\s+/)
}
