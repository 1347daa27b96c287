/** How connections to the API server come (k8s.io/apiserver/pkg/server/options/serving.go). */
import type { ListenOptions } from '@canopus/apiserver'
import type { Command } from 'commander'
import { address, bool, given, number } from '../flags.ts'

export interface ListenFlags {
  securePort: number
  bindAddress: string
  http2MaxStreamsPerConnection: number
  disableHttp2Serving: boolean
  permitPortSharing: boolean
}

export function addListenFlags(command: Command): void {
  command
    .option('--secure-port <port>', 'port of the HTTPS listener', number(0, 65_535), 6443)
    .option('--bind-address <address>', 'address of the HTTPS listener', address, '0.0.0.0')
    .option(
      '--http2-max-streams-per-connection <count>',
      'requests at a time on one HTTP/2 connection; 0 for the default of 1,000',
      number(0, 2 ** 31 - 1),
      0,
    )
    .option('--disable-http2-serving [bool]', 'speak HTTP/1.1 alone', bool, false)
    .option('--permit-port-sharing [bool]', 'let other processes listen on the same port', bool, false)
}

export function listenOptions(flags: ListenFlags): Omit<ListenOptions, 'tls'> {
  return {
    address: flags.bindAddress,
    port: flags.securePort,
    http2: !flags.disableHttp2Serving,
    sharePort: flags.permitPortSharing,
    http2ByNode: process.env.CANOPUS_HTTP2 === 'node',
    ...given({ maxStreams: flags.http2MaxStreamsPerConnection || undefined }),
  }
}
