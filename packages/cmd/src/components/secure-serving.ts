import { join } from 'node:path'
import { type ComponentServer, type ComponentServerOptions, startComponentServer } from '@canopus/control-plane'
import { systemClock } from '@canopus/platform'
import type { Command } from 'commander'
import { fileIfGiven, list, number } from '../flags.ts'
import { localHosts } from './own-address.ts'
import { followCertificate, servingCertificate, servingFiles } from './serving-certificate.ts'
import { addSniFlag, SniCertificates, type SniFlags } from './sni-certificates.ts'
import { addTlsFlags, type TlsFlags, tlsPolicy } from './tls-flags.ts'

export interface SecureServingFlags extends SniFlags, TlsFlags {
  securePort: number
  bindAddress: string
  certDir: string
  tlsCertFile?: string
  tlsPrivateKeyFile?: string
  clientCaFile?: string
  authorizationAlwaysAllowPaths: string[]
}

/** The flags of a component's own port (k8s.io/apiserver/pkg/server/options/serving.go). */
export function addSecureServingFlags(command: Command, port: number, directory: string): void {
  command
    .option('--secure-port <port>', 'port of health and metrics; 0: none', number(0, 65_535), port)
    .option('--bind-address <address>', 'address of that port', '0.0.0.0')
    .option('--cert-dir <directory>', 'where a certificate is made if none is given', join(directory, 'certificates'))
    .option('--tls-cert-file <file>', 'certificate of that port')
    .option('--tls-private-key-file <file>', 'its key')
    .option('--client-ca-file <file>', 'authorities whose client certificates are accepted')
    .option('--authorization-always-allow-paths <paths>', 'what everybody may read', list, [
      '/healthz',
      '/readyz',
      '/livez',
    ])
  addSniFlag(command)
  addTlsFlags(command)
}

/** Serves health and metrics until `close`; nothing where the port is 0. */
export async function serveSecurely(
  flags: SecureServingFlags,
  name: string,
  facts: Pick<ComponentServerOptions, 'client' | 'flags' | 'logger' | 'metrics' | 'resetsMetrics'>,
): Promise<ComponentServer | undefined> {
  if (flags.securePort === 0) return undefined
  const { tlsCertFile: certFile, tlsPrivateKeyFile: keyFile, certDir: directory } = flags
  const files = { certFile, keyFile, directory, name }
  let own = await servingCertificate({
    ...files,
    hosts: localHosts(flags.bindAddress),
    clock: systemClock,
  })
  const sni = new SniCertificates(flags)
  const shown = () => ({ ...own, named: sni.all })
  const clientCa = fileIfGiven('client-ca-file', flags.clientCaFile)
  const server = await startComponentServer({
    address: flags.bindAddress,
    port: flags.securePort,
    ...shown(),
    ...(clientCa === undefined ? {} : { clientCa }),
    tlsPolicy: tlsPolicy(flags),
    alwaysAllowed: flags.authorizationAlwaysAllowPaths,
    clock: systemClock,
    component: `kube-${name}`,
    ...facts,
  })
  const changed = (): void => server.setCertificates(shown())
  const ends = [
    followCertificate(servingFiles(files), pair => {
      own = pair
      changed()
    }),
    sni.follow(changed),
  ]
  return {
    ...server,
    close: () => {
      for (const end of ends) end()
      return server.close()
    },
  }
}
