/** Flags of kube-apiserver for the API server of `canopus up`: what the cluster does not decide itself. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Logger } from '@canopus/base'
import { Failure } from '@canopus/cli'
import type { ApiServerExtras } from '@canopus/control-plane'
import { Command, CommanderError } from 'commander'
import { type FeatureFlags, featuresOf } from './feature-flags.ts'
import { flagValues } from './flag-values.ts'
import { addSecurityFlags, reportAnonymousAccess, type SecurityFlags, sharedSecurityOptions } from './security-flags.ts'
import { type AppliedFlags, addSharedFlags, applySharedFlags, type SharedFlags } from './shared-flags.ts'

/** What a cluster has made for itself: its authorities, its keys, its bootstrap tokens. */
const DECIDED =
  /^(client-ca-file|requestheader-.*|service-account-(signing-)?key-file|enable-bootstrap-token-auth)(=|$)/

/** The one file that need not be there. */
const WRITTEN = 'audit-log-path'

function parser(): Command {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  addSecurityFlags(command)
  addSharedFlags(command)
  return command
}

/** Throws `Failure` where an argument (`flag=value`, or a flag alone) is none of those that can be given. */
function parse(args: readonly string[]): Command {
  const command = parser()
  const decided = args.find(arg => DECIDED.test(arg))
  if (decided !== undefined) {
    throw new Failure(`--apiserver-arg ${decided}: the cluster decides that itself`)
  }
  try {
    return command.parse(
      args.map(arg => `--${arg}`),
      { from: 'user' },
    )
  } catch (error) {
    if (error instanceof CommanderError) throw new Failure(`--apiserver-arg: ${error.message.replace(/^error: /, '')}`)
    throw error instanceof Failure ? new Failure(`--apiserver-arg: ${error.message}`) : error
  }
}

/**
 * The arguments as they are kept with the cluster: names of files are whole, since it will start from elsewhere. Throws `Failure`
 * where one is wrong, or a file is not there.
 */
export function checkedApiServerArgs(args: readonly string[]): string[] {
  const command = parse(args)
  const { options } = command
  featuresOf(command.opts<FeatureFlags>())
  return args.map(arg => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(arg) ?? []
    const option = options.find(each => each.long === `--${name}`)
    if (value === undefined || option?.flags.endsWith('<file>') !== true) return arg
    if (value === '-') return arg
    const path = resolve(value)
    if (name !== WRITTEN && !existsSync(path)) throw new Failure(`--apiserver-arg ${name}: there is no file ${path}`)
    return `${name}=${path}`
  })
}

/** What the arguments come to. */
export interface AppliedArgs extends AppliedFlags {
  readonly extras: ApiServerExtras
}

/** `serverId` names the server in figures and spans. Rejects with `Failure` where a file is wrong. */
export async function applyApiServerArgs(
  args: readonly string[],
  serverId: string,
  logger: Logger,
): Promise<AppliedArgs> {
  const command = parse(args)
  const flags = command.opts<SecurityFlags & SharedFlags>()
  const applied = await applySharedFlags(flags, serverId, logger)
  reportAnonymousAccess(flags, logger)
  const extras = { ...applied.extras, flags: flagValues(command), security: sharedSecurityOptions(flags) }
  return { ...applied, extras }
}
