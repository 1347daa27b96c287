/** `--feature-gates` and `--runtime-config`. */
import {
  checkEffectiveVersion,
  type EffectiveVersionFlags,
  type FeatureGates,
  type GateComponent,
  gateHelp,
  parseFeatureGates,
  parseRuntimeConfig,
  type RuntimeConfig,
} from '@canopus/apiserver'
import { Failure } from '@canopus/cli'
import type { Command } from 'commander'
import { bool, given, lists } from '../flags.ts'

export interface FeatureGateFlags {
  /** Words of flags, or gates by name where a configuration file says them. */
  featureGates?: string[] | Readonly<Record<string, boolean>>
}

export interface FeatureFlags extends EffectiveVersionFlags {
  featureGates?: string[]
  runtimeConfig?: string[]
}

/** Of every component. */
export function addFeatureGateFlag(command: Command): void {
  command.addHelpText(
    'after',
    `\nFeatures that --feature-gates knows:\n${gateHelp()
      .map(line => `  ${line}\n`)
      .join('')}`,
  )
  addGates(command)
}

const addGates = (command: Command): Command =>
  command.option('--feature-gates <gates>', 'features to turn on or off, such as StorageVersionMigrator=true', lists)

const addVersions = (command: Command): Command =>
  command.option(
    '--runtime-config <versions>',
    'versions of the API to serve or not, such as storagemigration.k8s.io/v1beta1=true',
    lists,
  )

/** Of `up`, which hands them to its API server. Its help is for those who want a cluster: it leaves out the long list. */
export function addClusterFeatureFlags(command: Command): void {
  addVersions(addGates(command))
  command.addHelpText('after', '\nFeatures that --feature-gates knows are listed by `canopus apiserver --help`.')
}

/** Of the API server. */
export function addFeatureFlags(command: Command): void {
  addFeatureGateFlag(command)
  addVersions(command)
    .option('--emulated-version <versions>', 'version of Kubernetes to behave as; 1.36', lists)
    .option('--min-compatibility-version <versions>', 'the oldest control plane to go with; 1.35', lists)
    .option('--emulation-forward-compatible [bool]', 'where an older version is emulated: with newer APIs', bool)
    .option('--runtime-config-emulation-forward-compatible [bool]', 'the same for those of --runtime-config', bool)
}

/** Throws `Failure` in upstream's words where a gate is unknown, locked or cannot be switched in this component. */
export const featureGatesOf = ({ featureGates = [] }: FeatureGateFlags, component?: GateComponent): FeatureGates =>
  refused(() => parseFeatureGates(Array.isArray(featureGates) ? featureGates : words(featureGates), component))

const words = (gates: Readonly<Record<string, boolean>>): string[] =>
  Object.entries(gates).map(([name, value]) => `${name}=${value}`)

/** The same about versions of the API. */
export function featuresOf(
  flags: FeatureFlags,
  component?: GateComponent,
): { featureGates: FeatureGates; runtimeConfig: RuntimeConfig } {
  const { runtimeConfig = [] } = flags
  refused(() => checkEffectiveVersion(flags))
  return {
    featureGates: featureGatesOf(flags, component),
    runtimeConfig: refused(() => parseRuntimeConfig(runtimeConfig)),
  }
}

/** The flags of `up`, as arguments for its API server. */
export function featureArgs(flags: Pick<FeatureFlags, 'featureGates' | 'runtimeConfig'>): string[] {
  const both = given({ 'feature-gates': flags.featureGates, 'runtime-config': flags.runtimeConfig })
  return Object.entries(both).map(([name, words]) => `${name}=${words.join(',')}`)
}

function refused<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof TypeError) throw new Failure(error.message)
    throw error
  }
}
