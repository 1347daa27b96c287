/** Flags of what API servers of one cluster pass on to each other. */
import type { AggregationOptions, PeersOptions } from '@canopus/apiserver'
import { Failure } from '@canopus/cli'
import type { Command } from 'commander'
import { fileOf } from '../flags.ts'
import { publicAddress } from './public-address.ts'

export interface PeerFlags {
  peerCaFile?: string
  peerAdvertiseIp?: string
  peerAdvertisePort?: string
}

export function addPeerFlags(command: Command): void {
  command
    .option(
      '--peer-ca-file <file>',
      'authorities of other API servers; requests that this one does not serve are passed on to those that do',
    )
    .option(
      '--peer-advertise-ip <address>',
      'where other API servers reach this one, if its port is given too (default: the advertised address)',
    )
    .option('--peer-advertise-port <port>', 'the port there (default: that of the HTTPS listener)')
}

/** Where other servers reach this one: both flags, or where it is reached otherwise. */
export function peerAddress({ peerAdvertiseIp, peerAdvertisePort }: PeerFlags, host: string, port: number): string {
  return peerAdvertiseIp && peerAdvertisePort
    ? publicAddress(peerAdvertiseIp, Number(peerAdvertisePort))
    : publicAddress(host, port)
}

/** Throws Failure, in upstream's words, where the feature is off. */
function checkGate(flags: PeerFlags, enabled: boolean): void {
  if (enabled) return
  const given = {
    'peer-ca-file': flags.peerCaFile,
    'peer-advertise-ip': flags.peerAdvertiseIp,
    'peer-advertise-port': flags.peerAdvertisePort,
  }
  const wrong = Object.entries(given).flatMap(([flag, value]) =>
    value ? [`--${flag} requires UnknownVersionInteroperabilityProxy feature to be turned on`] : [],
  )
  if (wrong.length > 0) throw new Failure(wrong.length === 1 ? wrong[0]! : `[${wrong.join(', ')}]`)
}

/** Nothing where no authorities are named. They are called with the certificate for extension servers. */
export function peersOptions(
  flags: PeerFlags,
  { proxyClient = () => undefined }: AggregationOptions,
  enabled = true,
): { peers?: PeersOptions } {
  checkGate(flags, enabled)
  const { peerCaFile } = flags
  if (peerCaFile === undefined) return {}
  if (proxyClient() === undefined) {
    throw new Failure('error building peer proxy handler, proxy-cert-file not specified')
  }
  return { peers: { authorities: fileOf('peer-ca-file', peerCaFile), proxyClient } }
}
