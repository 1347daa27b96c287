import type { Secret, ServiceAccount } from '@canopus/api/core/v1'
import type { AdmissionConfiguration } from './admission/configuration/file.ts'
import type { DefaultTolerations } from './admission/default-toleration-seconds.ts'
import { allAdmission } from './admission/index.ts'
import { FEATURES, isPluginOn } from './admission/plugin-names.ts'
import { BearerTokens, type TokenAuthenticator } from './authn/bearer.ts'
import { bootstrapTokens } from './authn/bootstrap-token.ts'
import { ClientCertificateAuthenticator } from './authn/client-certificate.ts'
import { configuredAuthentication, type TokenWebhookFacts, webhookTokens } from './authn/configured.ts'
import { discoveryDocuments } from './authn/discovery-documents.ts'
import type { Authorities } from './authn/issued-by.ts'
import type { JwtIssuer } from './authn/jwt/configuration.ts'
import { type RequestHeaderOptions, requestHeaderAuthenticator } from './authn/request-header.ts'
import { issueLegacyToken, ServiceAccountTokenIssuer } from './authn/service-account-issuer.ts'
import { type ServiceAccountKeys, serviceAccountKeys } from './authn/service-account-keys.ts'
import { ServiceAccountTokens } from './authn/service-account-tokens.ts'
import { type TokenCacheMetrics, tokenCacheMetrics } from './authn/token-cache-metrics.ts'
import { parseTokenFile } from './authn/token-file.ts'
import { tokenUses } from './authn/token-uses.ts'
import { unionAuthenticator } from './authn/union.ts'
import { type AuthorizationWebhookFacts, createAuthorizer } from './authz/configured.ts'
import type { AuthorizationMode } from './authz/modes.ts'
import { RbacAuthorizer } from './authz/rbac.ts'
import { RoleIndex } from './authz/role-index.ts'
import type { ConfigurationFile } from './configuration/file.ts'
import type { Egress } from './egress/egress.ts'
import type { ReviewEndpoint } from './review-webhook/client.ts'
import type { Authenticator, Security, SecurityContext, SecurityFactory } from './security.ts'

export interface SecurityOptions {
  /** PEM key that signs service-account tokens (`sa.key`), or whatever else does. */
  serviceAccountKey: string | ServiceAccountKeys
  /** PEM public keys whose tokens are accepted too. */
  otherServiceAccountKeys?: readonly string[]
  /** `iss` of issued tokens; `https://kubernetes.default.svc.cluster.local` where missing. */
  serviceAccountIssuer?: string
  /** Issuers whose tokens are accepted besides those of `serviceAccountIssuer`, so that its name can be changed. */
  otherServiceAccountIssuers?: readonly string[]
  /** Tokens live no longer than this, in seconds. */
  serviceAccountMaxTokenSeconds?: number
  /** Whether tokens of the volume that admission injects live a year; true where missing. */
  extendServiceAccountTokens?: boolean
  /** How long those live then, in seconds; a year where missing. */
  extendedTokenSeconds?: number
  /** Where the key set is, for the discovery document; at the issuer where missing. */
  serviceAccountJwksUri?: string
  /** The API server's audiences; the issuers where missing. */
  audiences?: readonly string[]
  /** Text of a static token file (`token,user,uid,"groups"` per line). */
  tokenFile?: string
  /** Authorities of client certificates (PEM). Needed where the listener takes those of front proxies too. */
  clientCa?: Authorities
  /** From whom identities in headers are believed. */
  requestHeader?: RequestHeaderOptions
  /** Whether requests without a credential are `system:anonymous` rather than refused; true where missing. */
  anonymous?: boolean
  /** Whether bootstrap tokens are accepted; true where missing. */
  bootstrapTokens?: boolean
  /** Issuers of tokens besides this server, and which algorithms they may sign with (all where missing). */
  jwt?: { issuers: readonly JwtIssuer[]; algorithms?: readonly string[] }
  /** An AuthenticationConfiguration in place of `jwt` and `anonymous`. */
  authenticationConfiguration?: ConfigurationFile
  /** By what ways issuers are reached that are said to be behind one. */
  egress?: Egress | undefined
  /** A program that knows tokens. */
  tokenWebhook?: TokenWebhookFacts
  /** In this order; `Node` and `RBAC` where missing. */
  authorizationModes?: readonly AuthorizationMode[]
  /** For the mode `Webhook`. */
  authorizationWebhook?: AuthorizationWebhookFacts
  /** Text of the policy file for the mode `ABAC`. */
  abacPolicy?: string
  /** An AuthorizationConfiguration in place of `authorizationModes`. */
  authorizationConfiguration?: ConfigurationFile
  /** Where the webhooks of configuration files are, by their kubeconfig. Throws where it cannot be read. */
  webhookEndpoint?: (kubeConfigFile: string) => ReviewEndpoint
  /** The same for the program that says which images pods may have. */
  imagePolicyEndpoint?: (kubeConfigFile: string) => ReviewEndpoint
  /** Admission plugins to run besides the usual ones, by name. */
  enabledAdmission?: readonly string[]
  /** Admission plugins to leave out, by name. */
  disabledAdmission?: readonly string[]
  /** What plugins are told, from `readAdmissionConfiguration`. */
  admissionConfiguration?: AdmissionConfiguration
  defaultTolerations?: DefaultTolerations
}

/**
 * Authentication, authorization and admission as Kubernetes has them, for the composition root to hand to the server. The
 * factory throws where a configuration is wrong.
 */
export function createSecurity(options: SecurityOptions): SecurityFactory {
  return context => {
    const issuer = options.serviceAccountIssuer ?? 'https://kubernetes.default.svc.cluster.local'
    const issuers = [issuer, ...(options.otherServiceAccountIssuers ?? [])]
    const audiences = options.audiences ?? issuers
    const { serviceAccountKey: key } = options
    const keys = typeof key === 'string' ? serviceAccountKeys(key, options.otherServiceAccountKeys) : key
    const { objects, clock, random } = context
    const cacheMetrics = context.metrics && tokenCacheMetrics(context.metrics)
    const configured = configuredAuthentication(options, context, { ownIssuers: issuers, cacheMetrics })
    const kinds = tokenKinds(options, context, { keys, issuers, audiences, jwt: configured.tokens, cacheMetrics })
    const bearer = new BearerTokens(kinds, audiences)
    const roles = new RoleIndex(objects)
    const rbac = new RbacAuthorizer(roles)
    const authorizer = createAuthorizer(options, rbac, context)
    const { anonymous } = configured
    return {
      authenticator: unionAuthenticator({
        credentials: [...certificates(options, context), bearer],
        ...(anonymous === undefined ? {} : { anonymous }),
      }),
      authorizer,
      admission: allAdmission({
        ...context,
        authorizer,
        roles,
        rbac,
        ...(options.admissionConfiguration === undefined ? {} : { configuration: options.admissionConfiguration }),
        ...(options.imagePolicyEndpoint === undefined ? {} : { webhookEndpoint: options.imagePolicyEndpoint }),
        ...(options.defaultTolerations === undefined ? {} : { defaultTolerations: options.defaultTolerations }),
      }).filter(
        ({ name }) =>
          isPluginOn(name, options.enabledAdmission, options.disabledAdmission) &&
          (!(name in FEATURES) || (context.featureGates?.enabled(FEATURES[name]!) ?? true)),
      ),
      tokenIssuer: new ServiceAccountTokenIssuer({
        keys,
        issuer,
        audiences,
        objects,
        clock,
        random,
        checksUid: context.featureGates?.enabled('TokenRequestServiceAccountUIDValidation') ?? true,
        extendExpiration: options.extendServiceAccountTokens ?? true,
        ...(options.extendedTokenSeconds === undefined ? {} : { extendedSeconds: options.extendedTokenSeconds }),
        ...(options.serviceAccountMaxTokenSeconds ? { longestSeconds: options.serviceAccountMaxTokenSeconds } : {}),
      }),
      tokenReviewer: bearer,
      documents: discoveryDocuments(issuer, keys, options.serviceAccountJwksUri),
    } satisfies Security
  }
}

function certificates(
  { clientCa, requestHeader }: SecurityOptions,
  { clock, featureGates }: SecurityContext,
): Authenticator[] {
  const now = (): number => clock.now()
  const readsUid = featureGates?.enabled('AllowParsingUserUIDFromCertAuth') ?? true
  if (requestHeader === undefined) return [new ClientCertificateAuthenticator(now, clientCa, readsUid)]
  // Where the listener takes front proxies' certificates, it must be known which are clients' own.
  const clients = clientCa === undefined ? [] : [new ClientCertificateAuthenticator(now, clientCa, readsUid)]
  return [requestHeaderAuthenticator(requestHeader, now), ...clients]
}

/**
 * Makes the tokens of secrets of type `kubernetes.io/service-account-token`, for the controller that fills them in.
 * `serviceAccountKey` is PEM (`sa.key`).
 */
export function createLegacyTokenIssuer(
  serviceAccountKey: string,
): (account: ServiceAccount, secret: Secret) => Promise<string> {
  const keys = serviceAccountKeys(serviceAccountKey)
  return (account, secret) => issueLegacyToken(keys, account, secret)
}

interface TokenFacts {
  readonly keys: ServiceAccountKeys
  readonly issuers: readonly string[]
  readonly audiences: readonly string[]
  readonly jwt: TokenAuthenticator | undefined
  readonly cacheMetrics: TokenCacheMetrics | undefined
}

function tokenKinds(
  options: SecurityOptions,
  context: SecurityContext,
  { keys, issuers, audiences, jwt, cacheMetrics }: TokenFacts,
): TokenAuthenticator[] {
  const { objects, clock } = context
  const uses = tokenUses(context)
  return [
    ...(options.tokenFile === undefined ? [] : [parseTokenFile(options.tokenFile)]),
    new ServiceAccountTokens({ keys, issuers, audiences, objects, clock, uses }),
    ...(options.bootstrapTokens === false ? [] : [bootstrapTokens(objects, () => clock.now())]),
    ...(jwt === undefined ? [] : [jwt]),
    ...(options.tokenWebhook === undefined
      ? []
      : [webhookTokens(options.tokenWebhook, context, { audiences, cacheMetrics })]),
  ]
}
