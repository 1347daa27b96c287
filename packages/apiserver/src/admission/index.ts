import type { AdmissionPlugin } from '../security.ts'
import type { WebhookCredentialsFor } from '../webhook/credentials.ts'
import { adminAccess } from './admin-access.ts'
import { AdmissionMetrics } from './admission-metrics.ts'
import { alwaysPullImages } from './always-pull-images.ts'
import { limitPodHardAntiAffinityTopology } from './anti-affinity-topology.ts'
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './certificates.ts'
import { claimStatusAuthorization } from './claim-status.ts'
import { defaultTolerationSeconds } from './default-toleration-seconds.ts'
import { alwaysDeny, denyServiceExternalIPs } from './denials.ts'
import { eventRateLimit } from './event-rate-limit.ts'
import { webhookConditions } from './expressions/match-conditions.ts'
import { extendedResourceToleration } from './extended-resource-toleration.ts'
import { imagePolicyWebhook } from './image-policy-webhook.ts'
import { limitRanger } from './limit-ranger.ts'
import { namespaceLifecycle } from './namespace-lifecycle.ts'
import { namespaceAutoProvision, namespaceExists } from './namespace-presence.ts'
import { nodeDeclaredFeatureValidator } from './node-declared-features.ts'
import { nodeRestriction } from './node-restriction.ts'
import { ownerReferencesPermissionEnforcement } from './owner-permissions.ts'
import { podNodeSelector } from './pod-node-selector.ts'
import { podResizeValidator } from './pod-resize.ts'
import { podSecurity } from './pod-security/index.ts'
import { podTolerationRestriction } from './pod-toleration-restriction.ts'
import { podTopologyLabels } from './pod-topology-labels.ts'
import { mutatingPolicies } from './policies/mutating.ts'
import { validatingPolicies } from './policies/validating.ts'
import { priority } from './priority.ts'
import { resourceQuota } from './resource-quota.ts'
import { roleEscalation } from './role-escalation.ts'
import { runtimeClass } from './runtime-class.ts'
import { serviceAccount } from './service-account.ts'
import type { AdmissionContext } from './shared.ts'
import {
  defaultIngressClass,
  defaultStorageClass,
  persistentVolumeClaimResize,
  storageObjectInUseProtection,
} from './storage.ts'
import { taintNodesByCondition } from './taint-nodes-by-condition.ts'
import { mutatingWebhooks } from './webhooks/mutating.ts'
import { validatingWebhooks } from './webhooks/validating.ts'

/**
 * The admission chain, in upstream's order (pkg/kubeapiserver/options/plugins.go), with what runs only where it is asked for
 * (`OFF_BY_DEFAULT` in plugin-names.ts). What upstream has on as well but does nothing
 * without a feature gate that is off in 1.36 is not here: PodGroupProtection, PodGroupWorkloadExists, JobValidation,
 * ClusterTrustBundleAttest. Quota comes last: it charges, and what
 * is refused after it would stay charged until the next count.
 */
export function allAdmission(given: AdmissionContext): AdmissionPlugin[] {
  const context = { ...given, admissionMetrics: new AdmissionMetrics(given.metrics) }
  const webhooks = { ...context, matchConditions: webhookConditions(context.authorizer) }
  const { mutatingWebhooks: mutating, validatingWebhooks: validating } = context.configuration ?? {}
  const called = (credentials: WebhookCredentialsFor | undefined) =>
    credentials === undefined ? webhooks : { ...webhooks, credentials }
  return [
    namespaceAutoProvision(context),
    namespaceLifecycle(context),
    namespaceExists(context),
    limitPodHardAntiAffinityTopology,
    limitRanger(context),
    serviceAccount(context),
    nodeRestriction(context),
    taintNodesByCondition,
    alwaysPullImages,
    imagePolicyWebhook(context),
    podSecurity(context),
    podNodeSelector(context),
    priority(context),
    defaultTolerationSeconds(context.defaultTolerations),
    podTolerationRestriction(context),
    eventRateLimit(context),
    extendedResourceToleration,
    defaultStorageClass(context),
    storageObjectInUseProtection,
    ownerReferencesPermissionEnforcement(context),
    persistentVolumeClaimResize(context),
    runtimeClass(context),
    certificateApproval(context),
    certificateSigning(context),
    certificateSubjectRestriction,
    defaultIngressClass(context),
    denyServiceExternalIPs,
    podTopologyLabels(context),
    nodeDeclaredFeatureValidator(context),
    podResizeValidator(context),
    roleEscalation(context),
    claimStatusAuthorization(context),
    adminAccess(context),
    mutatingPolicies(context),
    mutatingWebhooks(called(mutating)),
    validatingPolicies(context),
    validatingWebhooks(called(validating)),
    resourceQuota(context),
    alwaysDeny,
  ]
}

export type { AdmissionContext } from './shared.ts'
