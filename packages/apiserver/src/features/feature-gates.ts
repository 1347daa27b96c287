/** `--feature-gates` (k8s.io/component-base/featuregate and compatibility). */
import { KIND_FEATURES } from '@canopus/api'
import { parseGoBool } from '@canopus/apimachinery'
import type { MetricsRegistry, Sample } from '@canopus/base'
import { type GateComponent, isOfOthers, NEEDS } from './gate-scopes.ts'
import { GATES } from './gates.ts'

/** Those that can be switched here: the API is that of the defaults in all else. */
const SWITCHED: ReadonlySet<string> = new Set([
  'DetectCacheInconsistency',
  'PodTopologyLabelsAdmission',
  'SchedulerPopFromBackoffQ',
  'ServiceAccountNodeAudienceRestriction',
  'StorageVersionMigrator',
  'WatchList',
])

/** And those that the API server alone can switch; what other components ask of them is fixed there. */
const SWITCHED_BY_SERVER: ReadonlySet<string> = new Set([
  ...KIND_FEATURES,
  'APIResponseCompression',
  'APIServerIdentity',
  'AllowParsingUserUIDFromCertAuth',
  'AuthorizePodWebsocketUpgradeCreatePermission',
  'ComponentFlagz',
  'ComponentStatusz',
  'ConstrainedImpersonation',
  'NodeDeclaredFeatures',
  'OpenAPIEnums',
  'StorageVersionHash',
  'TokenRequestServiceAccountUIDValidation',
  'UnknownVersionInteroperabilityProxy',
  'WatchCacheInitializationPostStartHook',
])

/** A boolean as Go reads it. Throws `TypeError` in Go's words, about `name`. */
export function goBool(name: string, text: string): boolean {
  const value = parseGoBool(text)
  if (value !== undefined) return value
  const reason = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`
  throw new TypeError(`invalid value of ${name}: ${text}, err: ${reason}`)
}

/** Which features are on: what somebody said, and the defaults of 1.36. */
export class FeatureGates {
  readonly #set: ReadonlyMap<string, boolean>

  constructor(set: ReadonlyMap<string, boolean> = new Map()) {
    this.#set = set
  }

  enabled(name: string): boolean {
    return this.#set.get(name) ?? GATES.get(name)?.enabled ?? false
  }

  /** Whether one of these is not what it is by default. */
  differs(names: readonly string[]): boolean {
    return names.some(name => (this.#set.get(name) ?? GATES.get(name)?.enabled) !== GATES.get(name)?.enabled)
  }

  /** `kubernetes_feature_enabled`, as upstream's API server tells it. */
  register(registry: MetricsRegistry): void {
    const samples = [...GATES.values()].map(({ name, stage }): Sample => [[name, stage], this.enabled(name) ? 1 : 0])
    registry.collect(
      'gauge',
      'kubernetes_feature_enabled',
      '[BETA] This metric records the data about the stage and enablement of a k8s feature.',
      ['name', 'stage'],
      () => samples,
    )
  }
}

/**
 * Reads `Name=true` and `kube:Name=true`. Throws `TypeError`, in upstream's words where upstream refuses; and where a feature
 * that has no switch here is to be other than it is. `component` is who reads them: it takes what only others ask for.
 */
export function parseFeatureGates(words: readonly string[], component?: GateComponent): FeatureGates {
  const found = new Map<string, boolean>()
  const prefixes = new Set<string>()
  for (const word of words) {
    if (word.trim() === '') continue
    const [, prefix, pair = ''] = /^(?:([^:=]*):)?(.*)$/s.exec(word.trim()) ?? []
    if (prefix !== undefined && prefix !== '' && prefix !== 'kube')
      throw new TypeError(`component not registered: ${prefix}`)
    prefixes.add(prefix ?? '')
    const at = pair.indexOf('=')
    if (at < 0) throw new TypeError(`missing bool value for ${pair}`)
    const name = pair.slice(0, at).trim()
    found.set(name, goBool(name, pair.slice(at + 1).trim()))
  }
  if (prefixes.size > 1) {
    throw new TypeError('set kube feature gates with default empty prefix or kube: prefix consistently, do not mix use')
  }
  const check = (name: string, value: boolean): void => checkGate(name, value, component)
  for (const [name, value] of found) check(name, value)
  for (const [stage, name] of STAGES) setStage(found, stage, found.get(name), check)
  const gates = new FeatureGates(found)
  checkNeeds(gates)
  return gates
}

const STAGES = [
  ['ALPHA', 'AllAlpha'],
  ['BETA', 'AllBeta'],
] as const

/** Sets those of a stage that nobody named. Throws where that would change what has no switch here. */
function setStage(
  found: Map<string, boolean>,
  stage: string,
  value: boolean | undefined,
  check: (name: string, value: boolean) => void,
): void {
  if (value === undefined) return
  for (const gate of GATES.values()) {
    if (gate.stage !== stage || found.has(gate.name) || gate.locked) continue
    check(gate.name, value)
    found.set(gate.name, value)
  }
}

/** Throws where a feature is on without what it needs. */
function checkNeeds(gates: FeatureGates): void {
  const wrong: string[] = []
  for (const [name, needs] of NEEDS) {
    const off = gates.enabled(name) ? needs.filter(need => !gates.enabled(need)) : []
    if (off.length > 0) wrong.push(`${name} is enabled, but depends on features that are disabled: [${off.join(' ')}]`)
  }
  if (wrong.length > 0) throw new TypeError(wrong.length === 1 ? wrong[0] : `[${wrong.join(', ')}]`)
}

function checkGate(name: string, value: boolean, component: GateComponent | undefined): void {
  const gate = GATES.get(name)
  if (gate === undefined) throw new TypeError(`unrecognized feature gate: ${name}`)
  if (gate.enabled === value || SWITCHED.has(name) || STAGES.some(([, all]) => all === name)) return
  if (gate.locked) {
    throw new TypeError(`cannot set feature gate ${name} to ${value}, feature is locked to ${gate.enabled}`)
  }
  if (isOfOthers(name, component) || (component === 'apiserver' && SWITCHED_BY_SERVER.has(name))) return
  throw new TypeError(
    `cannot set feature gate ${name} to ${value}: that is not implemented, it is always ${gate.enabled}`,
  )
}

/** A line for each feature that may be told of: those that are there for good, or will go, are not (component-base/featuregate: KnownFeatures). */
export const gateHelp = (): string[] =>
  [...GATES.values()]
    .filter(({ stage }) => stage === 'ALPHA' || stage === 'BETA')
    .map(({ name, stage, enabled }) => `${name}=true|false (${stage} - default=${enabled})`)
    .sort()
