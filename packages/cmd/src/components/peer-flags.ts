/** How API servers of other versions would find this one (pkg/controlplane/apiserver/options); the feature is not implemented. */
import { aggregateText } from '@canopus/apimachinery'
import { Failure } from '@canopus/cli'
import type { Command } from 'commander'

export interface PeerFlags {
  peerCaFile?: string
  peerAdvertiseIp?: string
  peerAdvertisePort?: string
}

export function addPeerFlags(command: Command): void {
  const what = 'of the feature UnknownVersionInteroperabilityProxy, which is not there'
  command
    .option('--peer-ca-file <file>', what)
    .option('--peer-advertise-ip <address>', what)
    .option('--peer-advertise-port <port>', what)
}

/** Throws `Failure` in upstream's words: the feature that they need is off. */
export function checkPeerFlags(flags: PeerFlags): void {
  const named = {
    'peer-ca-file': flags.peerCaFile,
    'peer-advertise-ip': flags.peerAdvertiseIp,
    'peer-advertise-port': flags.peerAdvertisePort,
  }
  const wrong = Object.entries(named).filter(([, value]) => value !== undefined && value !== '')
  if (wrong.length === 0) return
  const feature = 'UnknownVersionInteroperabilityProxy'
  throw new Failure(aggregateText(wrong.map(([name]) => `--${name} requires ${feature} feature to be turned on`)))
}
