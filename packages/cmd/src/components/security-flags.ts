/** Who may come in and what they may do: kube-apiserver's flags (pkg/kubeapiserver/options). */
import { readFileSync } from 'node:fs'
import { aggregateText } from '@canopus/apimachinery'
import {
  AUTHORIZATION_MODES,
  type AuthenticationFacts,
  type Authorities,
  type AuthorizationMode,
  type ConfigurationFile,
  checkPluginNames,
  type Dialer,
  type Egress,
  isPluginOn,
  type JwtIssuer,
  type RequestHeaderOptions,
  type ReviewEndpoint,
  readAdmissionConfiguration,
  type SecurityOptions,
  SIGNING_ALGORITHMS,
} from '@canopus/apiserver'
import { type Logger, messageOf } from '@canopus/base'
import { Failure } from '@canopus/cli'
import { createHttpsTransport, readKubeconfigUser } from '@canopus/host'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { bool, duration, fileIfGiven, fileOf, given, list, lists, number, oneOf, required } from '../flags.ts'
import { type AuthorityFile, ClientAuthorities } from './client-authorities.ts'
import { followFiles } from './follow-files.ts'
import type { TokenSignerOptions } from './token-signer.ts'

export interface SecurityFlags {
  clientCaFile?: string
  requestheaderClientCaFile?: string
  requestheaderAllowedNames?: string[]
  requestheaderUsernameHeaders?: string[]
  requestheaderUidHeaders?: string[]
  requestheaderGroupHeaders?: string[]
  requestheaderExtraHeadersPrefix?: string[]
  serviceAccountKeyFile?: string[]
  serviceAccountLookup: boolean
  serviceAccountSigningKeyFile?: string
  serviceAccountIssuer?: string[]
  serviceAccountJwksUri?: string
  serviceAccountMaxTokenExpiration: number
  serviceAccountExtendTokenExpiration: boolean
  apiAudiences?: string[]
  anonymousAuth?: boolean
  tokenAuthFile?: string
  enableBootstrapTokenAuth: boolean
  authenticationConfig?: string
  oidcIssuerUrl?: string
  oidcClientId?: string
  oidcCaFile?: string
  oidcUsernameClaim: string
  oidcUsernamePrefix: string
  oidcGroupsClaim: string
  oidcGroupsPrefix: string
  oidcSigningAlgs: string[]
  oidcRequiredClaim?: Record<string, string>
  authenticationTokenWebhookConfigFile?: string
  authenticationTokenWebhookVersion: 'v1' | 'v1beta1'
  authenticationTokenWebhookCacheTtl: number
  authorizationMode?: AuthorizationMode[]
  authorizationConfig?: string
  authorizationPolicyFile?: string
  authorizationWebhookConfigFile?: string
  authorizationWebhookVersion: 'v1' | 'v1beta1'
  authorizationWebhookCacheAuthorizedTtl: number
  authorizationWebhookCacheUnauthorizedTtl: number
  enableAdmissionPlugins: string[]
  disableAdmissionPlugins: string[]
  defaultNotReadyTolerationSeconds: number
  defaultUnreachableTolerationSeconds: number
  admissionControlConfigFile?: string
}

const SECONDS = number(0, 2 ** 31 - 1)

export function addSecurityFlags(command: Command): void {
  command
    .option('--client-ca-file <file>', 'authorities whose client certificates are accepted')
    .option('--requestheader-client-ca-file <file>', "authorities of front proxies' certificates")
    .option('--requestheader-allowed-names <names>', "names that front proxies' certificates may have (all)", list)
    .option('--requestheader-username-headers <names>', 'where front proxies name the user (X-Remote-User)', list)
    .option(
      '--requestheader-uid-headers <names>',
      'where they give the uid (X-Remote-Uid, but none where other headers are named)',
      list,
    )
    .option('--requestheader-group-headers <names>', 'where they list the groups (X-Remote-Group)', list)
    .option('--requestheader-extra-headers-prefix <prefixes>', 'where they say more (X-Remote-Extra-)', list)
    .option('--service-account-signing-key-file <file>', 'key that signs service-account tokens')
    .option('--service-account-key-file <file>', 'keys whose tokens are accepted; may be repeated', repeated)
    .option('--service-account-lookup [bool]', 'tokens count while what they name exists; always so', lookup, true)
    .option('--service-account-issuer <url>', 'issuer of tokens; may be repeated, the first issues', repeated)
    .option('--service-account-jwks-uri <url>', 'where the keys of its tokens are told to be')
    .option('--service-account-max-token-expiration <duration>', 'the longest life of a token (no limit)', duration, 0)
    .option('--service-account-extend-token-expiration [bool]', 'injected tokens live a year', bool, true)
    .option('--api-audiences <names>', 'audiences of this server (default: the issuer)', list)
    .option('--anonymous-auth [bool]', 'requests without a credential are system:anonymous (true)', bool)
    .option('--token-auth-file <file>', 'static tokens: token,user,uid,"groups"')
    .option('--enable-bootstrap-token-auth [bool]', 'accept bootstrap tokens', bool, false)
    .option('--enable-admission-plugins <names>', 'run these besides the usual ones', lists, [])
    .option('--disable-admission-plugins <names>', 'leave these out', lists, [])
    .option('--default-not-ready-toleration-seconds <seconds>', 'how long pods stay on a node not ready', SECONDS, 300)
    .option('--default-unreachable-toleration-seconds <seconds>', 'or on one that is not heard of', SECONDS, 300)
    .option('--admission-control-config-file <file>', 'AdmissionConfiguration: what plugins are told')
  addIssuerFlags(command)
  addAuthorizationFlags(command)
}

function addIssuerFlags(command: Command): void {
  command
    .option('--authentication-config <file>', 'AuthenticationConfiguration; read again when it changes')
    .option('--oidc-issuer-url <url>', 'issuer of tokens (OpenID Connect)')
    .option('--oidc-client-id <id>', 'audience that its tokens must have')
    .option('--oidc-ca-file <file>', "authorities of the issuer's certificate (default: the system's)")
    .option('--oidc-username-claim <claim>', 'claim that names the user', 'sub')
    .option(
      '--oidc-username-prefix <prefix>',
      'put before the name; - for none (default: the issuer, but not for email)',
      '',
    )
    .option('--oidc-groups-claim <claim>', 'claim that lists the groups', '')
    .option('--oidc-groups-prefix <prefix>', 'put before each group', '')
    .option('--oidc-signing-algs <algorithms>', 'what tokens may be signed with', algorithms, ['RS256'])
    .option('--oidc-required-claim <claim=value>', 'what tokens must say; may be repeated', claim)
    .option('--authentication-token-webhook-config-file <file>', 'kubeconfig of a program that knows tokens')
    .addOption(version('authentication', '--authentication-token-webhook-version', 'of TokenReview'))
    .option('--authentication-token-webhook-cache-ttl <duration>', 'how long it is believed', duration, 120_000)
}

function addAuthorizationFlags(command: Command): void {
  command
    .option(
      '--authorization-mode <modes>',
      `in order, of ${AUTHORIZATION_MODES.join(', ')} (default: Node,RBAC)`,
      modes,
    )
    .option('--authorization-config <file>', 'AuthorizationConfiguration; read again when it changes')
    .option('--authorization-policy-file <file>', 'policies of the mode ABAC')
    .option('--authorization-webhook-config-file <file>', 'kubeconfig of the program of the mode Webhook')
    .addOption(version('authorization', '--authorization-webhook-version', 'of SubjectAccessReview'))
    .option('--authorization-webhook-cache-authorized-ttl <duration>', 'how long its yes counts', duration, 300_000)
    .option('--authorization-webhook-cache-unauthorized-ttl <duration>', 'how long its no counts', duration, 30_000)
}

const WEBHOOKS = { authentication: 'authentication webhook', authorization: 'webhook authorizer' }

const version = (of: keyof typeof WEBHOOKS, flag: string, what: string): Option =>
  new Option(`${flag} <version>`, `version ${what} that it speaks: v1, v1beta1`)
    .argParser(
      oneOf(
        ['v1', 'v1beta1'],
        text => `unsupported ${WEBHOOKS[of]} version ${JSON.stringify(text)}, supported versions are "v1", "v1beta1"`,
      ),
    )
    .default('v1beta1')

function lookup(text: string): boolean {
  if (bool(text)) return true
  throw new InvalidArgumentError('tokens are always looked up here, so it can only be true.')
}

const repeated = (text: string, before: readonly string[] | undefined): string[] => [...(before ?? []), text]

function modes(text: string): AuthorizationMode[] {
  return list(text).map(mode => {
    const found = AUTHORIZATION_MODES.find(each => each === mode)
    if (found !== undefined) return found
    throw new Failure(`authorization-mode ${JSON.stringify(mode)} is not a valid mode`)
  })
}

function algorithms(text: string): string[] {
  const wrong = list(text).find(each => !SIGNING_ALGORITHMS.includes(each))
  if (wrong !== undefined) throw new InvalidArgumentError(`${wrong} is none of ${SIGNING_ALGORITHMS.join(', ')}.`)
  return list(text)
}

function claim(text: string, before: Record<string, string> | undefined): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('malformed pair, expect string=string')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

/** What `createSecurity` is to do by these flags. Throws `Failure` where they contradict each other or a file is missing. */
export function securityOptions(
  flags: SecurityFlags,
  authorities = new ClientAuthorities(flags),
  { signer, egress }: { signer?: TokenSignerOptions; egress?: Egress | undefined } = {},
): SecurityOptions {
  return {
    ...(signer === undefined ? serviceAccountKeyFiles(flags) : { serviceAccountKey: signer.serviceAccountKey }),
    bootstrapTokens: flags.enableBootstrapTokenAuth,
    ...given({
      clientCa: current(authorities.clients),
      requestHeader: requestHeaderOptions(flags, authorities),
    }),
    ...sharedSecurityOptions(flags, egress),
    ...signer,
  }
}

function serviceAccountKeyFiles(
  flags: SecurityFlags,
): Pick<SecurityOptions, 'serviceAccountKey' | 'otherServiceAccountKeys'> {
  const signingKey = required('service-account-signing-key-file', flags.serviceAccountSigningKeyFile)
  return {
    serviceAccountKey: fileOf('service-account-signing-key-file', signingKey),
    otherServiceAccountKeys: (flags.serviceAccountKeyFile ?? []).map(path => fileOf('service-account-key-file', path)),
  }
}

/** The same without keys and authorities, which a cluster may have made for itself. */
export function sharedSecurityOptions(flags: SecurityFlags, egress?: Egress): Partial<SecurityOptions> {
  return {
    serviceAccountMaxTokenSeconds: Math.floor(flags.serviceAccountMaxTokenExpiration / 1000),
    extendServiceAccountTokens: flags.serviceAccountExtendTokenExpiration,
    enabledAdmission: flags.enableAdmissionPlugins,
    disabledAdmission: flags.disableAdmissionPlugins,
    ...given({
      serviceAccountIssuer: flags.serviceAccountIssuer?.[0],
      otherServiceAccountIssuers: flags.serviceAccountIssuer?.slice(1),
      serviceAccountJwksUri: flags.serviceAccountJwksUri,
      audiences: flags.apiAudiences,
      tokenFile: fileIfGiven('token-auth-file', flags.tokenAuthFile),
      anonymous: anonymousAccess(flags),
      admissionConfiguration: admissionConfiguration(flags),
    }),
    defaultTolerations: {
      notReady: flags.defaultNotReadyTolerationSeconds,
      unreachable: flags.defaultUnreachableTolerationSeconds,
    },
    egress,
    ...issuerOptions(flags, egress?.controlplane),
    ...authorizationOptions(flags, egress?.controlplane),
  } as Partial<SecurityOptions>
}

function admissionConfiguration(flags: SecurityFlags): SecurityOptions['admissionConfiguration'] {
  const { admissionControlConfigFile: path, enableAdmissionPlugins: on, disableAdmissionPlugins: off } = flags
  try {
    checkPluginNames(on, off)
    return readAdmissionConfiguration(path, readTextFile, plugin => isPluginOn(plugin, on, off))
  } catch (error) {
    throw new Failure(messageOf(error))
  }
}

const readTextFile = (path: string): string => readFileSync(path, 'utf8')

/**
 * Where everything is allowed to everybody who has a name, those without are kept out, whatever the flag says
 * (pkg/kubeapiserver/options/authentication.go ApplyAuthorization).
 */
function anonymousAccess({ anonymousAuth, authorizationMode = [] }: SecurityFlags): boolean | undefined {
  return authorizationMode.includes('AlwaysAllow') ? false : anonymousAuth
}

/** Says so where the flags asked for it, as they do by default. */
export function reportAnonymousAccess(flags: SecurityFlags, logger: Logger): void {
  if (flags.anonymousAuth !== false && anonymousAccess(flags) === false)
    logger.warn('anonymous requests are refused, since everything is allowed (AlwaysAllow)')
}

const current = (file: AuthorityFile | undefined): Authorities | undefined => file && (() => file.text)

function requestHeaderOptions(flags: SecurityFlags, { proxies }: ClientAuthorities): RequestHeaderOptions | undefined {
  const clientCa = current(proxies)
  if (clientCa === undefined) return undefined
  return { clientCa, ...given({ allowedNames: flags.requestheaderAllowedNames }), ...headerNames(flags) }
}

/** The usual ones where none is named; else those that are, and no others, as upstream. */
function headerNames(flags: SecurityFlags): Omit<RequestHeaderOptions, 'clientCa' | 'allowedNames'> {
  const names = {
    usernameHeaders: flags.requestheaderUsernameHeaders,
    uidHeaders: flags.requestheaderUidHeaders,
    groupHeaders: flags.requestheaderGroupHeaders,
    extraHeaderPrefixes: flags.requestheaderExtraHeadersPrefix,
  }
  const named = Object.entries(names).filter(([, headers]) => headers !== undefined)
  if (named.length === 0) return {}
  return {
    usernameHeaders: [],
    uidHeaders: [],
    groupHeaders: [],
    extraHeaderPrefixes: [],
    ...Object.fromEntries(named),
  }
}

/** What extension API servers are told of front proxies. */
function requestHeaderFacts(flags: SecurityFlags, { proxies }: ClientAuthorities): object {
  const requestHeaderClientCa = proxies?.text
  if (requestHeaderClientCa === undefined) return {}
  const requestHeaderAllowedNames = flags.requestheaderAllowedNames ?? []
  return { requestHeaderClientCa, requestHeaderAllowedNames, requestHeaders: headerNames(flags) }
}

/** What extension API servers are told of whom this one trusts; nothing where it takes no certificates of clients. */
export function authenticationFacts(
  flags: SecurityFlags,
  authorities: ClientAuthorities,
): AuthenticationFacts | undefined {
  const { clients, proxies } = authorities
  if (clients === undefined && proxies === undefined) return undefined
  return { ...given({ clientCa: clients?.text }), ...requestHeaderFacts(flags, authorities) }
}

function issuerOptions(flags: SecurityFlags, dial: Dialer | undefined): Partial<SecurityOptions> {
  const { authenticationConfig, authenticationTokenWebhookConfigFile: webhook } = flags
  if (authenticationConfig !== undefined && flags.oidcIssuerUrl !== undefined) {
    throw new Failure('authentication-config file and oidc-* flags are mutually exclusive')
  }
  const issuer = oidcIssuer(flags)
  return {
    ...(issuer === undefined ? {} : { jwt: { issuers: [issuer], algorithms: flags.oidcSigningAlgs } }),
    ...(authenticationConfig === undefined
      ? {}
      : { authenticationConfiguration: followed('authentication-config', authenticationConfig) }),
    ...(webhook === undefined
      ? {}
      : {
          tokenWebhook: {
            endpoint: webhookEndpoint(webhook, dial),
            version: flags.authenticationTokenWebhookVersion,
            cacheTtl: flags.authenticationTokenWebhookCacheTtl,
          },
        }),
  }
}

/** The issuer of the `--oidc-...` flags, as a configuration file would describe it. */
export function oidcIssuer(flags: SecurityFlags): JwtIssuer | undefined {
  const { oidcIssuerUrl: url, oidcClientId: client, oidcUsernameClaim, oidcUsernamePrefix, oidcGroupsClaim } = flags
  if ((url === undefined) !== (client === undefined)) {
    throw new Failure('oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set')
  }
  if (url === undefined || client === undefined) return undefined
  if (!url.startsWith('https://')) throw new Failure(`--oidc-issuer-url: ${url}: URL scheme must be https`)
  const ca = fileIfGiven('oidc-ca-file', flags.oidcCaFile)
  const byIssuer = oidcUsernameClaim === 'email' ? '' : `${url}#`
  const prefix = oidcUsernamePrefix === '-' ? '' : oidcUsernamePrefix || byIssuer
  return {
    issuer: { url, audiences: [client], ...(ca === undefined ? {} : { certificateAuthority: ca }) },
    claimMappings: {
      username: { claim: oidcUsernameClaim, prefix },
      ...(oidcGroupsClaim === '' ? {} : { groups: { claim: oidcGroupsClaim, prefix: flags.oidcGroupsPrefix } }),
    },
    claimValidationRules: Object.entries(flags.oidcRequiredClaim ?? {}).map(([name, value]) => ({
      claim: name,
      requiredValue: value,
    })),
  }
}

function authorizationOptions(flags: SecurityFlags, dial: Dialer | undefined): Partial<SecurityOptions> {
  const { authorizationConfig, authorizationMode, authorizationWebhookConfigFile: webhook } = flags
  if (authorizationConfig !== undefined && (authorizationMode ?? webhook) !== undefined) {
    throw new Failure(
      '--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined',
    )
  }
  const policy = fileIfGiven('authorization-policy-file', flags.authorizationPolicyFile)
  const wrong = modeFindings(flags)
  if (wrong.length > 0) throw new Failure(aggregateText(wrong))
  return {
    webhookEndpoint: path => webhookEndpoint(path, dial),
    imagePolicyEndpoint: path => webhookEndpoint(path),
    ...(authorizationMode === undefined ? {} : { authorizationModes: authorizationMode }),
    ...(policy === undefined ? {} : { abacPolicy: policy }),
    ...(authorizationConfig === undefined
      ? {}
      : { authorizationConfiguration: followed('authorization-config', authorizationConfig) }),
    ...(webhook === undefined
      ? {}
      : {
          authorizationWebhook: {
            endpoint: webhookEndpoint(webhook, dial),
            version: flags.authorizationWebhookVersion,
            authorizedTtl: flags.authorizationWebhookCacheAuthorizedTtl,
            unauthorizedTtl: flags.authorizationWebhookCacheUnauthorizedTtl,
          },
        }),
  }
}

/** What the modes need, and what needs a mode (pkg/kubeapiserver/options/authorization.go). */
function modeFindings(flags: SecurityFlags): string[] {
  const { authorizationConfig, authorizationMode, authorizationPolicyFile, authorizationWebhookConfigFile } = flags
  if (authorizationConfig !== undefined) return []
  const modes = authorizationMode ?? []
  const has = (mode: AuthorizationMode, file: string | undefined): [boolean, boolean] => [modes.includes(mode), !!file]
  const [isAbac, hasPolicy] = has('ABAC', authorizationPolicyFile)
  const [isWebhook, hasConfig] = has('Webhook', authorizationWebhookConfigFile)
  const findings: readonly [isWrong: boolean, text: string][] = [
    [isAbac && !hasPolicy, "authorization-mode ABAC's authorization policy file not passed"],
    [isWebhook && !hasConfig, "authorization-mode Webhook's authorization config file not passed"],
    [!isAbac && hasPolicy, 'cannot specify --authorization-policy-file without mode ABAC'],
    [!isWebhook && hasConfig, 'cannot specify --authorization-webhook-config-file without mode Webhook'],
    [
      new Set(modes).size < modes.length,
      `authorization-mode ["${modes.join('" "')}"] has mode specified more than once`,
    ],
  ]
  return findings.filter(([isWrong]) => isWrong).map(([, text]) => text)
}

/** Where the program of a kubeconfig is: the server's address is its whole URL. */
function webhookEndpoint(path: string, dial?: Dialer): ReviewEndpoint {
  try {
    const user = readKubeconfigUser(path)
    const { origin, pathname, search } = new URL(user.server)
    return { transport: createHttpsTransport({ ...user, server: origin, dial }), path: pathname + search }
  } catch (error) {
    throw new Failure(`${path}: ${error instanceof Error ? error.message : error}`)
  }
}

/** How often a file is looked at, in milliseconds. */
const LOOK = 5000

/** A file whose changes are noticed, also where it is replaced by another (mounted config maps). */
function followed(flag: string, path: string): ConfigurationFile {
  let known = fileOf(flag, path)
  return {
    text: known,
    follow(listener) {
      followFiles([path], LOOK, () => {
        try {
          const text = readFileSync(path, 'utf8')
          if (text === known) return
          known = text
          listener(text)
        } catch {
          // It is being replaced: the next look will find it.
        }
      })
    },
  }
}
