import type { PolicyRule } from '@canopus/api/rbac/v1'
import { CORE, EVENTS, READ, READ_WRITE, rule, urls, WRITE } from './policy-table.ts'

export interface ClusterRoleFacts {
  rules?: readonly PolicyRule[]
  /** The role whose rules this one's become part of. */
  aggregateTo?: 'admin' | 'edit' | 'view'
  /** This role is made of all that aggregate to this name. */
  aggregates?: 'admin' | 'edit' | 'view'
}

/** The default cluster roles of Kubernetes 1.36 (plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go). */
export const CLUSTER_ROLES: Readonly<Record<string, ClusterRoleFacts>> = {
  admin: { aggregates: 'admin' },
  'cluster-admin': { rules: [rule('*', '*', '*'), urls('*', '*')] },
  edit: { aggregateTo: 'admin', aggregates: 'edit' },
  'system:aggregate-to-admin': {
    aggregateTo: 'admin',
    rules: [
      rule('create', 'authorization.k8s.io', 'localsubjectaccessreviews'),
      rule(READ_WRITE, 'rbac.authorization.k8s.io', 'rolebindings roles'),
    ],
  },
  'system:aggregate-to-edit': {
    aggregateTo: 'edit',
    rules: [
      rule(READ, CORE, 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy'),
      rule('impersonate', CORE, 'serviceaccounts'),
      rule(WRITE, CORE, 'pods pods/attach pods/exec pods/portforward pods/proxy'),
      rule('create', CORE, 'pods/eviction'),
      rule(
        WRITE,
        CORE,
        'configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
      ),
      rule('create', CORE, 'serviceaccounts/token'),
      rule(WRITE, 'core events.k8s.io', 'events'),
      rule(
        WRITE,
        'apps',
        'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale',
      ),
      rule(WRITE, 'autoscaling', 'horizontalpodautoscalers'),
      rule(WRITE, 'batch', 'cronjobs jobs'),
      rule(
        WRITE,
        'extensions',
        'daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale',
      ),
      rule(WRITE, 'policy', 'poddisruptionbudgets'),
      rule(WRITE, 'networking.k8s.io', 'ingresses networkpolicies'),
      rule(READ_WRITE, 'coordination.k8s.io', 'leases'),
      rule(WRITE, 'resource.k8s.io', 'resourceclaims resourceclaimtemplates'),
    ],
  },
  'system:aggregate-to-view': {
    aggregateTo: 'view',
    rules: [
      rule(
        READ,
        CORE,
        'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status',
      ),
      rule(
        READ,
        CORE,
        'bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
      ),
      rule(READ, CORE, 'namespaces'),
      rule(READ, 'core events.k8s.io', 'events'),
      rule(READ, 'discovery.k8s.io', 'endpointslices'),
      rule(
        READ,
        'apps',
        'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status',
      ),
      rule(READ, 'autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'),
      rule(READ, 'batch', 'cronjobs cronjobs/status jobs jobs/status'),
      rule(
        READ,
        'extensions',
        'daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale',
      ),
      rule(READ, 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'),
      rule(READ, 'networking.k8s.io', 'ingresses ingresses/status networkpolicies'),
      rule(READ, 'resource.k8s.io', 'resourceclaims resourceclaims/status resourceclaimtemplates'),
    ],
  },
  'system:auth-delegator': {
    rules: [
      rule('create', 'authentication.k8s.io', 'tokenreviews'),
      rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
    ],
  },
  'system:basic-user': {
    rules: [
      rule('create', 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
      rule('create', 'authentication.k8s.io', 'selfsubjectreviews'),
    ],
  },
  'system:certificates.k8s.io:certificatesigningrequests:nodeclient': {
    rules: [rule('create', 'certificates.k8s.io', 'certificatesigningrequests/nodeclient')],
  },
  'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient': {
    rules: [rule('create', 'certificates.k8s.io', 'certificatesigningrequests/selfnodeclient')],
  },
  'system:certificates.k8s.io:kube-apiserver-client-approver': {
    rules: [rule('approve', 'certificates.k8s.io', 'signers', 'kubernetes.io/kube-apiserver-client')],
  },
  'system:certificates.k8s.io:kube-apiserver-client-kubelet-approver': {
    rules: [rule('approve', 'certificates.k8s.io', 'signers', 'kubernetes.io/kube-apiserver-client-kubelet')],
  },
  'system:certificates.k8s.io:kubelet-serving-approver': {
    rules: [rule('approve', 'certificates.k8s.io', 'signers', 'kubernetes.io/kubelet-serving')],
  },
  'system:certificates.k8s.io:legacy-unknown-approver': {
    rules: [rule('approve', 'certificates.k8s.io', 'signers', 'kubernetes.io/legacy-unknown')],
  },
  'system:discovery': {
    rules: [urls('get', '/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/')],
  },
  'system:heapster': {
    rules: [rule(READ, CORE, 'events namespaces nodes pods'), rule(READ, 'extensions', 'deployments')],
  },
  'system:kube-aggregator': { rules: [rule(READ, CORE, 'endpoints services')] },
  'system:kube-controller-manager': {
    rules: [
      EVENTS,
      rule('create', 'coordination.k8s.io', 'leases'),
      rule('get update', 'coordination.k8s.io', 'leases', 'kube-controller-manager'),
      rule('create', CORE, 'secrets serviceaccounts'),
      rule('delete', CORE, 'secrets'),
      rule('get', CORE, 'configmaps namespaces secrets serviceaccounts'),
      rule('update', CORE, 'secrets serviceaccounts'),
      rule('create', 'authentication.k8s.io', 'tokenreviews'),
      rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
      rule('list watch', '*', '*'),
      rule('create', CORE, 'serviceaccounts/token'),
    ],
  },
  'system:kube-dns': { rules: [rule('list watch', CORE, 'endpoints services')] },
  'system:kube-scheduler': {
    rules: [
      EVENTS,
      rule('create', 'coordination.k8s.io', 'leases'),
      rule('get list update watch', 'coordination.k8s.io', 'leases', 'kube-scheduler'),
      rule(READ_WRITE, 'coordination.k8s.io', 'leasecandidates'),
      rule(READ, CORE, 'nodes'),
      rule('delete get list watch', CORE, 'pods'),
      rule('create', CORE, 'bindings pods/binding'),
      rule('patch update', CORE, 'pods/status'),
      rule(READ, CORE, 'replicationcontrollers services'),
      rule(READ, 'apps extensions', 'replicasets'),
      rule(READ, 'apps', 'statefulsets'),
      rule(READ, 'policy', 'poddisruptionbudgets'),
      rule(READ, CORE, 'persistentvolumeclaims persistentvolumes'),
      rule('create', 'authentication.k8s.io', 'tokenreviews'),
      rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
      rule(READ, 'storage.k8s.io', 'csinodes'),
      rule(READ, 'storage.k8s.io', 'volumeattachments'),
      rule(READ, CORE, 'namespaces'),
      rule(READ, 'storage.k8s.io', 'csidrivers'),
      rule(READ, 'storage.k8s.io', 'csistoragecapacities'),
      rule(READ, 'resource.k8s.io', 'deviceclasses'),
      rule('get list patch update watch', 'resource.k8s.io', 'resourceclaims'),
      rule('get list patch update watch', 'resource.k8s.io', 'resourceclaims/status'),
      rule('update', CORE, 'pods/finalizers'),
      rule(READ, 'resource.k8s.io', 'resourceslices'),
      rule('create delete', 'resource.k8s.io', 'resourceclaims'),
      rule('patch update', 'resource.k8s.io', 'resourceclaims/binding'),
    ],
  },
  'system:kubelet-api-admin': {
    rules: [
      rule(READ, CORE, 'nodes'),
      rule('proxy', CORE, 'nodes'),
      rule('*', CORE, 'nodes/log nodes/metrics nodes/proxy nodes/stats'),
      rule('*', CORE, 'nodes/configz nodes/healthz nodes/pods'),
    ],
  },
  'system:monitoring': {
    rules: [
      urls('get', '/flagz /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/* /statusz'),
      rule('get', CORE, 'nodes/metrics'),
    ],
  },
  'system:node': {
    rules: [
      rule('create', 'authentication.k8s.io', 'tokenreviews'),
      rule('create', 'authorization.k8s.io', 'localsubjectaccessreviews subjectaccessreviews'),
      rule(READ, CORE, 'services'),
      rule('create get list watch', CORE, 'nodes'),
      rule('patch update', CORE, 'nodes/status'),
      rule('patch update', CORE, 'nodes'),
      EVENTS,
      rule(READ, CORE, 'pods'),
      rule('create delete', CORE, 'pods'),
      rule('patch update', CORE, 'pods/status'),
      rule('create', CORE, 'pods/eviction'),
      rule(READ, CORE, 'configmaps secrets'),
      rule('get', CORE, 'persistentvolumeclaims persistentvolumes'),
      rule('get', CORE, 'endpoints'),
      rule('create get list watch', 'certificates.k8s.io', 'certificatesigningrequests'),
      rule('create delete get patch update', 'coordination.k8s.io', 'leases'),
      rule('get', 'storage.k8s.io', 'volumeattachments'),
      rule('create', CORE, 'serviceaccounts/token'),
      rule('get patch update', CORE, 'persistentvolumeclaims/status'),
      rule(READ, 'storage.k8s.io', 'csidrivers'),
      rule('create delete get patch update', 'storage.k8s.io', 'csinodes'),
      rule(READ, 'node.k8s.io', 'runtimeclasses'),
      rule('get', 'resource.k8s.io', 'resourceclaims'),
      rule('deletecollection', 'resource.k8s.io', 'resourceslices'),
      rule('get', CORE, 'serviceaccounts'),
    ],
  },
  'system:node-bootstrapper': {
    rules: [rule('create get list watch', 'certificates.k8s.io', 'certificatesigningrequests')],
  },
  'system:node-problem-detector': { rules: [rule('get', CORE, 'nodes'), rule('patch', CORE, 'nodes/status'), EVENTS] },
  'system:node-proxier': {
    rules: [
      rule('list watch', CORE, 'endpoints services'),
      rule(READ, CORE, 'nodes'),
      EVENTS,
      rule('list watch', 'networking.k8s.io', 'servicecidrs'),
      rule('list watch', 'discovery.k8s.io', 'endpointslices'),
    ],
  },
  'system:persistent-volume-provisioner': {
    rules: [
      rule('create delete get list watch', CORE, 'persistentvolumes'),
      rule('get list update watch', CORE, 'persistentvolumeclaims'),
      rule(READ, 'storage.k8s.io', 'storageclasses'),
      rule('watch', CORE, 'events'),
      EVENTS,
    ],
  },
  'system:public-info-viewer': { rules: [urls('get', '/healthz /livez /readyz /version /version/')] },
  'system:service-account-issuer-discovery': {
    rules: [
      urls(
        'get',
        '/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/',
      ),
    ],
  },
  'system:volume-scheduler': {
    rules: [
      rule('get list patch update watch', CORE, 'persistentvolumes'),
      rule(READ, 'storage.k8s.io', 'storageclasses'),
      rule('get list patch update watch', CORE, 'persistentvolumeclaims'),
    ],
  },
  view: { aggregateTo: 'edit', aggregates: 'view' },
}
