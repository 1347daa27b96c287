/** `--service-account-signing-endpoint`: another program signs the tokens of service accounts (KEP-740). */
import { connectExternalSigner, ExternalKeys, type SecurityOptions } from '@canopus/apiserver'
import type { Logger, MetricsRegistry } from '@canopus/base'
import { Failure } from '@canopus/cli'
import { systemClock } from '@canopus/platform'
import type { Command } from 'commander'
import type { SecurityFlags } from './security-flags.ts'

export interface TokenSignerFlags
  extends Pick<
    SecurityFlags,
    'serviceAccountSigningKeyFile' | 'serviceAccountKeyFile' | 'serviceAccountMaxTokenExpiration'
  > {
  serviceAccountSigningEndpoint?: string
}

export type TokenSignerOptions = Pick<
  SecurityOptions,
  'serviceAccountKey' | 'serviceAccountMaxTokenSeconds' | 'extendedTokenSeconds'
>

export interface TokenSigner {
  readonly options: TokenSignerOptions
  /** Keeps the keys current until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

const FLAG = 'service-account-signing-endpoint'

export function addTokenSignerFlag(command: Command): void {
  command.option(`--${FLAG} <socket>`, 'program that signs tokens: a Unix socket, or @name of an abstract one')
}

/** Waits for the program. `undefined` where there is none; rejects with `Failure` where the flags or its answers are wrong. */
export async function tokenSignerOf(
  flags: TokenSignerFlags,
  logger: Logger,
  registry: MetricsRegistry | undefined,
): Promise<TokenSigner | undefined> {
  const { serviceAccountSigningEndpoint: endpoint } = flags
  if (!endpoint) return undefined
  checkTokenSignerFlags(flags)
  const signer = await connectExternalSigner(endpoint)
  const keys = new ExternalKeys({ signer, clock: systemClock, logger, ...(registry && { registry }) })
  try {
    const longest = await keys.start()
    return { options: { serviceAccountKey: keys, ...tokenLives(flags, longest) }, run: signal => keys.run(signal) }
  } catch (error) {
    signer.close()
    if (error instanceof Failure) throw error
    throw new Failure(`while setting up external-jwt-signer: ${error instanceof Error ? error.message : error}`)
  }
}

/** Throws `Failure`, in upstream's words (pkg/controlplane/apiserver/options/validation.go). */
export function checkTokenSignerFlags(flags: TokenSignerFlags): void {
  const endpoint = flags.serviceAccountSigningEndpoint ?? ''
  if (flags.serviceAccountSigningKeyFile || flags.serviceAccountKeyFile?.length) {
    const files = '`--service-account-signing-key-file` and/or `--service-account-key-file`'
    throw new Failure(`can't set ${files} with \`--${FLAG}\` (They are mutually exclusive)`)
  }
  if (endpoint.startsWith('@') && !/^@([a-zA-Z0-9_-]+\.)*[a-zA-Z0-9_-]+$/.test(endpoint)) {
    const what = `invalid value ${JSON.stringify(endpoint)} passed for \`--${FLAG}\``
    throw new Failure(`${what}, when prefixed with @ must be a valid abstract socket name`)
  }
}

/** How long tokens live by the flags, where the program lets them live for `longest` seconds. */
export function tokenLives(
  { serviceAccountMaxTokenExpiration }: TokenSignerFlags,
  longest: number,
): Pick<SecurityOptions, 'serviceAccountMaxTokenSeconds' | 'extendedTokenSeconds'> {
  const asked = Math.floor(serviceAccountMaxTokenExpiration / 1000)
  if (asked > longest) {
    const limit = `the token expiration supported by ${FLAG}`
    throw new Failure(
      `service-account-max-token-expiration cannot be set longer than ${limit}: ${asked}s > ${longest}s`,
    )
  }
  return { serviceAccountMaxTokenSeconds: asked || longest, extendedTokenSeconds: longest }
}
