/** `--runtime-config` (k8s.io/apiserver/pkg/server/options/api_enablement.go and resourceconfig). */
import {
  allResourceTypes,
  betaKinds,
  betaVersions,
  KIND_FEATURES,
  type Kind,
  optionalKinds,
  withFeatures,
} from '@canopus/api'
import { type FeatureGates, goBool } from './feature-gates.ts'

const MATCHERS: readonly (readonly [key: string, matches: RegExp])[] = [
  ['api/all', /^/],
  ['api/ga', /^v\d+$/],
  ['api/beta', /^v\d+beta\d+$/],
  ['api/alpha', /^v\d+alpha\d+$/],
]

/**
 * Versions that upstream of 1.36 knows and of which it serves nothing: what was in them is gone, or belongs to features that are
 * off and have no switch here.
 */
const EMPTY = `
  internal.apiserver.k8s.io/v1alpha1 apps/v1beta1 apps/v1beta2 authentication.k8s.io/v1alpha1
  authentication.k8s.io/v1beta1 authorization.k8s.io/v1beta1 batch/v1beta1 certificates.k8s.io/v1alpha1
  certificates.k8s.io/v1beta1 coordination.k8s.io/v1alpha2 coordination.k8s.io/v1beta1 discovery.k8s.io/v1beta1
  events.k8s.io/v1beta1 extensions/v1beta1 flowcontrol.apiserver.k8s.io/v1beta1 flowcontrol.apiserver.k8s.io/v1beta2
  flowcontrol.apiserver.k8s.io/v1beta3 imagepolicy.k8s.io/v1alpha1 node.k8s.io/v1alpha1 node.k8s.io/v1beta1
  policy/v1beta1 rbac.authorization.k8s.io/v1alpha1 rbac.authorization.k8s.io/v1beta1 resource.k8s.io/v1alpha3
  scheduling.k8s.io/v1alpha2 scheduling.k8s.io/v1beta1 storage.k8s.io/v1alpha1
`
  .trim()
  .split(/\s+/)

const SERVED: readonly string[] = [
  ...new Set(allResourceTypes.map(({ group, version }) => (group === '' ? version : `${group}/${version}`))),
]
const OPTIONAL: ReadonlySet<string> = new Set([
  ...Object.values(optionalKinds).flatMap(kinds => kinds.map(({ type }) => `${type.group}/${type.version}`)),
  ...betaVersions,
])
const KNOWN: ReadonlySet<string> = new Set([...SERVED, ...OPTIONAL, ...EMPTY])
const groupOf = (groupVersion: string): string => (groupVersion.includes('/') ? groupVersion.split('/')[0]! : '')
const versionOf = (groupVersion: string): string => groupVersion.slice(groupVersion.lastIndexOf('/') + 1)
const GROUPS = new Set([...KNOWN].map(groupOf))

/** Which resources are served, where that is not as by default. */
export class RuntimeConfig {
  readonly #versions: ReadonlyMap<string, boolean>
  readonly #resources: ReadonlyMap<string, boolean>

  constructor(versions: ReadonlyMap<string, boolean> = new Map(), resources: ReadonlyMap<string, boolean> = new Map()) {
    this.#versions = versions
    this.#resources = resources
  }

  /** Whether nobody said anything. */
  get isDefault(): boolean {
    return this.#versions.size === 0 && this.#resources.size === 0
  }

  /** Whether a resource is served. */
  enabled({ group, version, plural }: { group: string; version: string; plural: string }): boolean {
    const name = group === '' ? version : `${group}/${version}`
    return this.#resources.get(`${name}/${plural}`) ?? this.#versions.get(name) ?? !OPTIONAL.has(name)
  }
}

/**
 * Reads words such as `api/beta=true`, `storagemigration.k8s.io/v1beta1=true`. Throws `TypeError`, in upstream's words where upstream
 * refuses.
 */
export function parseRuntimeConfig(words: readonly string[]): RuntimeConfig {
  const given = new Map<string, string>()
  for (const word of words) {
    const at = word.indexOf('=')
    if (word.trim() === '') continue
    given.set((at < 0 ? word : word.slice(0, at)).trim(), at < 0 ? '' : word.slice(at + 1).trim())
  }
  if (given.size === 1 && given.get('api/all') === 'false') {
    throw new TypeError('invalid runtime-config with only api/all=false')
  }
  checkGroups([...given.keys()])
  const versions = new Map<string, boolean>()
  const resources = new Map<string, boolean>()
  for (const [key, matches] of MATCHERS) {
    const value = given.get(key)
    if (value === undefined) continue
    if (value !== 'true' && value !== 'false') throw new TypeError(`invalid value ${key}=${value}`)
    for (const each of KNOWN) {
      if (matches.test(versionOf(each))) versions.set(each, value === 'true')
    }
  }
  for (const [key, value] of given) {
    if (isMatcher(key)) continue
    const [group, version, resource] = partsOf(key)
    const name = group === '' ? version : `${group}/${version}`
    if (!KNOWN.has(name)) {
      throw new TypeError(`group version ${name} that has not been registered`)
    }
    const enabled = value === '' || goBool(key, value)
    if (resource === undefined) versions.set(name, enabled)
    else if (resource.toLowerCase() === resource) resources.set(`${name}/${resource}`, enabled)
    else {
      const rule = 'group/version/resource and resource is always lowercase plural'
      throw new TypeError(`invalid key ${key}: ${rule}, not ${JSON.stringify(resource)}`)
    }
  }
  return new RuntimeConfig(versions, resources)
}

const isMatcher = (key: string): boolean => MATCHERS.some(([name]) => name === key)

/** The core group is written `v1`, or `api/v1` of old, or `/v1`. */
function partsOf(key: string): [group: string, version: string, resource: string | undefined] {
  const parts = key.split('/')
  if (parts.length < 2 || parts.length > 3) throw new TypeError(`runtime-config invalid key ${key}`)
  return [parts[0] === 'api' ? '' : parts[0]!, parts[1]!, parts[2]]
}

function checkGroups(keys: readonly string[]): void {
  const unknown = new Set<string>()
  for (const key of keys) {
    if (isMatcher(key)) continue
    const [group, version] = partsOf(key)
    if (!GROUPS.has(group)) unknown.add(`${group}/${version}`)
  }
  if (unknown.size > 0) throw new TypeError(`unknown api groups ${[...unknown].sort().join(',')}`)
}

/** The kinds that are served besides those of every server: of features that are on, and other versions of kinds. */
export const kindsOfFeatures = (gates: FeatureGates, config: RuntimeConfig): Kind[] => [
  ...Object.entries(optionalKinds).flatMap(([feature, kinds]) =>
    gates.enabled(feature) ? kinds.filter(({ type }) => config.enabled(type)) : [],
  ),
  ...(config.isDefault ? [] : betaKinds().filter(({ type }) => config.enabled(type))),
]

/** Kinds as they are with these features. */
export const withGates = (kinds: readonly Kind[], gates: FeatureGates): readonly Kind[] =>
  gates.differs(KIND_FEATURES) ? kinds.map(kind => withFeatures(kind, name => gates.enabled(name))) : kinds
