/** The file that says what is encrypted and how (apiserver.config.k8s.io/v1, `EncryptionConfiguration`). */
import { type FieldError, fieldErrorText, invalid, parseDuration, required } from '@canopus/apimachinery'
import { readConfigFile } from '../../config/config-file.ts'

export interface Key {
  readonly name: string
  readonly secret: string
}

export interface KmsConfiguration {
  readonly apiVersion: string
  readonly name: string
  readonly endpoint: string
  /** Milliseconds. */
  readonly timeout: number
}

export type ProviderConfiguration =
  | { readonly type: 'aesgcm' | 'aescbc' | 'secretbox'; readonly keys: readonly Key[] }
  | { readonly type: 'kms'; readonly kms: KmsConfiguration }
  | { readonly type: 'identity' }

export interface ResourceConfiguration {
  readonly resources: readonly string[]
  readonly providers: readonly ProviderConfiguration[]
}

interface RawProvider {
  aesgcm?: { keys?: Key[] }
  aescbc?: { keys?: Key[] }
  secretbox?: { keys?: Key[] }
  identity?: object
  kms?: { apiVersion?: string; name?: string; endpoint?: string; timeout?: string; cachesize?: number }
}

const KEYS = { keys: [{ name: 'scalar', secret: 'scalar' }] } as const
const SHAPE = {
  resources: [
    {
      resources: ['scalar'],
      providers: [
        {
          aesgcm: KEYS,
          aescbc: KEYS,
          secretbox: KEYS,
          identity: {},
          kms: { apiVersion: 'scalar', name: 'scalar', cachesize: 'scalar', endpoint: 'scalar', timeout: 'scalar' },
        },
      ],
    },
  ],
} as const

const KEY_BYTES = { aesgcm: [16, 24, 32], aescbc: [16, 24, 32], secretbox: [32] } as const
const NO_PROVIDER = 'provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity'
const MORE_PROVIDERS = 'more than one provider specified in a single element, should split into different list elements'
const DEFAULT_TIMEOUT = 3000

/**
 * Throws Error, in upstream's words, where the file is not such a configuration or is invalid (apis/apiserver/validation).
 * `reload`: the file is read again while the server runs, for which names of plugins must be unique.
 */
export function readEncryptionConfig(text: string, reload: boolean): readonly ResourceConfiguration[] {
  const { apiVersion, kind, value, unknownFields } = readConfigFile(text, SHAPE)
  if (apiVersion !== 'apiserver.config.k8s.io/v1' || kind !== 'EncryptionConfiguration') {
    throw new Error(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`)
  }
  if (unknownFields.length > 0) {
    throw new Error(`strict decoding error: ${unknownFields.map(field => `unknown field "${field}"`).join(', ')}`)
  }
  const raw = ((value.resources as object[] | undefined) ?? []) as { resources?: string[]; providers?: RawProvider[] }[]
  const errors: FieldError[] = []
  if (raw.length === 0) errors.push(required('resources', 'at least one resources is required'))
  const names = new Set<string>()
  const all = raw.map(({ resources = [], providers = [] }, index) => {
    const at = `resources[${index}]`
    if (resources.length === 0) errors.push(atLeastOne(`${at}.resources`))
    errors.push(...overlapErrors(resources, `${at}.resources`), ...nameErrors(resources, `${at}.resources`))
    if (providers.length === 0) errors.push(atLeastOne(`${at}.providers`))
    const read = providers.map((each, at2) => provider(each, `${at}.providers[${at2}]`, { errors, names, reload }))
    return { resources, providers: read.filter(each => each !== undefined) }
  })
  if (errors.length === 1) throw new Error(fieldErrorText(errors[0]!))
  if (errors.length > 1) throw new Error(`[${errors.map(fieldErrorText).join(', ')}]`)
  return all
}

const atLeastOne = (field: string): FieldError => required(field, `at least one ${field} is required`)

interface Findings {
  readonly errors: FieldError[]
  /** Of the plugins so far. */
  readonly names: Set<string>
  readonly reload: boolean
}

function provider(raw: RawProvider | null, field: string, findings: Findings): ProviderConfiguration | undefined {
  const types = Object.keys(raw ?? {}).filter(type => raw?.[type as keyof RawProvider] != null) as (keyof RawProvider)[]
  if (types.length !== 1) {
    findings.errors.push(invalid(field, 'REDACTED', types.length === 0 ? NO_PROVIDER : MORE_PROVIDERS))
    return undefined
  }
  const type = types[0]!
  if (type === 'identity') return { type }
  if (type === 'kms') return kms(raw!.kms!, `${field}.kms`, findings)
  const keys = raw![type]!.keys ?? []
  findings.errors.push(...keyErrors(keys, `${field}.${type}.keys`, KEY_BYTES[type]))
  return { type, keys }
}

function keyErrors(keys: readonly Partial<Key>[], field: string, lengths: readonly number[]): FieldError[] {
  if (keys.length === 0) return [required(field, 'at least one keys is required')]
  return keys.flatMap(({ name, secret }, index) => {
    const errors: FieldError[] = []
    if (!name) errors.push(required(`${field}[${index}].name`, 'name is a mandatory field for a key'))
    const at = `${field}[${index}].secret`
    if (!secret) return [...errors, required(at, 'secret is a mandatory field for a key')]
    if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(secret)) {
      return [...errors, invalid(at, 'REDACTED', 'secrets must be base64 encoded')]
    }
    const length = Buffer.from(secret, 'base64').byteLength
    if (lengths.includes(length)) return errors
    const text = `secret is not of the expected length, got ${length}, expected one of [${lengths.join(' ')}]`
    return [...errors, invalid(at, 'REDACTED', text)]
  })
}

function kms(raw: NonNullable<RawProvider['kms']>, field: string, findings: Findings): ProviderConfiguration {
  const { apiVersion = 'v1', name = '', endpoint = '', timeout: text } = raw
  const { errors, names, reload } = findings
  if (name === '') errors.push(required(`${field}.name`, 'name is a mandatory field for a kms'))
  else if (apiVersion !== 'v1' || reload) {
    if (name.includes(':')) {
      errors.push(invalid(`${field}.name`, name, `invalid KMS provider name ${name}, must not contain ':'`))
    }
    if (names.has(name)) {
      errors.push(invalid(`${field}.name`, name, `duplicate KMS provider name ${name}, names must be unique`))
    }
  }
  names.add(name)
  const timeout = text === undefined ? DEFAULT_TIMEOUT : parseDuration(String(text))
  if (timeout === undefined || timeout <= 0) {
    errors.push(invalid(`${field}.timeout`, text, 'timeout should be a positive value'))
  }
  if (endpoint === '') errors.push(required(`${field}.endpoint`, 'endpoint is a mandatory field for a kms'))
  else if (!endpoint.startsWith('unix:')) {
    const scheme = JSON.stringify(/^([a-z][a-z0-9+.-]*):/i.exec(endpoint)?.[1] ?? '')
    const problem = `unsupported scheme ${scheme} for KMS provider, only unix is supported`
    errors.push(invalid(`${field}.endpoint`, endpoint, problem))
  }
  if (apiVersion !== 'v1' && raw.cachesize !== undefined) {
    errors.push(invalid(`${field}.cachesize`, raw.cachesize, 'cachesize is not supported in v2'))
  }
  if (apiVersion !== 'v1' && apiVersion !== 'v2') {
    const problem = `unsupported apiVersion ${apiVersion} for KMS provider, only v1 and v2 are supported`
    errors.push(invalid(`${field}.apiVersion`, apiVersion, problem))
  }
  return { type: 'kms', kms: { apiVersion, name, endpoint, timeout: timeout ?? DEFAULT_TIMEOUT } }
}

/** `secrets`, `deployments.apps`, `*.apps`, `*.` (the core group), `*.*`. */
export function parseResource(text: string): { resource: string; group: string } {
  const dot = text.indexOf('.')
  return dot < 0 ? { resource: text, group: '' } : { resource: text.slice(0, dot), group: text.slice(dot + 1) }
}

function overlapErrors(resources: readonly string[], field: string): FieldError[] {
  const parsed = resources.map(parseResource)
  const pairs = parsed.flatMap((one, index) => parsed.slice(index + 1).map(other => [one, other] as const))
  const same = pairs.some(([one, other]) => one.group === other.group && one.resource === other.resource)
  const isAll = ({ group, resource }: { group: string; resource: string }): boolean => group === '*' && resource === '*'
  const overlap = pairs.some(([one, other]) => {
    if (one.group === other.group && one.resource === other.resource) return false
    if (isAll(one) || isAll(other)) return true
    return one.group === other.group && (one.resource === '*' || other.resource === '*')
  })
  const errors: FieldError[] = []
  if (same) errors.push(invalid(field, resources, 'the same resource cannot be specified multiple times'))
  if (overlap) {
    const text =
      "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked"
    errors.push(invalid(field, resources, text))
  }
  return errors
}

const NOT_REST = ['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations']

function nameErrors(resources: readonly string[], field: string): FieldError[] {
  return resources.flatMap((text, index) => {
    const problem = nameProblem(text)
    return problem === undefined ? [] : [invalid(`${field}[${index}]`, text, problem)]
  })
}

function nameProblem(text: string): string | undefined {
  if (text.toLowerCase() !== text) return 'resource name should not contain capital letters'
  if (text === '*') {
    return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
  }
  if (NOT_REST.includes(text)) return 'resources which do not have REST API/s cannot be encrypted'
  const { resource, group } = parseResource(text)
  if (group === 'events.k8s.io') {
    return "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file"
  }
  if (group === 'extensions') return "'extensions' group has been removed and cannot be used for encryption"
  if (group === '*' && resource !== '*') return 'encrypting the same resource across groups is not supported'
  return undefined
}
