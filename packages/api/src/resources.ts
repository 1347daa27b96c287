/**
 * The address of every kind that Kubernetes 1.36 serves by default: what discovery says of it
 * (names, scope, short names, categories, verbs, subresources; upstream's api/discovery).
 */
import type { GroupVersionKind, KubeObject, ResourceType, SubresourceFacts } from '@canopus/apimachinery'
import type * as admissionregistration from './generated/admissionregistration.v1.ts'
import type * as apiextensions from './generated/apiextensions.v1.ts'
import type * as apiregistration from './generated/apiregistration.v1.ts'
import type * as apps from './generated/apps.v1.ts'
import type * as authentication from './generated/authentication.v1.ts'
import type * as authorization from './generated/authorization.v1.ts'
import type * as autoscalingV1 from './generated/autoscaling.v1.ts'
import type * as autoscalingV2 from './generated/autoscaling.v2.ts'
import type * as batch from './generated/batch.v1.ts'
import type * as certificates from './generated/certificates.v1.ts'
import type * as coordination from './generated/coordination.v1.ts'
import type * as core from './generated/core.v1.ts'
import type * as discovery from './generated/discovery.v1.ts'
import type * as events from './generated/events.v1.ts'
import type * as flowcontrol from './generated/flowcontrol.v1.ts'
import type * as networking from './generated/networking.v1.ts'
import type * as node from './generated/node.v1.ts'
import type * as policy from './generated/policy.v1.ts'
import type * as rbac from './generated/rbac.v1.ts'
import type * as resourceGroup from './generated/resource.v1.ts'
import type * as scheduling from './generated/scheduling.v1.ts'
import type * as storage from './generated/storage.v1.ts'
import type * as storagemigration from './generated/storagemigration.v1beta1.ts'

const ALL_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const
const WRITE_VERBS = ['get', 'patch', 'update'] as const
const CONNECT_VERBS = ['create', 'get'] as const
const PROXY_VERBS = ['create', 'delete', 'get', 'patch', 'update'] as const

const STATUS = { status: { verbs: WRITE_VERBS } }
const scale = (group: string, version: string): Record<string, SubresourceFacts> => ({
  scale: { type: { group, version, kind: 'Scale' }, verbs: WRITE_VERBS },
})
const connect = (kind: string): SubresourceFacts => ({ type: core1(kind), verbs: CONNECT_VERBS })
const proxy = (kind: string): SubresourceFacts => ({ type: core1(kind), verbs: PROXY_VERBS })
function core1(kind: string): GroupVersionKind {
  return { group: '', version: 'v1', kind }
}

interface Facts {
  short?: readonly string[]
  categories?: readonly string[]
  verbs?: readonly string[]
  sub?: Readonly<Record<string, SubresourceFacts>>
  listKind?: string
}

function define<T extends KubeObject>(
  group: string,
  version: string,
  plural: string,
  kind: string,
  namespaced: boolean,
  facts: Facts = {},
): ResourceType<T> {
  return {
    group,
    version,
    plural,
    singular: kind.toLowerCase(),
    kind,
    listKind: facts.listKind ?? `${kind}List`,
    namespaced,
    shortNames: facts.short ?? [],
    categories: facts.categories ?? [],
    verbs: facts.verbs ?? ALL_VERBS,
    subresources: facts.sub ?? {},
  }
}

const ALL = ['all'] as const
const CREATE = ['create'] as const
export const Bindings = define<core.Binding>('', 'v1', 'bindings', 'Binding', true, { verbs: CREATE })
export const ComponentStatuses = define<core.ComponentStatus>('', 'v1', 'componentstatuses', 'ComponentStatus', false, {
  short: ['cs'],
  verbs: ['get', 'list'],
})
export const ConfigMaps = define<core.ConfigMap>('', 'v1', 'configmaps', 'ConfigMap', true, { short: ['cm'] })
export const Endpoints = define<core.Endpoints>('', 'v1', 'endpoints', 'Endpoints', true, {
  short: ['ep'],
  listKind: 'EndpointsList',
})
export const Events = define<core.Event>('', 'v1', 'events', 'Event', true, { short: ['ev'] })
export const LimitRanges = define<core.LimitRange>('', 'v1', 'limitranges', 'LimitRange', true, { short: ['limits'] })
export const Namespaces = define<core.Namespace>('', 'v1', 'namespaces', 'Namespace', false, {
  short: ['ns'],
  verbs: ALL_VERBS.filter(verb => verb !== 'deletecollection'),
  sub: { finalize: { verbs: ['update'] }, ...STATUS },
})
export const Nodes = define<core.Node>('', 'v1', 'nodes', 'Node', false, {
  short: ['no'],
  sub: { proxy: proxy('NodeProxyOptions'), ...STATUS },
})
export const PersistentVolumeClaims = define<core.PersistentVolumeClaim>(
  '',
  'v1',
  'persistentvolumeclaims',
  'PersistentVolumeClaim',
  true,
  { short: ['pvc'], sub: STATUS },
)
export const PersistentVolumes = define<core.PersistentVolume>(
  '',
  'v1',
  'persistentvolumes',
  'PersistentVolume',
  false,
  { short: ['pv'], sub: STATUS },
)
export const Pods = define<core.Pod>('', 'v1', 'pods', 'Pod', true, {
  short: ['po'],
  categories: ALL,
  sub: {
    attach: connect('PodAttachOptions'),
    binding: { type: core1('Binding'), verbs: CREATE },
    ephemeralcontainers: { verbs: WRITE_VERBS },
    eviction: { type: { group: 'policy', version: 'v1', kind: 'Eviction' }, verbs: CREATE },
    exec: connect('PodExecOptions'),
    log: { verbs: ['get'] },
    portforward: connect('PodPortForwardOptions'),
    proxy: proxy('PodProxyOptions'),
    resize: { verbs: WRITE_VERBS },
    ...STATUS,
  },
})
export const PodTemplates = define<core.PodTemplate>('', 'v1', 'podtemplates', 'PodTemplate', true)
export const ReplicationControllers = define<core.ReplicationController>(
  '',
  'v1',
  'replicationcontrollers',
  'ReplicationController',
  true,
  { short: ['rc'], categories: ALL, sub: { ...scale('autoscaling', 'v1'), ...STATUS } },
)
export const ResourceQuotas = define<core.ResourceQuota>('', 'v1', 'resourcequotas', 'ResourceQuota', true, {
  short: ['quota'],
  sub: STATUS,
})
export const Secrets = define<core.Secret>('', 'v1', 'secrets', 'Secret', true)
export const ServiceAccounts = define<core.ServiceAccount>('', 'v1', 'serviceaccounts', 'ServiceAccount', true, {
  short: ['sa'],
  sub: { token: { type: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' }, verbs: CREATE } },
})
export const Services = define<core.Service>('', 'v1', 'services', 'Service', true, {
  short: ['svc'],
  categories: ALL,
  sub: { proxy: proxy('ServiceProxyOptions'), ...STATUS },
})
export const MutatingAdmissionPolicies = define<admissionregistration.MutatingAdmissionPolicy>(
  'admissionregistration.k8s.io',
  'v1',
  'mutatingadmissionpolicies',
  'MutatingAdmissionPolicy',
  false,
  { categories: ['api-extensions'] },
)
export const MutatingAdmissionPolicyBindings = define<admissionregistration.MutatingAdmissionPolicyBinding>(
  'admissionregistration.k8s.io',
  'v1',
  'mutatingadmissionpolicybindings',
  'MutatingAdmissionPolicyBinding',
  false,
  { categories: ['api-extensions'] },
)
export const MutatingWebhookConfigurations = define<admissionregistration.MutatingWebhookConfiguration>(
  'admissionregistration.k8s.io',
  'v1',
  'mutatingwebhookconfigurations',
  'MutatingWebhookConfiguration',
  false,
  { categories: ['api-extensions'] },
)
export const ValidatingAdmissionPolicies = define<admissionregistration.ValidatingAdmissionPolicy>(
  'admissionregistration.k8s.io',
  'v1',
  'validatingadmissionpolicies',
  'ValidatingAdmissionPolicy',
  false,
  { categories: ['api-extensions'], sub: STATUS },
)
export const ValidatingAdmissionPolicyBindings = define<admissionregistration.ValidatingAdmissionPolicyBinding>(
  'admissionregistration.k8s.io',
  'v1',
  'validatingadmissionpolicybindings',
  'ValidatingAdmissionPolicyBinding',
  false,
  { categories: ['api-extensions'] },
)
export const ValidatingWebhookConfigurations = define<admissionregistration.ValidatingWebhookConfiguration>(
  'admissionregistration.k8s.io',
  'v1',
  'validatingwebhookconfigurations',
  'ValidatingWebhookConfiguration',
  false,
  { categories: ['api-extensions'] },
)
export const CustomResourceDefinitions = define<apiextensions.CustomResourceDefinition>(
  'apiextensions.k8s.io',
  'v1',
  'customresourcedefinitions',
  'CustomResourceDefinition',
  false,
  { short: ['crd', 'crds'], categories: ['api-extensions'], sub: STATUS },
)
export const APIServices = define<apiregistration.APIService>(
  'apiregistration.k8s.io',
  'v1',
  'apiservices',
  'APIService',
  false,
  {
    categories: ['api-extensions'],
    sub: STATUS,
  },
)
export const ControllerRevisions = define<apps.ControllerRevision>(
  'apps',
  'v1',
  'controllerrevisions',
  'ControllerRevision',
  true,
)
export const DaemonSets = define<apps.DaemonSet>('apps', 'v1', 'daemonsets', 'DaemonSet', true, {
  short: ['ds'],
  categories: ALL,
  sub: STATUS,
})
export const Deployments = define<apps.Deployment>('apps', 'v1', 'deployments', 'Deployment', true, {
  short: ['deploy'],
  categories: ALL,
  sub: { ...scale('autoscaling', 'v1'), ...STATUS },
})
export const ReplicaSets = define<apps.ReplicaSet>('apps', 'v1', 'replicasets', 'ReplicaSet', true, {
  short: ['rs'],
  categories: ALL,
  sub: { ...scale('autoscaling', 'v1'), ...STATUS },
})
export const StatefulSets = define<apps.StatefulSet>('apps', 'v1', 'statefulsets', 'StatefulSet', true, {
  short: ['sts'],
  categories: ALL,
  sub: { ...scale('autoscaling', 'v1'), ...STATUS },
})
export const SelfSubjectReviews = define<authentication.SelfSubjectReview>(
  'authentication.k8s.io',
  'v1',
  'selfsubjectreviews',
  'SelfSubjectReview',
  false,
  { verbs: CREATE },
)
export const TokenReviews = define<authentication.TokenReview>(
  'authentication.k8s.io',
  'v1',
  'tokenreviews',
  'TokenReview',
  false,
  { verbs: CREATE },
)
export const LocalSubjectAccessReviews = define<authorization.LocalSubjectAccessReview>(
  'authorization.k8s.io',
  'v1',
  'localsubjectaccessreviews',
  'LocalSubjectAccessReview',
  true,
  { verbs: CREATE },
)
export const SelfSubjectAccessReviews = define<authorization.SelfSubjectAccessReview>(
  'authorization.k8s.io',
  'v1',
  'selfsubjectaccessreviews',
  'SelfSubjectAccessReview',
  false,
  { verbs: CREATE },
)
export const SelfSubjectRulesReviews = define<authorization.SelfSubjectRulesReview>(
  'authorization.k8s.io',
  'v1',
  'selfsubjectrulesreviews',
  'SelfSubjectRulesReview',
  false,
  { verbs: CREATE },
)
export const SubjectAccessReviews = define<authorization.SubjectAccessReview>(
  'authorization.k8s.io',
  'v1',
  'subjectaccessreviews',
  'SubjectAccessReview',
  false,
  { verbs: CREATE },
)
export const HorizontalPodAutoscalers = define<autoscalingV2.HorizontalPodAutoscaler>(
  'autoscaling',
  'v2',
  'horizontalpodautoscalers',
  'HorizontalPodAutoscaler',
  true,
  { short: ['hpa'], categories: ALL, sub: STATUS },
)
export const HorizontalPodAutoscalersV1 = define<autoscalingV1.HorizontalPodAutoscaler>(
  'autoscaling',
  'v1',
  'horizontalpodautoscalers',
  'HorizontalPodAutoscaler',
  true,
  { short: ['hpa'], categories: ALL, sub: STATUS },
)
export const CronJobs = define<batch.CronJob>('batch', 'v1', 'cronjobs', 'CronJob', true, {
  short: ['cj'],
  categories: ALL,
  sub: STATUS,
})
export const Jobs = define<batch.Job>('batch', 'v1', 'jobs', 'Job', true, { categories: ALL, sub: STATUS })
export const CertificateSigningRequests = define<certificates.CertificateSigningRequest>(
  'certificates.k8s.io',
  'v1',
  'certificatesigningrequests',
  'CertificateSigningRequest',
  false,
  { short: ['csr'], sub: { approval: { verbs: WRITE_VERBS }, ...STATUS } },
)
export const Leases = define<coordination.Lease>('coordination.k8s.io', 'v1', 'leases', 'Lease', true)
export const EndpointSlices = define<discovery.EndpointSlice>(
  'discovery.k8s.io',
  'v1',
  'endpointslices',
  'EndpointSlice',
  true,
)
export const EventsV1 = define<events.Event>('events.k8s.io', 'v1', 'events', 'Event', true, { short: ['ev'] })
export const FlowSchemas = define<flowcontrol.FlowSchema>(
  'flowcontrol.apiserver.k8s.io',
  'v1',
  'flowschemas',
  'FlowSchema',
  false,
  { sub: STATUS },
)
export const PriorityLevelConfigurations = define<flowcontrol.PriorityLevelConfiguration>(
  'flowcontrol.apiserver.k8s.io',
  'v1',
  'prioritylevelconfigurations',
  'PriorityLevelConfiguration',
  false,
  { sub: STATUS },
)
export const IngressClasses = define<networking.IngressClass>(
  'networking.k8s.io',
  'v1',
  'ingressclasses',
  'IngressClass',
  false,
)
export const Ingresses = define<networking.Ingress>('networking.k8s.io', 'v1', 'ingresses', 'Ingress', true, {
  short: ['ing'],
  sub: STATUS,
})
export const IPAddresses = define<networking.IPAddress>('networking.k8s.io', 'v1', 'ipaddresses', 'IPAddress', false, {
  short: ['ip'],
})
export const NetworkPolicies = define<networking.NetworkPolicy>(
  'networking.k8s.io',
  'v1',
  'networkpolicies',
  'NetworkPolicy',
  true,
  { short: ['netpol'] },
)
export const ServiceCIDRs = define<networking.ServiceCIDR>(
  'networking.k8s.io',
  'v1',
  'servicecidrs',
  'ServiceCIDR',
  false,
  { sub: STATUS },
)
export const RuntimeClasses = define<node.RuntimeClass>('node.k8s.io', 'v1', 'runtimeclasses', 'RuntimeClass', false)
export const PodDisruptionBudgets = define<policy.PodDisruptionBudget>(
  'policy',
  'v1',
  'poddisruptionbudgets',
  'PodDisruptionBudget',
  true,
  { short: ['pdb'], sub: STATUS },
)
export const ClusterRoleBindings = define<rbac.ClusterRoleBinding>(
  'rbac.authorization.k8s.io',
  'v1',
  'clusterrolebindings',
  'ClusterRoleBinding',
  false,
)
export const ClusterRoles = define<rbac.ClusterRole>(
  'rbac.authorization.k8s.io',
  'v1',
  'clusterroles',
  'ClusterRole',
  false,
)
export const RoleBindings = define<rbac.RoleBinding>(
  'rbac.authorization.k8s.io',
  'v1',
  'rolebindings',
  'RoleBinding',
  true,
)
export const Roles = define<rbac.Role>('rbac.authorization.k8s.io', 'v1', 'roles', 'Role', true)
export const DeviceClasses = define<resourceGroup.DeviceClass>(
  'resource.k8s.io',
  'v1',
  'deviceclasses',
  'DeviceClass',
  false,
)
export const ResourceClaims = define<resourceGroup.ResourceClaim>(
  'resource.k8s.io',
  'v1',
  'resourceclaims',
  'ResourceClaim',
  true,
  { sub: STATUS },
)
export const ResourceClaimTemplates = define<resourceGroup.ResourceClaimTemplate>(
  'resource.k8s.io',
  'v1',
  'resourceclaimtemplates',
  'ResourceClaimTemplate',
  true,
)
export const ResourceSlices = define<resourceGroup.ResourceSlice>(
  'resource.k8s.io',
  'v1',
  'resourceslices',
  'ResourceSlice',
  false,
)
export const PriorityClasses = define<scheduling.PriorityClass>(
  'scheduling.k8s.io',
  'v1',
  'priorityclasses',
  'PriorityClass',
  false,
  { short: ['pc'] },
)
export const CSIDrivers = define<storage.CSIDriver>('storage.k8s.io', 'v1', 'csidrivers', 'CSIDriver', false)
export const CSINodes = define<storage.CSINode>('storage.k8s.io', 'v1', 'csinodes', 'CSINode', false)
export const CSIStorageCapacities = define<storage.CSIStorageCapacity>(
  'storage.k8s.io',
  'v1',
  'csistoragecapacities',
  'CSIStorageCapacity',
  true,
  { listKind: 'CSIStorageCapacityList' },
)
export const StorageClasses = define<storage.StorageClass>(
  'storage.k8s.io',
  'v1',
  'storageclasses',
  'StorageClass',
  false,
  { short: ['sc'] },
)
export const VolumeAttachments = define<storage.VolumeAttachment>(
  'storage.k8s.io',
  'v1',
  'volumeattachments',
  'VolumeAttachment',
  false,
  { sub: STATUS },
)
export const VolumeAttributesClasses = define<storage.VolumeAttributesClass>(
  'storage.k8s.io',
  'v1',
  'volumeattributesclasses',
  'VolumeAttributesClass',
  false,
  { short: ['vac'] },
)

/** Served only where it is turned on, and so not in the list below. */
export const StorageVersionMigrations = define<storagemigration.StorageVersionMigration>(
  'storagemigration.k8s.io',
  'v1beta1',
  'storageversionmigrations',
  'StorageVersionMigration',
  false,
  { sub: STATUS },
)

/** Every other kind above, in the order of discovery. */
export const allResourceTypes: readonly ResourceType[] = [
  Bindings,
  ComponentStatuses,
  ConfigMaps,
  Endpoints,
  Events,
  LimitRanges,
  Namespaces,
  Nodes,
  PersistentVolumeClaims,
  PersistentVolumes,
  Pods,
  PodTemplates,
  ReplicationControllers,
  ResourceQuotas,
  Secrets,
  ServiceAccounts,
  Services,
  MutatingAdmissionPolicies,
  MutatingAdmissionPolicyBindings,
  MutatingWebhookConfigurations,
  ValidatingAdmissionPolicies,
  ValidatingAdmissionPolicyBindings,
  ValidatingWebhookConfigurations,
  CustomResourceDefinitions,
  APIServices,
  ControllerRevisions,
  DaemonSets,
  Deployments,
  ReplicaSets,
  StatefulSets,
  SelfSubjectReviews,
  TokenReviews,
  LocalSubjectAccessReviews,
  SelfSubjectAccessReviews,
  SelfSubjectRulesReviews,
  SubjectAccessReviews,
  HorizontalPodAutoscalers,
  HorizontalPodAutoscalersV1,
  CronJobs,
  Jobs,
  CertificateSigningRequests,
  Leases,
  EndpointSlices,
  EventsV1,
  FlowSchemas,
  PriorityLevelConfigurations,
  IngressClasses,
  Ingresses,
  IPAddresses,
  NetworkPolicies,
  ServiceCIDRs,
  RuntimeClasses,
  PodDisruptionBudgets,
  ClusterRoleBindings,
  ClusterRoles,
  RoleBindings,
  Roles,
  DeviceClasses,
  ResourceClaims,
  ResourceClaimTemplates,
  ResourceSlices,
  PriorityClasses,
  CSIDrivers,
  CSINodes,
  CSIStorageCapacities,
  StorageClasses,
  VolumeAttachments,
  VolumeAttributesClasses,
]
