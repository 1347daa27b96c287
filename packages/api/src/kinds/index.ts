/** Every built-in kind, in the order of the folders. A new kind is added here and in `resources.ts`. */
import type { Kind } from '../kind.ts'
import { MutatingAdmissionPolicyKind } from './admissionregistration/mutatingadmissionpolicy.ts'
import { MutatingAdmissionPolicyBindingKind } from './admissionregistration/mutatingadmissionpolicybinding.ts'
import { MutatingWebhookConfigurationKind } from './admissionregistration/mutatingwebhookconfiguration.ts'
import { ValidatingAdmissionPolicyKind } from './admissionregistration/validatingadmissionpolicy.ts'
import { ValidatingAdmissionPolicyBindingKind } from './admissionregistration/validatingadmissionpolicybinding.ts'
import { ValidatingWebhookConfigurationKind } from './admissionregistration/validatingwebhookconfiguration.ts'
import { CustomResourceDefinitionKind } from './apiextensions/customresourcedefinition.ts'
import { APIServiceKind } from './apiregistration/apiservice.ts'
import { ControllerRevisionKind } from './apps/controllerrevision.ts'
import { DaemonSetKind } from './apps/daemonset.ts'
import { DeploymentKind } from './apps/deployment.ts'
import { ReplicaSetKind } from './apps/replicaset.ts'
import { StatefulSetKind } from './apps/statefulset.ts'
import { SelfSubjectReviewKind } from './authentication/selfsubjectreview.ts'
import { TokenReviewKind } from './authentication/tokenreview.ts'
import { LocalSubjectAccessReviewKind } from './authorization/localsubjectaccessreview.ts'
import { SelfSubjectAccessReviewKind } from './authorization/selfsubjectaccessreview.ts'
import { SelfSubjectRulesReviewKind } from './authorization/selfsubjectrulesreview.ts'
import { SubjectAccessReviewKind } from './authorization/subjectaccessreview.ts'
import { HorizontalPodAutoscalerKind } from './autoscaling/horizontalpodautoscaler.ts'
import { HorizontalPodAutoscalerV1Kind } from './autoscaling/horizontalpodautoscaler-v1.ts'
import { CronJobKind } from './batch/cronjob.ts'
import { JobKind } from './batch/job.ts'
import { inBetaVersions } from './beta-versions.ts'
import { CertificateSigningRequestKind } from './certificates/certificatesigningrequest.ts'
import { LeaseKind } from './coordination/lease.ts'
import { BindingKind } from './core/binding.ts'
import { ComponentStatusKind } from './core/componentstatus.ts'
import { ConfigMapKind } from './core/configmap.ts'
import { EndpointsKind } from './core/endpoints.ts'
import { EventKind } from './core/event.ts'
import { LimitRangeKind } from './core/limitrange.ts'
import { NamespaceKind } from './core/namespace.ts'
import { NodeKind } from './core/node.ts'
import { PersistentVolumeKind } from './core/persistentvolume.ts'
import { PersistentVolumeClaimKind } from './core/persistentvolumeclaim.ts'
import { PodKind } from './core/pod.ts'
import { PodTemplateKind } from './core/podtemplate.ts'
import { ReplicationControllerKind } from './core/replicationcontroller.ts'
import { ResourceQuotaKind } from './core/resourcequota.ts'
import { SecretKind } from './core/secret.ts'
import { ServiceKind } from './core/service.ts'
import { ServiceAccountKind } from './core/serviceaccount.ts'
import { withoutDisabledFields } from './disabled-fields.ts'
import { EndpointSliceKind } from './discovery/endpointslice.ts'
import { EventV1Kind } from './events/event.ts'
import { FlowSchemaKind } from './flowcontrol/flowschema.ts'
import { PriorityLevelConfigurationKind } from './flowcontrol/prioritylevelconfiguration.ts'
import { withInitResizePolicies } from './init-resize-policies.ts'
import { IngressKind } from './networking/ingress.ts'
import { IngressClassKind } from './networking/ingressclass.ts'
import { IPAddressKind } from './networking/ipaddress.ts'
import { NetworkPolicyKind } from './networking/networkpolicy.ts'
import { ServiceCIDRKind } from './networking/servicecidr.ts'
import { RuntimeClassKind } from './node/runtimeclass.ts'
import { PodDisruptionBudgetKind } from './policy/poddisruptionbudget.ts'
import { ClusterRoleKind } from './rbac/clusterrole.ts'
import { ClusterRoleBindingKind } from './rbac/clusterrolebinding.ts'
import { RoleKind } from './rbac/role.ts'
import { RoleBindingKind } from './rbac/rolebinding.ts'
import { DeviceClassKind } from './resource/deviceclass.ts'
import { ResourceClaimKind } from './resource/resourceclaim.ts'
import { ResourceClaimTemplateKind } from './resource/resourceclaimtemplate.ts'
import { ResourceSliceKind } from './resource/resourceslice.ts'
import { PriorityClassKind } from './scheduling/priorityclass.ts'
import { CSIDriverKind } from './storage/csidriver.ts'
import { CSINodeKind } from './storage/csinode.ts'
import { CSIStorageCapacityKind } from './storage/csistoragecapacity.ts'
import { StorageClassKind } from './storage/storageclass.ts'
import { VolumeAttachmentKind } from './storage/volumeattachment.ts'
import { VolumeAttributesClassKind } from './storage/volumeattributesclass.ts'
import { StorageVersionMigrationKind } from './storagemigration/storageversionmigration.ts'
import { withZeroValues } from './zero-values.ts'

/** The kinds whose objects are stored. */
const all: readonly Kind[] = [
  MutatingAdmissionPolicyKind,
  MutatingAdmissionPolicyBindingKind,
  MutatingWebhookConfigurationKind,
  ValidatingAdmissionPolicyKind,
  ValidatingAdmissionPolicyBindingKind,
  ValidatingWebhookConfigurationKind,
  CustomResourceDefinitionKind,
  APIServiceKind,
  ControllerRevisionKind,
  DaemonSetKind,
  DeploymentKind,
  ReplicaSetKind,
  StatefulSetKind,
  HorizontalPodAutoscalerV1Kind,
  HorizontalPodAutoscalerKind,
  CronJobKind,
  JobKind,
  CertificateSigningRequestKind,
  LeaseKind,
  ConfigMapKind,
  EndpointsKind,
  EventKind,
  LimitRangeKind,
  NamespaceKind,
  NodeKind,
  PersistentVolumeKind,
  PersistentVolumeClaimKind,
  PodKind,
  PodTemplateKind,
  ReplicationControllerKind,
  ResourceQuotaKind,
  SecretKind,
  ServiceKind,
  ServiceAccountKind,
  EndpointSliceKind,
  EventV1Kind,
  FlowSchemaKind,
  PriorityLevelConfigurationKind,
  IngressKind,
  IngressClassKind,
  IPAddressKind,
  NetworkPolicyKind,
  ServiceCIDRKind,
  RuntimeClassKind,
  PodDisruptionBudgetKind,
  ClusterRoleKind,
  ClusterRoleBindingKind,
  RoleKind,
  RoleBindingKind,
  DeviceClassKind,
  ResourceClaimKind,
  ResourceClaimTemplateKind,
  ResourceSliceKind,
  PriorityClassKind,
  CSIDriverKind,
  CSINodeKind,
  CSIStorageCapacityKind,
  StorageClassKind,
  VolumeAttachmentKind,
  VolumeAttributesClassKind,
]

/** As they are served: without the fields of features that are off, and with checks that kinds share. */
export const builtInKinds: readonly Kind[] = all.map(kind =>
  withZeroValues(withoutDisabledFields(withInitResizePolicies(kind))),
)

/** Kinds that a server stores besides where they are turned on, by the feature that they belong to. */
export const optionalKinds: Readonly<Record<string, readonly Kind[]>> = {
  StorageVersionMigrator: [StorageVersionMigrationKind],
}

/** Other versions of built-in kinds, which are served where they are asked for. */
export const betaKinds = (): Kind[] => inBetaVersions(builtInKinds)

/** Every kind that may lie in a store. */
export const storableKinds: readonly Kind[] = [...builtInKinds, ...Object.values(optionalKinds).flat()]

/** Kinds that are answered on the spot: reviews, bindings, component statuses. */
export const virtualKinds: readonly Kind[] = [
  SelfSubjectReviewKind,
  TokenReviewKind,
  LocalSubjectAccessReviewKind,
  SelfSubjectAccessReviewKind,
  SelfSubjectRulesReviewKind,
  SubjectAccessReviewKind,
  BindingKind,
  ComponentStatusKind,
]

export { betaVersions } from './beta-versions.ts'
export { KIND_FEATURES, withFeatures } from './features.ts'
export { writeZeros } from './zero-values.ts'
export {
  APIServiceKind,
  BindingKind,
  CertificateSigningRequestKind,
  ClusterRoleBindingKind,
  ClusterRoleKind,
  ComponentStatusKind,
  ConfigMapKind,
  ControllerRevisionKind,
  CronJobKind,
  CSIDriverKind,
  CSINodeKind,
  CSIStorageCapacityKind,
  CustomResourceDefinitionKind,
  DaemonSetKind,
  DeploymentKind,
  DeviceClassKind,
  EndpointSliceKind,
  EndpointsKind,
  EventKind,
  EventV1Kind,
  FlowSchemaKind,
  HorizontalPodAutoscalerKind,
  HorizontalPodAutoscalerV1Kind,
  IngressClassKind,
  IngressKind,
  IPAddressKind,
  JobKind,
  LeaseKind,
  LimitRangeKind,
  LocalSubjectAccessReviewKind,
  MutatingAdmissionPolicyBindingKind,
  MutatingAdmissionPolicyKind,
  MutatingWebhookConfigurationKind,
  NamespaceKind,
  NetworkPolicyKind,
  NodeKind,
  PersistentVolumeClaimKind,
  PersistentVolumeKind,
  PodDisruptionBudgetKind,
  PodKind,
  PodTemplateKind,
  PriorityClassKind,
  PriorityLevelConfigurationKind,
  ReplicaSetKind,
  ReplicationControllerKind,
  ResourceClaimKind,
  ResourceClaimTemplateKind,
  ResourceQuotaKind,
  ResourceSliceKind,
  RoleBindingKind,
  RoleKind,
  RuntimeClassKind,
  SecretKind,
  SelfSubjectAccessReviewKind,
  SelfSubjectReviewKind,
  SelfSubjectRulesReviewKind,
  ServiceAccountKind,
  ServiceCIDRKind,
  ServiceKind,
  StatefulSetKind,
  StorageClassKind,
  StorageVersionMigrationKind,
  SubjectAccessReviewKind,
  TokenReviewKind,
  ValidatingAdmissionPolicyBindingKind,
  ValidatingAdmissionPolicyKind,
  ValidatingWebhookConfigurationKind,
  VolumeAttachmentKind,
  VolumeAttributesClassKind,
}
