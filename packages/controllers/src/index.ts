export { type AutoscalerOptions, createHorizontalPodAutoscaler } from './autoscaler/controller.ts'
export { type CsrApproverOptions, createCsrApprover } from './certificates/approver.ts'
export { createCsrCleaner } from './certificates/cleaner.ts'
export type { CsrSigner } from './certificates/csr-signer.ts'
export { createCsrSigningController } from './certificates/signer.ts'
export { createLocalCloud, type LocalCloudOptions } from './cloud/local-load-balancers.ts'
export type { CloudProvider, InstanceMetadata, Instances, LoadBalancers, Route, Routes } from './cloud/provider.ts'
export { createClusterRoleAggregationController } from './cluster-role-aggregation.ts'
export {
  type ControllersOptions,
  controllerNames,
  createControllers,
  defaultControllerNames,
  isControllerName,
  selectControllers,
  withPresentName,
} from './create-controllers.ts'
export { createCronJobController } from './cron-job/controller.ts'
export { createDaemonSetController } from './daemon-set/controller.ts'
export { createDeploymentController } from './deployment/controller.ts'
export { createDisruptionController } from './disruption.ts'
export { createEndpointsController } from './endpoints/endpoints-controller.ts'
export { createEndpointSliceMirroringController } from './endpoints/mirroring-controller.ts'
export { createEndpointSliceController, type EndpointSliceOptions } from './endpoints/slices-controller.ts'
export { createGarbageCollector } from './garbage-collector/controller.ts'
export { createJobController } from './job/controller.ts'
export { createTtlAfterFinishedController } from './job/ttl.ts'
export { createLegacyTokenCleaner } from './legacy-token-cleaner.ts'
export { createNamespaceController } from './namespace.ts'
export { createNodeIpamController, type NodeIpamOptions } from './node/ipam.ts'
export { createNodeLifecycleController, type NodeLifecycleOptions } from './node/lifecycle.ts'
export { createTaintEvictionController } from './node/taint-eviction.ts'
export { createTtlController } from './node/ttl.ts'
export { createPodGarbageCollector, type PodGcOptions } from './pod-gc.ts'
export { createPolicyStatusController, type PolicyChecker } from './policy-status.ts'
export { createReplicaSetController, createReplicationController } from './replica-set.ts'
export { createResourceClaimController } from './resource-claim/controller.ts'
export { createDeviceTaintEvictionController } from './resource-claim/device-taint-eviction.ts'
export { createResourceQuotaController } from './resource-quota.ts'
export { createRootCaPublisher, type RootCaOptions } from './root-ca-publisher.ts'
export { createServiceAccountController } from './service-account.ts'
export { createServiceAccountTokenController } from './service-account-tokens.ts'
export { createStatefulSetController } from './stateful-set/controller.ts'
export { createTokenCleaner } from './token-cleaner.ts'
export { createPersistentVolumeBinder } from './volume/binder/controller.ts'
export { createEphemeralVolumeController } from './volume/ephemeral.ts'
export { LOCAL_CLASS, LOCAL_PROVISIONER, LOCAL_VOLUMES_USER } from './volume/local/names.ts'
export {
  createLocalProvisioner,
  type LocalProvisionerOptions,
  type VolumeDirectories,
} from './volume/local/provisioner.ts'
export { createLocalVolumesSetUp, type LocalVolumesOptions } from './volume/local/set-up.ts'
export { createClaimProtectionController, createVolumeProtectionController } from './volume/protection.ts'
