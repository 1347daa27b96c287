export { readAdmissionConfiguration } from './admission/configuration/file.ts'
export { checkPluginNames, isPluginOn } from './admission/plugin-names.ts'
export { createKindSchemas } from './admission/policies/kind-schemas.ts'
export { checkPolicyTypes, type KindSchemas } from './admission/policies/type-checking.ts'
export type { AggregationOptions } from './aggregation/aggregator.ts'
export type { ProxyClient } from './aggregation/extension-servers.ts'
export { ServiceRange } from './allocators/service-range.ts'
export { Auditor } from './audit/auditor.ts'
export type { AuditMode, BatchOptions } from './audit/buffered-backend.ts'
export {
  type AuditLogOptions,
  type AuditorOptions,
  type AuditWebhookOptions,
  createAuditor,
} from './audit/create-auditor.ts'
export { ExternalKeys } from './authn/external-signer/external-keys.ts'
export { connectExternalSigner } from './authn/external-signer/signer.ts'
export { type Authorities, authoritiesOf } from './authn/issued-by.ts'
export type { JwtIssuer } from './authn/jwt/configuration.ts'
export { SIGNING_ALGORITHMS } from './authn/jwt/jwt-authenticator.ts'
export type { RequestHeaderOptions } from './authn/request-header.ts'
export { AUTHORIZATION_MODES, type AuthorizationMode } from './authz/modes.ts'
export { runEndpointReconciler, serverAddresses } from './bootstrap/endpoint-leases.ts'
export {
  type AuthenticationFacts,
  type BootstrapOptions,
  type BootstrapTokenOptions,
  bootstrapCluster,
  createBootstrapToken,
  ensureAuthenticationConfig,
  ensureKubernetesService,
  ensureServiceCidr,
  type KubernetesServiceFacts,
  keepFlowControl,
  keepLegacyTokenTracking,
  keepServiceCidr,
  persevere,
} from './bootstrap/index.ts'
export { CONSISTENCY_CHECK_PERIOD } from './cache/consistency-check.ts'
export {
  type AutoApproval,
  type CsrSigner,
  type CsrSignerOptions,
  createCsrSigner,
  type SigningResult,
} from './certificates/csr-signer.ts'
export { type ConfigFile, readConfigFile } from './config/config-file.ts'
export type { ConfigurationFile } from './configuration/file.ts'
export {
  createLegacyTokenIssuer,
  createSecurity,
  type SecurityOptions,
} from './create-security.ts'
export { GIT_VERSION, KUBERNETES_MINOR, versionInfo } from './discovery/version.ts'
export { readEgressConfiguration } from './egress/configuration.ts'
export type { Dialer } from './egress/dial.ts'
export { type Measured, measuredDials } from './egress/dial-metrics.ts'
export { type Egress, egressOf } from './egress/egress.ts'
export { checkEffectiveVersion, type EffectiveVersionFlags } from './features/effective-version.ts'
export { FeatureGates, gateHelp, parseFeatureGates } from './features/feature-gates.ts'
export type { GateComponent } from './features/gate-scopes.ts'
export { kindsOfFeatures, parseRuntimeConfig, RuntimeConfig, withGates } from './features/runtime-config.ts'
export type { ServingOptions } from './filters/serving-options.ts'
export { Health, type HealthCheck } from './health/health.ts'
export type { Listener, ListenOptions, TlsOptions } from './http/listen.ts'
export { type ApiRequest, type ApiResponse, type Headers, jsonResponse, type StreamSink } from './http/message.ts'
export { countedGrpcCalls } from './metrics/grpc-metrics.ts'
export { METRICS_RESET, METRICS_TYPE, registerBuildInfo, registerOwnFamilies } from './metrics/server-metrics.ts'
export { loadDescriptions } from './openapi/load-descriptions.ts'
export { keepPeerAddress, parseAddress } from './peers/peer-addresses.ts'
export { PEER_ADDRESS, type PeersOptions } from './peers/peers.ts'
export { errorResponse } from './registry/respond.ts'
export type { ContainerPoint, Scrape } from './resource-metrics/exposition.ts'
export type { NodeMetrics } from './resource-metrics/scraper.ts'
export type { ReviewEndpoint } from './review-webhook/client.ts'
export type * from './security.ts'
export { type ApiServer, type ApiServerOptions, createApiServer, servesResourceMetrics } from './server.ts'
export { type CompactionOptions, runCompaction } from './storage/compaction.ts'
export { EncryptedStore } from './storage/encryption/encrypted-store.ts'
export { Encryption, type EncryptionOptions } from './storage/encryption/encryption.ts'
export type { StoreElsewhere } from './storage/places.ts'
export type { KubeletCredentials } from './subresources/node-address.ts'
export { createTracing } from './tracing/create-tracing.ts'
export { tracedGrpcCall } from './tracing/grpc-call.ts'
export type { Tracing } from './tracing/tracing.ts'
export { createWebhookClient, WebhookCallError, type WebhookCaller, type WebhookTarget } from './webhook/client.ts'
export { createServiceResolver, type ServiceResolver } from './webhook/service-resolver.ts'
export { type FlagValues, serveFlagz } from './zpages/flagz.ts'
export { type ProfilingOptions, serveProfiling } from './zpages/profiling.ts'
export { Statusz } from './zpages/statusz.ts'
