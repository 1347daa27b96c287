/** `--encryption-provider-config`: how objects are encrypted in the store. */
import { storableKinds } from '@canopus/api'
import { EncryptedStore, Encryption } from '@canopus/apiserver'
import type { Logger, MetricsRegistry } from '@canopus/base'
import { Failure } from '@canopus/cli'
import { systemClock, systemRandom } from '@canopus/platform'
import type { Store } from '@canopus/store'
import type { Command } from 'commander'
import { bool, fileOf } from '../flags.ts'

export interface EncryptionFlags {
  encryptionProviderConfig?: string
  encryptionProviderConfigAutomaticReload: boolean
}

const FLAG = 'encryption-provider-config'

export function addEncryptionFlags(command: Command): void {
  command
    .option(`--${FLAG} <file>`, 'how objects are encrypted in the store')
    .option(`--${FLAG}-automatic-reload [bool]`, 'look at that file every minute', bool, false)
}

/** `undefined` where nothing is encrypted. Rejects with `Failure` where the file is missing or wrong. */
export async function encryptionOf(
  flags: EncryptionFlags,
  logger: Logger,
  figures: { readonly metrics: MetricsRegistry; readonly serverId: string },
): Promise<Encryption | undefined> {
  const { encryptionProviderConfig: path, encryptionProviderConfigAutomaticReload: reload } = flags
  if (path === undefined) {
    if (reload) throw new Failure(`--${FLAG}-automatic-reload must be set with --${FLAG}`)
    return undefined
  }
  try {
    const readFile = (): string => fileOf(FLAG, path)
    return await Encryption.load({ readFile, reload, clock: systemClock, random: systemRandom, logger, ...figures })
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(`--${FLAG}: ${path}: ${error instanceof Error ? error.message : error}`)
  }
}

export const encryptedBy = (encryption: Encryption | undefined, store: Store): Store =>
  encryption === undefined ? store : new EncryptedStore(store, encryption, storableKinds)
