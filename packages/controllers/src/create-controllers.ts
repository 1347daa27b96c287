/** The controllers of a cluster, by the names that `--controllers` of a controller manager knows. */
import { type Controller, type ControllerContext, createEventRecorder, type EventRecorder } from '@canopus/operator'
import { type AutoscalerOptions, createHorizontalPodAutoscaler } from './autoscaler/controller.ts'
import { createBootstrapSigner } from './bootstrap-signer.ts'
import { createCsrApprover } from './certificates/approver.ts'
import { createCsrCleaner } from './certificates/cleaner.ts'
import type { CsrSigner } from './certificates/csr-signer.ts'
import { createCsrSigningController } from './certificates/signer.ts'
import { createCloudNodeController } from './cloud/node.ts'
import { createCloudNodeLifecycleController } from './cloud/node-lifecycle.ts'
import type { CloudProvider } from './cloud/provider.ts'
import { createNodeRouteController } from './cloud/routes.ts'
import { createServiceBalancerController } from './cloud/service-lb.ts'
import { createClusterRoleAggregationController } from './cluster-role-aggregation.ts'
import { createCronJobController } from './cron-job/controller.ts'
import { createDaemonSetController } from './daemon-set/controller.ts'
import { createDeploymentController } from './deployment/controller.ts'
import { createDisruptionController } from './disruption.ts'
import { createEndpointsController } from './endpoints/endpoints-controller.ts'
import { createEndpointSliceMirroringController, type MirroringOptions } from './endpoints/mirroring-controller.ts'
import { createEndpointSliceController, type EndpointSliceOptions } from './endpoints/slices-controller.ts'
import { createGarbageCollector } from './garbage-collector/controller.ts'
import { createJobController } from './job/controller.ts'
import { createTtlAfterFinishedController } from './job/ttl.ts'
import { createLegacyTokenCleaner, type LegacyTokenCleanerOptions } from './legacy-token-cleaner.ts'
import { createNamespaceController } from './namespace.ts'
import { createNodeIpamController, type NodeIpamOptions } from './node/ipam.ts'
import { createNodeLifecycleController, type NodeLifecycleOptions } from './node/lifecycle.ts'
import { createTaintEvictionController } from './node/taint-eviction.ts'
import { createTtlController } from './node/ttl.ts'
import { createPodGarbageCollector, type PodGcOptions } from './pod-gc.ts'
import { createPolicyStatusController, type PolicyChecker } from './policy-status.ts'
import { createReplicaSetController, createReplicationController } from './replica-set.ts'
import { createResourceClaimController } from './resource-claim/controller.ts'
import { createDeviceTaintEvictionController } from './resource-claim/device-taint-eviction.ts'
import { createResourceQuotaController, type ResourceQuotaOptions } from './resource-quota.ts'
import { createRootCaPublisher } from './root-ca-publisher.ts'
import { createServiceAccountController } from './service-account.ts'
import { createServiceAccountTokenController, type ServiceAccountTokenOptions } from './service-account-tokens.ts'
import { createServiceCidrController } from './service-cidr.ts'
import { createStatefulSetController } from './stateful-set/controller.ts'
import { createStorageVersionMigrator } from './storage-version-migrator/controller.ts'
import { createTokenCleaner } from './token-cleaner.ts'
import { type AttachDetachOptions, createAttachDetachController } from './volume/attach-detach/controller.ts'
import { createAttributesClassProtectionController } from './volume/attributes-class-protection.ts'
import { createPersistentVolumeBinder } from './volume/binder/controller.ts'
import { createEphemeralVolumeController } from './volume/ephemeral.ts'
import { createVolumeExpander } from './volume/expander.ts'
import { createClaimProtectionController, createVolumeProtectionController } from './volume/protection.ts'

export interface ControllersOptions {
  /** Which features are on; all are as by default where missing. */
  featureGates?: { enabled(name: string): boolean }
  /**
   * Which to run, as the flag `--controllers`: names, `*` for all that run by default, `-name` for all but one.
   * Default `['*']`.
   */
  controllers?: readonly string[]
  /** PEM of the API server's certificate authority, published in every namespace; without it nothing is published. */
  rootCa?: string
  /** Without it nodes get no pod addresses. */
  nodeIpam?: NodeIpamOptions
  nodeLifecycle?: NodeLifecycleOptions
  podGc?: PodGcOptions
  attachDetach?: AttachDetachOptions
  autoscaler?: AutoscalerOptions
  endpoints?: EndpointSliceOptions
  endpointSlices?: EndpointSliceOptions
  mirroring?: MirroringOptions
  resourceQuota?: ResourceQuotaOptions
  legacyTokens?: LegacyTokenCleanerOptions
  /** How many keys a controller works on at the same time, by its name; as it has it where missing. */
  workers?: Readonly<Record<string, number>>
  /** Makes the cloud that load balancers are had from; services of that type wait for somebody else where missing. */
  cloud?: (context: ControllerContext) => CloudProvider
  /** Makes the tokens of secrets of type `kubernetes.io/service-account-token`; without it they stay empty. */
  issueToken?: ServiceAccountTokenOptions['issueToken']
  /** Checks the expressions of validating policies; without it their status stays empty. */
  checkPolicy?: PolicyChecker
  /** Approves and signs what kubelets ask for; without it certificate requests wait for somebody else. */
  csrSigner?: CsrSigner
  /**
   * Whether nodes get serving certificates for their own addresses without a person's approval. Off unless asked for, as
   * upstream: a node says itself which addresses it has.
   */
  approveKubeletServing?: boolean
  /** Makes the recorder of each controller's events. Default: events are written through the client. */
  events?: (component: string) => EventRecorder
}

interface Entry {
  name: string
  /** Upstream's name for the source of its events, where that is another. */
  component?: string
  /** What upstream called it before names were made regular; manifests still use that. */
  alias?: string
  /** Runs only where it is named. */
  onRequest?: true
  /** Nothing where the options leave out what it needs. */
  create(context: ControllerContext, options: ControllersOptions): Controller | undefined
}

const ENTRIES: readonly Entry[] = [
  { name: 'namespace-controller', alias: 'namespace', create: createNamespaceController },
  { name: 'serviceaccount-controller', alias: 'serviceaccount', create: createServiceAccountController },
  {
    name: 'root-ca-certificate-publisher-controller',
    alias: 'root-ca-cert-publisher',
    create: (context, { rootCa }) => (rootCa === undefined ? undefined : createRootCaPublisher(context, { rootCa })),
  },
  { name: 'replicaset-controller', alias: 'replicaset', create: createReplicaSetController },
  {
    name: 'replicationcontroller-controller',
    alias: 'replicationcontroller',
    component: 'replication-controller',
    create: createReplicationController,
  },
  { name: 'deployment-controller', alias: 'deployment', create: createDeploymentController },
  {
    name: 'endpointslice-controller',
    alias: 'endpointslice',
    component: 'endpoint-slice-controller',
    create: (context, { endpointSlices }) => createEndpointSliceController(context, endpointSlices),
  },
  {
    name: 'endpoints-controller',
    alias: 'endpoint',
    component: 'endpoint-controller',
    create: (context, { endpoints }) => createEndpointsController(context, endpoints),
  },
  {
    name: 'endpointslice-mirroring-controller',
    alias: 'endpointslicemirroring',
    create: (context, { mirroring }) => createEndpointSliceMirroringController(context, mirroring),
  },
  { name: 'garbage-collector-controller', alias: 'garbagecollector', create: createGarbageCollector },
  {
    name: 'pod-garbage-collector-controller',
    alias: 'podgc',
    create: (context, { podGc }) => createPodGarbageCollector(context, podGc),
  },
  {
    name: 'node-ipam-controller',
    alias: 'nodeipam',
    component: 'cidrAllocator',
    create: (context, { nodeIpam }) => (nodeIpam ? createNodeIpamController(context, nodeIpam) : undefined),
  },
  {
    name: 'node-lifecycle-controller',
    alias: 'nodelifecycle',
    component: 'node-controller',
    create: (context, { nodeLifecycle }) => createNodeLifecycleController(context, nodeLifecycle),
  },
  {
    name: 'storage-version-migrator-controller',
    create: (context, { featureGates }) =>
      featureGates?.enabled('StorageVersionMigrator') ? createStorageVersionMigrator(context) : undefined,
  },
  { name: 'service-cidr-controller', create: createServiceCidrController },
  { name: 'ttl-controller', alias: 'ttl', create: createTtlController },
  { name: 'statefulset-controller', alias: 'statefulset', create: createStatefulSetController },
  { name: 'daemonset-controller', alias: 'daemonset', create: createDaemonSetController },
  { name: 'job-controller', alias: 'job', create: createJobController },
  { name: 'ttl-after-finished-controller', alias: 'ttl-after-finished', create: createTtlAfterFinishedController },
  { name: 'cronjob-controller', alias: 'cronjob', create: createCronJobController },
  {
    name: 'horizontal-pod-autoscaler-controller',
    alias: 'horizontalpodautoscaling',
    component: 'horizontal-pod-autoscaler',
    create: (context, { autoscaler }) => createHorizontalPodAutoscaler(context, autoscaler),
  },
  {
    name: 'service-lb-controller',
    alias: 'service',
    component: 'service-controller',
    create: (context, { cloud }) => {
      const balancers = cloud?.(context).loadBalancers
      return balancers && createServiceBalancerController(context, balancers)
    },
  },
  {
    name: 'cloud-node-controller',
    alias: 'cloud-node',
    create: (context, { cloud }) => {
      const instances = cloud?.(context).instances
      return instances && createCloudNodeController(context, instances)
    },
  },
  {
    name: 'cloud-node-lifecycle-controller',
    alias: 'cloud-node-lifecycle',
    create: (context, { cloud }) => {
      const instances = cloud?.(context).instances
      return instances && createCloudNodeLifecycleController(context, instances)
    },
  },
  {
    name: 'node-route-controller',
    component: 'route_controller',
    alias: 'route',
    create: (context, { cloud, nodeIpam }) => {
      const routes = nodeIpam && cloud?.(context).routes
      return routes && createNodeRouteController(context, routes, nodeIpam)
    },
  },
  { name: 'resourceclaim-controller', component: 'resource_claim', create: createResourceClaimController },
  {
    name: 'validatingadmissionpolicy-status-controller',
    create: (context, { checkPolicy }) => checkPolicy && createPolicyStatusController(context, checkPolicy),
  },
  {
    name: 'device-taint-eviction-controller',
    component: 'device-taint-eviction',
    create: createDeviceTaintEvictionController,
  },
  {
    name: 'disruption-controller',
    alias: 'disruption',
    component: 'controllermanager',
    create: createDisruptionController,
  },
  { name: 'ephemeral-volume-controller', alias: 'ephemeral-volume', create: createEphemeralVolumeController },
  {
    name: 'persistentvolume-binder-controller',
    alias: 'persistentvolume-binder',
    component: 'persistentvolume-controller',
    create: createPersistentVolumeBinder,
  },
  {
    name: 'persistentvolume-attach-detach-controller',
    alias: 'attachdetach',
    component: 'attachdetach-controller',
    create: (context, { attachDetach }) => createAttachDetachController(context, attachDetach),
  },
  {
    name: 'persistentvolume-expander-controller',
    alias: 'persistentvolume-expander',
    component: 'volume_expand',
    create: createVolumeExpander,
  },
  { name: 'volumeattributesclass-protection-controller', create: createAttributesClassProtectionController },
  {
    name: 'persistentvolumeclaim-protection-controller',
    alias: 'pvc-protection',
    create: createClaimProtectionController,
  },
  { name: 'persistentvolume-protection-controller', alias: 'pv-protection', create: createVolumeProtectionController },
  {
    name: 'bootstrap-signer-controller',
    alias: 'bootstrapsigner',
    onRequest: true,
    create: createBootstrapSigner,
  },
  { name: 'token-cleaner-controller', alias: 'tokencleaner', onRequest: true, create: createTokenCleaner },
  { name: 'taint-eviction-controller', create: createTaintEvictionController },
  {
    name: 'clusterrole-aggregation-controller',
    alias: 'clusterrole-aggregation',
    create: createClusterRoleAggregationController,
  },
  {
    name: 'resourcequota-controller',
    alias: 'resourcequota',
    create: (context, { resourceQuota }) => createResourceQuotaController(context, resourceQuota),
  },
  {
    name: 'serviceaccount-token-controller',
    alias: 'serviceaccount-token',
    create: (context, { issueToken, rootCa }) =>
      issueToken &&
      createServiceAccountTokenController(context, { issueToken, ...(rootCa === undefined ? {} : { rootCa }) }),
  },
  {
    name: 'legacy-serviceaccount-token-cleaner-controller',
    alias: 'legacy-service-account-token-cleaner',
    create: (context, { legacyTokens }) => createLegacyTokenCleaner(context, legacyTokens),
  },
  {
    name: 'certificatesigningrequest-approving-controller',
    alias: 'csrapproving',
    create: (context, { csrSigner, approveKubeletServing = false }) =>
      csrSigner && createCsrApprover(context, { csrSigner, approveServing: approveKubeletServing }),
  },
  {
    name: 'certificatesigningrequest-signing-controller',
    alias: 'csrsigning',
    create: (context, { csrSigner }) => csrSigner && createCsrSigningController(context, { csrSigner }),
  },
  { name: 'certificatesigningrequest-cleaner-controller', alias: 'csrcleaner', create: createCsrCleaner },
]

/** Every controller there is. */
export const controllerNames: readonly string[] = ENTRIES.map(entry => entry.name)

/** Those that run where a word `*` asks for all. */
export const defaultControllerNames: readonly string[] = ENTRIES.filter(entry => !entry.onRequest).map(
  entry => entry.name,
)

/**
 * Controllers that upstream knows and, in this version, leaves out unless a feature is turned on or somebody asks for them: their names are
 * no mistake, and nothing runs under them.
 */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'kube-apiserver-serving-clustertrustbundle-publisher-controller',
  'podcertificaterequest-cleaner-controller',
  'podgroup-protection-controller',
  'resourcepoolstatusrequest-controller',
  'selinux-warning-controller',
  'storageversion-garbage-collector-controller',
])

/** Whether `--controllers` may name it. */
export const isControllerName = (name: string): boolean => controllerNames.includes(name) || LEFT_OUT.has(name)

const ALIASES = new Map(ENTRIES.flatMap(({ name, alias }) => (alias === undefined ? [] : [[alias, name]])))

/** A word of `--controllers` with the present name of the controller in it. */
export function withPresentName(word: string): string {
  const [sign, name] = word.startsWith('-') ? ['-', word.slice(1)] : ['', word]
  return sign + (ALIASES.get(name) ?? name)
}

/**
 * Makes the controllers that the options ask for. Their informers are asked for at once, so make them before
 * `context.informers.start`; each runs with its own `run(signal)`. Throws where a name is unknown.
 */
export function createControllers(context: ControllerContext, options: ControllersOptions = {}): Controller[] {
  const wanted = new Set(selectControllers(options.controllers ?? ['*']))
  const { client, clock, logger } = context
  const recorder = options.events ?? (component => createEventRecorder({ client, clock, logger, component }))
  const controllers: Controller[] = []
  for (const { name, component, create } of ENTRIES) {
    if (!wanted.has(name)) continue
    const workers = options.workers?.[name]
    const own = { ...context, ...(workers === undefined ? {} : { workers }), events: recorder(component ?? name) }
    const controller = create(own, options)
    if (controller) controllers.push(controller)
  }
  return controllers
}

/**
 * The names that words of `--controllers` ask for: the first word about a controller counts, `*` speaks for those that are not named and run by
 * default (k8s.io/controller-manager/app/helper.go). Throws where a name is unknown.
 */
export function selectControllers(given: readonly string[]): string[] {
  const words = given.map(withPresentName)
  for (const word of words) {
    const name = word.replace(/^-/, '')
    if (name !== '*' && !isControllerName(name)) {
      throw new TypeError(`${JSON.stringify(name)} is not in the list of known controllers`)
    }
  }
  return controllerNames.filter(name => {
    const word = words.find(each => each === name || each === `-${name}`)
    return word === undefined ? words.includes('*') && defaultControllerNames.includes(name) : word === name
  })
}
