import type { Secret, ServiceAccount } from '@canopus/api/core/v1'
import { allAdmission, OFF_BY_DEFAULT } from './admission/index.ts'
import { anonymousAuthenticator } from './authn/anonymous.ts'
import { BearerTokens, type TokenAuthenticator } from './authn/bearer.ts'
import { bootstrapTokens } from './authn/bootstrap-token.ts'
import { ClientCertificateAuthenticator } from './authn/client-certificate.ts'
import { discoveryDocuments } from './authn/discovery-documents.ts'
import { issueLegacyToken, ServiceAccountTokenIssuer } from './authn/service-account-issuer.ts'
import { type ServiceAccountKeys, serviceAccountKeys } from './authn/service-account-keys.ts'
import { ServiceAccountTokens } from './authn/service-account-tokens.ts'
import { parseTokenFile } from './authn/token-file.ts'
import { unionAuthenticator } from './authn/union.ts'
import { alwaysAllow, alwaysDeny, privilegedGroup, unionAuthorizer } from './authz/modes.ts'
import { NodeAuthorizer } from './authz/node.ts'
import { NodeGraph } from './authz/node-graph.ts'
import { RbacAuthorizer } from './authz/rbac.ts'
import { RoleIndex } from './authz/role-index.ts'
import { NODE_RULES } from './bootstrap/default-roles.ts'
import type { AdmissionPlugin, Authorizer, Security, SecurityContext, SecurityFactory } from './security.ts'

export type AuthorizationMode = 'Node' | 'RBAC' | 'AlwaysAllow' | 'AlwaysDeny'

export interface SecurityOptions {
  /** PEM key that signs service-account tokens (`sa.key`). */
  serviceAccountKey: string
  /** PEM public keys whose tokens are accepted too. */
  otherServiceAccountKeys?: readonly string[]
  /** `iss` of issued tokens; `https://kubernetes.default.svc.cluster.local` where missing. */
  serviceAccountIssuer?: string
  /** The API server's audiences; the issuer where missing. */
  audiences?: readonly string[]
  /** Text of a static token file (`token,user,uid,"groups"` per line). */
  tokenFile?: string
  /** Whether requests without a credential are `system:anonymous` rather than refused; true where missing. */
  anonymous?: boolean
  /** Whether bootstrap tokens are accepted; true where missing. */
  bootstrapTokens?: boolean
  /** In this order; `Node` and `RBAC` where missing. */
  authorizationModes?: readonly AuthorizationMode[]
  /** Admission plugins to run besides the usual ones, by name (`StorageObjectInUseProtection`). */
  enabledAdmission?: readonly string[]
  /** Admission plugins to leave out, by name. */
  disabledAdmission?: readonly string[]
}

/** Authentication, authorization and admission as Kubernetes has them, for the composition root to hand to the server. */
export function createSecurity(options: SecurityOptions): SecurityFactory {
  return context => {
    const issuer = options.serviceAccountIssuer ?? 'https://kubernetes.default.svc.cluster.local'
    const audiences = options.audiences ?? [issuer]
    const keys = serviceAccountKeys(options.serviceAccountKey, options.otherServiceAccountKeys)
    const bearer = new BearerTokens(tokenKinds(options, context, keys, issuer, audiences), audiences)
    const { objects, clock, random } = context
    const roles = new RoleIndex(objects)
    const rbac = new RbacAuthorizer(roles)
    const authorizer = createAuthorizer(options.authorizationModes ?? ['Node', 'RBAC'], rbac, context)
    return {
      authenticator: unionAuthenticator({
        credentials: [new ClientCertificateAuthenticator(() => clock.now()), bearer],
        ...(options.anonymous === false ? {} : { anonymous: anonymousAuthenticator }),
      }),
      authorizer,
      admission: allAdmission({ ...context, authorizer, roles, rbac }).filter(plugin => isEnabled(plugin, options)),
      tokenIssuer: new ServiceAccountTokenIssuer({ keys, issuer, audiences, objects, clock, random }),
      tokenReviewer: bearer,
      documents: discoveryDocuments(issuer, keys),
    } satisfies Security
  }
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

function tokenKinds(
  options: SecurityOptions,
  { objects, clock }: SecurityContext,
  keys: ServiceAccountKeys,
  issuer: string,
  audiences: readonly string[],
): TokenAuthenticator[] {
  return [
    ...(options.tokenFile === undefined ? [] : [parseTokenFile(options.tokenFile)]),
    new ServiceAccountTokens({ keys, issuers: [issuer], audiences, objects, clock }),
    ...(options.bootstrapTokens === false ? [] : [bootstrapTokens(objects, () => clock.now())]),
  ]
}

function isEnabled({ name }: AdmissionPlugin, options: SecurityOptions): boolean {
  if (options.disabledAdmission?.includes(name)) return false
  return !OFF_BY_DEFAULT.includes(name) || (options.enabledAdmission?.includes(name) ?? false)
}

function createAuthorizer(
  modes: readonly AuthorizationMode[],
  rbac: RbacAuthorizer,
  { objects }: SecurityContext,
): Authorizer {
  const make = (mode: AuthorizationMode): Authorizer => {
    switch (mode) {
      case 'Node':
        return new NodeAuthorizer(new NodeGraph(objects), NODE_RULES)
      case 'RBAC':
        return rbac
      case 'AlwaysAllow':
        return alwaysAllow
      case 'AlwaysDeny':
        return alwaysDeny
    }
  }
  return unionAuthorizer([privilegedGroup, ...modes.map(make)])
}
