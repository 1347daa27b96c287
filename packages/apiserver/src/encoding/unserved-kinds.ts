/**
 * Kinds that upstream's scheme knows and this server does not serve (the register.go of k8s.io/api): alpha, beta and retired
 * versions. A client that sends one is told that it is of another version, not that there is no such kind.
 */
const POLICIES =
  'ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding MutatingAdmissionPolicy MutatingAdmissionPolicyBinding'
const FLOW = 'FlowSchema PriorityLevelConfiguration'
const ROLES = 'Role RoleBinding ClusterRole ClusterRoleBinding'
const CLAIMS = 'DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice'

const UNSERVED: Readonly<Record<string, string>> = {
  'admission.k8s.io/v1beta1': 'AdmissionReview',
  'admissionregistration.k8s.io/v1alpha1': POLICIES,
  'admissionregistration.k8s.io/v1beta1': `ValidatingWebhookConfiguration MutatingWebhookConfiguration ${POLICIES}`,
  'apps/v1beta1': 'Deployment DeploymentRollback Scale StatefulSet ControllerRevision',
  'apps/v1beta2': 'Deployment Scale StatefulSet DaemonSet ReplicaSet ControllerRevision',
  'authentication.k8s.io/v1alpha1': 'SelfSubjectReview',
  'authentication.k8s.io/v1beta1': 'SelfSubjectReview TokenReview',
  'authorization.k8s.io/v1beta1':
    'SelfSubjectRulesReview SelfSubjectAccessReview SubjectAccessReview LocalSubjectAccessReview',
  'batch/v1beta1': 'CronJob',
  'certificates.k8s.io/v1alpha1': 'ClusterTrustBundle',
  'certificates.k8s.io/v1beta1': 'CertificateSigningRequest ClusterTrustBundle PodCertificateRequest',
  'coordination.k8s.io/v1alpha2': 'LeaseCandidate',
  'coordination.k8s.io/v1beta1': 'Lease LeaseCandidate',
  'discovery.k8s.io/v1beta1': 'EndpointSlice',
  'events.k8s.io/v1beta1': 'Event',
  'extensions/v1beta1': 'Deployment DeploymentRollback Scale DaemonSet Ingress ReplicaSet NetworkPolicy',
  'flowcontrol.apiserver.k8s.io/v1beta1': FLOW,
  'flowcontrol.apiserver.k8s.io/v1beta2': FLOW,
  'flowcontrol.apiserver.k8s.io/v1beta3': FLOW,
  'imagepolicy.k8s.io/v1alpha1': 'ImageReview',
  'internal.apiserver.k8s.io/v1alpha1': 'StorageVersion',
  'networking.k8s.io/v1beta1': 'Ingress IngressClass IPAddress ServiceCIDR',
  'node.k8s.io/v1alpha1': 'RuntimeClass',
  'node.k8s.io/v1beta1': 'RuntimeClass',
  'policy/v1beta1': 'PodDisruptionBudget Eviction',
  'rbac.authorization.k8s.io/v1alpha1': ROLES,
  'rbac.authorization.k8s.io/v1beta1': ROLES,
  'resource.k8s.io/v1alpha3': 'DeviceTaintRule ResourcePoolStatusRequest',
  'resource.k8s.io/v1beta1': CLAIMS,
  'resource.k8s.io/v1beta2': `DeviceTaintRule ${CLAIMS}`,
  'scheduling.k8s.io/v1alpha2': 'Workload PodGroup',
  'scheduling.k8s.io/v1beta1': 'PriorityClass',
  'storage.k8s.io/v1alpha1': 'VolumeAttachment CSIStorageCapacity VolumeAttributesClass',
  'storage.k8s.io/v1beta1': 'StorageClass VolumeAttachment CSIDriver CSINode CSIStorageCapacity VolumeAttributesClass',
  'storagemigration.k8s.io/v1beta1': 'StorageVersionMigration',
}

/** Whether upstream's scheme has this kind, or it is the list of one, though it is not served. */
export function isUnserved(apiVersion: string, kind: string): boolean {
  if (!Object.hasOwn(UNSERVED, apiVersion)) return false
  return UNSERVED[apiVersion]!.split(' ').includes(kind.replace(/List$/, ''))
}

/** The group in whose form upstream has a kind in memory: that of kinds that have moved is the one that they moved to. */
export function internalGroupOf(group: string, kind: string): string {
  if (group === 'events.k8s.io') return kind === 'Event' || kind === 'EventList' ? '' : group
  if (group !== 'extensions') return group
  if (/^(Ingress|NetworkPolicy)(List)?$/.test(kind)) return 'networking.k8s.io'
  return kind === 'Scale' ? 'autoscaling' : 'apps'
}
