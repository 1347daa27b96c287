/**
 * AuthenticationConfiguration of apiserver.config.k8s.io/v1: who issues tokens for this server and how their claims become a
 * user (k8s.io/apiserver pkg/apis/apiserver).
 */
import { duplicate, type FieldError, invalid, required, tooMany } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { type CompiledExpression, type CompileExpression, compileExpression } from '../../configuration/expressions.ts'
import { type FieldTree, readConfiguration, throwFieldErrors } from '../../configuration/read.ts'

export interface AuthenticationConfiguration {
  readonly jwt: readonly JwtIssuer[]
  /** Missing where the file says nothing of it: then the flag counts. */
  readonly anonymous?: AnonymousConfiguration
}

export interface AnonymousConfiguration {
  readonly enabled: boolean
  /** Paths that are open; all where missing or empty. */
  readonly conditions?: readonly { readonly path: string }[]
}

/** One issuer of tokens. */
export interface JwtIssuer {
  readonly issuer: {
    readonly url: string
    /** Where its configuration is fetched, if not below `url`. */
    readonly discoveryURL?: string
    /** PEM; the system's authorities where missing. */
    readonly certificateAuthority?: string
    readonly audiences: readonly string[]
    readonly audienceMatchPolicy?: string
    readonly egressSelectorType?: string
  }
  readonly claimValidationRules?: readonly ClaimRule[]
  readonly claimMappings: {
    readonly username: PrefixedClaim
    readonly groups?: PrefixedClaim
    readonly uid?: ClaimOrExpression
    readonly extra?: readonly { readonly key: string; readonly valueExpression: string }[]
  }
  readonly userValidationRules?: readonly { readonly expression: string; readonly message?: string }[]
}

export interface ClaimRule {
  readonly claim?: string
  readonly requiredValue?: string
  readonly expression?: string
  readonly message?: string
}

export interface ClaimOrExpression {
  readonly claim?: string
  readonly expression?: string
}

export interface PrefixedClaim extends ClaimOrExpression {
  readonly prefix?: string
}

/** Fields of the file, for strict reading: `true` is a leaf, a list means any number of the same. */
const FIELDS = {
  jwt: [
    {
      issuer: {
        url: true,
        discoveryURL: true,
        certificateAuthority: true,
        audiences: true,
        audienceMatchPolicy: true,
        egressSelectorType: true,
      },
      claimValidationRules: [{ claim: true, requiredValue: true, expression: true, message: true }],
      claimMappings: {
        username: { claim: true, prefix: true, expression: true },
        groups: { claim: true, prefix: true, expression: true },
        uid: { claim: true, expression: true },
        extra: [{ key: true, valueExpression: true }],
      },
      userValidationRules: [{ expression: true, message: true }],
    },
  ],
  anonymous: { enabled: true, conditions: [{ path: true }] },
} as const satisfies FieldTree

/** Reads and checks a configuration file. Throws with all that is wrong. `disallowedIssuers` are this server's own. */
export function readAuthenticationConfiguration(
  text: string,
  disallowedIssuers: readonly string[],
  compile: CompileExpression = compileExpression,
): AuthenticationConfiguration {
  const object = readConfiguration(text, 'AuthenticationConfiguration', ['v1', 'v1beta1', 'v1alpha1'], FIELDS)
  const configuration = { jwt: [], ...object } as unknown as AuthenticationConfiguration
  throwFieldErrors(validateAuthentication(configuration, { disallowedIssuers, compile }))
  return configuration
}

interface Rules {
  readonly disallowedIssuers: readonly string[]
  readonly compile: CompileExpression
}

const MOST_ISSUERS = 64

export function validateAuthentication(configuration: AuthenticationConfiguration, rules: Rules): FieldError[] {
  const { jwt, anonymous } = configuration
  if (jwt.length > MOST_ISSUERS) return [tooMany('jwt', jwt.length, MOST_ISSUERS)]
  const errors: FieldError[] = []
  const urls = new Set<string>()
  const discoveries = new Set<string>()
  for (const [index, each] of jwt.entries()) {
    const path = `jwt[${index}]`
    errors.push(...validateIssuer(each, path, rules))
    const { url = '', discoveryURL } = each.issuer ?? {}
    if (urls.has(url)) errors.push(duplicate(`${path}.issuer.url`, url))
    urls.add(url)
    if (discoveryURL && discoveries.has(discoveryURL)) {
      errors.push(duplicate(`${path}.issuer.discoveryURL`, discoveryURL))
    }
    if (discoveryURL) discoveries.add(discoveryURL)
  }
  if (anonymous !== undefined && !anonymous.enabled && (anonymous.conditions?.length ?? 0) > 0) {
    const text = 'enabled should be set to true when conditions are defined'
    errors.push(invalid('anonymous.conditions', anonymous.conditions, text))
  }
  return errors
}

function validateIssuer(jwt: JwtIssuer, path: string, rules: Rules): FieldError[] {
  const use: Use = { email: false, verified: false }
  return [
    ...validateAddress(jwt.issuer ?? { url: '', audiences: [] }, `${path}.issuer`, rules.disallowedIssuers),
    ...validateClaimRules(jwt.claimValidationRules ?? [], `${path}.claimValidationRules`, rules, use),
    ...validateMappings(jwt.claimMappings ?? { username: {} }, `${path}.claimMappings`, rules, use),
    ...validateUserRules(jwt.userValidationRules ?? [], `${path}.userValidationRules`, rules),
  ]
}

function validateAddress(issuer: JwtIssuer['issuer'], path: string, disallowed: readonly string[]): FieldError[] {
  const { url, discoveryURL, audiences, audienceMatchPolicy, certificateAuthority, egressSelectorType } = issuer
  const errors: FieldError[] = []
  if (!url) errors.push(required(`${path}.url`))
  else errors.push(...validateUrl(url, `${path}.url`, disallowed))
  if (discoveryURL) {
    const bare = (text: string): string => text.replace(/\/+$/, '')
    if (url && bare(url) === bare(discoveryURL)) {
      errors.push(invalid(`${path}.discoveryURL`, discoveryURL, 'discoveryURL must be different from URL'))
    }
    errors.push(...validateUrl(discoveryURL, `${path}.discoveryURL`, []))
  }
  errors.push(...validateAudiences(audiences ?? [], audienceMatchPolicy ?? '', path))
  if (certificateAuthority && !certificateAuthority.includes('-----BEGIN CERTIFICATE-----')) {
    errors.push(
      invalid(`${path}.certificateAuthority`, '<omitted>', 'data does not contain any valid RSA or ECDSA certificates'),
    )
  }
  if (egressSelectorType && egressSelectorType !== 'controlplane' && egressSelectorType !== 'cluster') {
    const text = 'egress selector must be either controlplane or cluster'
    errors.push(invalid(`${path}.egressSelectorType`, egressSelectorType, text))
  }
  return errors
}

function validateUrl(text: string, path: string, disallowed: readonly string[]): FieldError[] {
  const errors: FieldError[] = []
  if (disallowed.includes(text)) {
    const list = `[${[...disallowed].sort().join(' ')}]`
    errors.push(invalid(path, text, `URL must not overlap with disallowed issuers: ${list}`))
  }
  if (!URL.canParse(text)) return [...errors, invalid(path, text, 'URL cannot be read')]
  const url = new URL(text)
  if (url.protocol !== 'https:') errors.push(invalid(path, text, 'URL scheme must be https'))
  if (url.username || url.password) errors.push(invalid(path, text, 'URL must not contain a username or password'))
  if (url.search) errors.push(invalid(path, text, 'URL must not contain a query'))
  if (url.hash) errors.push(invalid(path, text, 'URL must not contain a fragment'))
  return errors
}

function validateAudiences(audiences: readonly string[], policy: string, path: string): FieldError[] {
  if (audiences.length === 0) {
    return [required(`${path}.audiences`, `at least one ${path}.audiences is required`)]
  }
  const errors: FieldError[] = []
  for (const [index, audience] of audiences.entries()) {
    if (!audience) errors.push(required(`${path}.audiences[${index}]`))
    if (audiences.indexOf(audience) < index) errors.push(duplicate(`${path}.audiences[${index}]`, audience))
  }
  const field = `${path}.audienceMatchPolicy`
  if (audiences.length > 1 && policy !== 'MatchAny') {
    errors.push(invalid(field, policy, 'audienceMatchPolicy must be MatchAny for multiple audiences'))
  }
  if (audiences.length === 1 && policy !== '' && policy !== 'MatchAny') {
    errors.push(invalid(field, policy, 'audienceMatchPolicy must be empty or MatchAny for single audience'))
  }
  return errors
}

/** What the expressions of one issuer look at: an address may only name a user where it was verified. */
interface Use {
  email: boolean
  verified: boolean
}

function validateExpression(
  expression: string,
  path: string,
  { compile }: Rules,
  use?: (compiled: CompiledExpression) => void,
  wants: 'any' | 'bool' = 'any',
): FieldError[] {
  try {
    use?.(compile(expression, 'claims', wants))
    return []
  } catch (error) {
    return [invalid(path, expression, messageOf(error))]
  }
}

/** Notes that the expression makes sure that the address was verified. */
const verifying =
  (use: Use) =>
  (compiled: CompiledExpression): void => {
    use.verified ||= compiled.mentions('email_verified')
  }

function validateClaimRules(list: readonly ClaimRule[], path: string, rules: Rules, use: Use): FieldError[] {
  const errors: FieldError[] = []
  const claims = new Set<string>()
  const expressions = new Set<string>()
  for (const [index, { claim, requiredValue, expression, message }] of list.entries()) {
    const own = `${path}[${index}]`
    if (claim && expression) errors.push(invalid(own, claim, "claim and expression can't both be set"))
    else if (claim) {
      if (message) errors.push(invalid(`${own}.message`, message, 'may not be specified when claim is set'))
      if (claims.has(claim)) errors.push(duplicate(`${own}.claim`, claim))
      claims.add(claim)
    } else if (expression) {
      if (requiredValue) {
        errors.push(invalid(`${own}.requiredValue`, requiredValue, 'may not be specified when expression is set'))
      }
      if (expressions.has(expression)) errors.push(duplicate(`${own}.expression`, expression))
      else errors.push(...validateExpression(expression, `${own}.expression`, rules, verifying(use), 'bool'))
      expressions.add(expression)
    } else errors.push(required(own, 'claim or expression is required'))
  }
  return errors
}

function validateMappings(mappings: JwtIssuer['claimMappings'], path: string, rules: Rules, use: Use): FieldError[] {
  const { username = {}, groups = {}, uid = {}, extra = [] } = mappings
  const errors = [
    ...validatePrefixed(username, `${path}.username`, true, rules, compiled => {
      use.email ||= compiled.mentions('email')
      verifying(use)(compiled)
    }),
    ...validatePrefixed(groups, `${path}.groups`, false, rules, () => {}),
  ]
  if (uid.claim && uid.expression) errors.push(invalid(`${path}.uid`, '', "claim and expression can't both be set"))
  else if (uid.expression) errors.push(...validateExpression(uid.expression, `${path}.uid.expression`, rules))
  const keys = new Set<string>()
  for (const [index, { key = '', valueExpression }] of extra.entries()) {
    const own = `${path}.extra[${index}]`
    errors.push(...validateKey(key, `${own}.key`))
    if (keys.has(key)) errors.push(duplicate(`${own}.key`, key))
    else if (!valueExpression) errors.push(required(`${own}.valueExpression`))
    else errors.push(...validateExpression(valueExpression, `${own}.valueExpression`, rules, verifying(use)))
    keys.add(key)
  }
  if (use.email && !use.verified) errors.push(invalid(`${path}.username.expression`, username.expression, UNVERIFIED))
  return errors
}

const UNVERIFIED =
  'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression'

function validateKey(key: string, path: string): FieldError[] {
  const errors: FieldError[] = []
  const [domain = '', rest] = key.split(/\/(.*)/s)
  if (key === '') errors.push(required(path))
  else if (!rest || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/i.test(domain)) {
    errors.push(invalid(path, key, 'must be a domain-prefixed path (such as "acme.io/foo")'))
  }
  if (key !== key.toLowerCase()) errors.push(invalid(path, key, 'must be lowercase'))
  if (/(^|\.)(kubernetes|k8s)\.io$/.test(domain) && rest !== undefined) {
    const text = 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use'
    errors.push(invalid(path, key, text))
  }
  return errors
}

function validatePrefixed(
  mapping: PrefixedClaim,
  path: string,
  needed: boolean,
  rules: Rules,
  use: (compiled: CompiledExpression) => void,
): FieldError[] {
  const { claim, prefix, expression } = mapping
  if (claim && expression) return [invalid(path, '', "claim and expression can't both be set")]
  if (!claim && !expression) return needed ? [required(path, 'claim or expression is required')] : []
  if (expression) {
    const errors = validateExpression(expression, `${path}.expression`, rules, use)
    if (prefix === undefined) return errors
    return [invalid(`${path}.prefix`, prefix, 'may not be specified when expression is set'), ...errors]
  }
  if (prefix !== undefined) return []
  const text = 'prefix is required when claim is set. It can be set to an empty string to disable prefixing'
  return [required(`${path}.prefix`, text)]
}

function validateUserRules(
  list: NonNullable<JwtIssuer['userValidationRules']>,
  path: string,
  rules: Rules,
): FieldError[] {
  const errors: FieldError[] = []
  for (const [index, { expression }] of list.entries()) {
    const own = `${path}[${index}].expression`
    if (!expression) errors.push(required(own))
    else if (list.findIndex(each => each.expression === expression) < index) errors.push(duplicate(own, expression))
    else errors.push(...validateUserExpression(expression, own, rules))
  }
  return errors
}

function validateUserExpression(expression: string, path: string, { compile }: Rules): FieldError[] {
  try {
    compile(expression, 'user', 'bool')
    return []
  } catch (error) {
    return [invalid(path, expression, messageOf(error))]
  }
}
