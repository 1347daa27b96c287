/** The controllers of a cluster, by the names that `--controllers` of a controller manager knows. */
import { type Controller, type ControllerContext, createEventRecorder, type EventRecorder } from '@canopus/operator'
import { type AutoscalerOptions, createHorizontalPodAutoscaler } from './autoscaler/controller.ts'
import { createCsrApprover } from './certificates/approver.ts'
import { createCsrCleaner } from './certificates/cleaner.ts'
import type { CsrSigner } from './certificates/csr-signer.ts'
import { createCsrSigningController } from './certificates/signer.ts'
import type { CloudProvider } from './cloud/provider.ts'
import { createServiceBalancerController } from './cloud/service-lb.ts'
import { createClusterRoleAggregationController } from './cluster-role-aggregation.ts'
import { createCronJobController } from './cron-job/controller.ts'
import { createDaemonSetController } from './daemon-set/controller.ts'
import { createDeploymentController } from './deployment/controller.ts'
import { createDisruptionController } from './disruption.ts'
import { createEndpointsController } from './endpoints/endpoints-controller.ts'
import { createEndpointSliceMirroringController } from './endpoints/mirroring-controller.ts'
import { createEndpointSliceController } from './endpoints/slices-controller.ts'
import { createGarbageCollector } from './garbage-collector/controller.ts'
import { createJobController } from './job/controller.ts'
import { createTtlAfterFinishedController } from './job/ttl.ts'
import { createLegacyTokenCleaner } from './legacy-token-cleaner.ts'
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
import { createResourceQuotaController } from './resource-quota.ts'
import { createRootCaPublisher } from './root-ca-publisher.ts'
import { createServiceAccountController } from './service-account.ts'
import { createServiceAccountTokenController, type ServiceAccountTokenOptions } from './service-account-tokens.ts'
import { createServiceCidrController } from './service-cidr.ts'
import { createStatefulSetController } from './stateful-set/controller.ts'
import { createTokenCleaner } from './token-cleaner.ts'
import { createAttachDetachController } from './volume/attach-detach/controller.ts'
import { createAttributesClassProtectionController } from './volume/attributes-class-protection.ts'
import { createPersistentVolumeBinder } from './volume/binder/controller.ts'
import { createEphemeralVolumeController } from './volume/ephemeral.ts'
import { createVolumeExpander } from './volume/expander.ts'
import { createClaimProtectionController, createVolumeProtectionController } from './volume/protection.ts'

export interface ControllersOptions {
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
  autoscaler?: AutoscalerOptions
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
  /** Nothing where the options leave out what it needs. */
  create(context: ControllerContext, options: ControllersOptions): Controller | undefined
}

const ENTRIES: readonly Entry[] = [
  { name: 'namespace-controller', create: createNamespaceController },
  { name: 'serviceaccount-controller', create: createServiceAccountController },
  {
    name: 'root-ca-certificate-publisher-controller',
    create: (context, { rootCa }) => (rootCa === undefined ? undefined : createRootCaPublisher(context, { rootCa })),
  },
  { name: 'replicaset-controller', create: createReplicaSetController },
  {
    name: 'replicationcontroller-controller',
    component: 'replication-controller',
    create: createReplicationController,
  },
  { name: 'deployment-controller', create: createDeploymentController },
  {
    name: 'endpointslice-controller',
    component: 'endpoint-slice-controller',
    create: context => createEndpointSliceController(context),
  },
  { name: 'endpoints-controller', component: 'endpoint-controller', create: createEndpointsController },
  { name: 'endpointslice-mirroring-controller', create: createEndpointSliceMirroringController },
  { name: 'garbage-collector-controller', create: createGarbageCollector },
  {
    name: 'pod-garbage-collector-controller',
    create: (context, { podGc }) => createPodGarbageCollector(context, podGc),
  },
  {
    name: 'node-ipam-controller',
    component: 'cidrAllocator',
    create: (context, { nodeIpam }) => (nodeIpam ? createNodeIpamController(context, nodeIpam) : undefined),
  },
  {
    name: 'node-lifecycle-controller',
    component: 'node-controller',
    create: (context, { nodeLifecycle }) => createNodeLifecycleController(context, nodeLifecycle),
  },
  { name: 'service-cidr-controller', create: createServiceCidrController },
  { name: 'ttl-controller', create: createTtlController },
  { name: 'statefulset-controller', create: createStatefulSetController },
  { name: 'daemonset-controller', create: createDaemonSetController },
  { name: 'job-controller', create: createJobController },
  { name: 'ttl-after-finished-controller', create: createTtlAfterFinishedController },
  { name: 'cronjob-controller', create: createCronJobController },
  {
    name: 'horizontal-pod-autoscaler-controller',
    component: 'horizontal-pod-autoscaler',
    create: (context, { autoscaler }) => createHorizontalPodAutoscaler(context, autoscaler),
  },
  {
    name: 'service-lb-controller',
    component: 'service-controller',
    create: (context, { cloud }) => {
      const balancers = cloud?.(context).loadBalancers
      return balancers && createServiceBalancerController(context, balancers)
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
  { name: 'disruption-controller', component: 'controllermanager', create: createDisruptionController },
  { name: 'ephemeral-volume-controller', create: createEphemeralVolumeController },
  {
    name: 'persistentvolume-binder-controller',
    component: 'persistentvolume-controller',
    create: createPersistentVolumeBinder,
  },
  {
    name: 'persistentvolume-attach-detach-controller',
    component: 'attachdetach-controller',
    create: createAttachDetachController,
  },
  { name: 'persistentvolume-expander-controller', component: 'volume_expand', create: createVolumeExpander },
  { name: 'volumeattributesclass-protection-controller', create: createAttributesClassProtectionController },
  { name: 'persistentvolumeclaim-protection-controller', create: createClaimProtectionController },
  { name: 'persistentvolume-protection-controller', create: createVolumeProtectionController },
  { name: 'token-cleaner-controller', create: createTokenCleaner },
  { name: 'taint-eviction-controller', create: createTaintEvictionController },
  { name: 'clusterrole-aggregation-controller', create: createClusterRoleAggregationController },
  { name: 'resourcequota-controller', create: createResourceQuotaController },
  {
    name: 'serviceaccount-token-controller',
    create: (context, { issueToken, rootCa }) =>
      issueToken &&
      createServiceAccountTokenController(context, { issueToken, ...(rootCa === undefined ? {} : { rootCa }) }),
  },
  { name: 'legacy-serviceaccount-token-cleaner-controller', create: context => createLegacyTokenCleaner(context) },
  {
    name: 'certificatesigningrequest-approving-controller',
    create: (context, { csrSigner, approveKubeletServing = false }) =>
      csrSigner && createCsrApprover(context, { csrSigner, approveServing: approveKubeletServing }),
  },
  {
    name: 'certificatesigningrequest-signing-controller',
    create: (context, { csrSigner }) => csrSigner && createCsrSigningController(context, { csrSigner }),
  },
  { name: 'certificatesigningrequest-cleaner-controller', create: createCsrCleaner },
]

/** Every controller there is. */
export const controllerNames: readonly string[] = ENTRIES.map(entry => entry.name)

/**
 * Makes the controllers that the options ask for. Their informers are asked for at once, so make them before
 * `context.informers.start`; each runs with its own `run(signal)`. Throws where a name is unknown.
 */
export function createControllers(context: ControllerContext, options: ControllersOptions = {}): Controller[] {
  const wanted = selection(options.controllers ?? ['*'])
  const { client, clock, logger } = context
  const recorder = options.events ?? (component => createEventRecorder({ client, clock, logger, component }))
  const controllers: Controller[] = []
  for (const { name, component, create } of ENTRIES) {
    if (!wanted(name)) continue
    const controller = create({ ...context, events: recorder(component ?? name) }, options)
    if (controller) controllers.push(controller)
  }
  return controllers
}

/** The last word on a name counts; `*` speaks for those that are not named. */
function selection(words: readonly string[]): (name: string) => boolean {
  for (const word of words) {
    const name = word.replace(/^-/, '')
    if (name !== '*' && !controllerNames.includes(name)) {
      throw new TypeError(`${JSON.stringify(name)} is not in the list of known controllers`)
    }
  }
  return name => {
    if (words.includes(name)) return true
    if (words.includes(`-${name}`)) return false
    return words.includes('*')
  }
}
