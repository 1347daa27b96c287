import { join } from 'node:path'
import { type Client, createClient } from '@canopus/client'
import { type ComponentServer, type ComponentServerOptions, startComponentServer } from '@canopus/control-plane'
import { systemClock } from '@canopus/platform'
import type { Command } from 'commander'
import { duration, fileIfGiven, given, list, number } from '../flags.ts'
import { kubeconfigTransport } from './access.ts'
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
  authenticationKubeconfig?: string
  authorizationKubeconfig?: string
  authenticationTokenWebhookCacheTtl: number
  authorizationWebhookCacheAuthorizedTtl: number
  authorizationWebhookCacheUnauthorizedTtl: number
}

/** Flags of upstream's delegated authentication and of its ports that change nothing here. */
export const SERVING_WITHOUT_EFFECT = [
  'authentication-skip-lookup',
  'authentication-tolerate-lookup-failure',
  'disable-http2-serving',
  'emulated-version',
  'http2-max-streams-per-connection',
  'master',
  'min-compatibility-version',
  'permit-address-sharing',
  'permit-port-sharing',
  'requestheader-allowed-names',
  'requestheader-client-ca-file',
  'requestheader-extra-headers-prefix',
  'requestheader-group-headers',
  'requestheader-uid-headers',
  'requestheader-username-headers',
]

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
  const own = 'default: as this component reaches the API server'
  command
    .option('--authentication-kubeconfig <file>', `who is asked about tokens (${own})`)
    .option('--authorization-kubeconfig <file>', `who is asked about permissions (${own})`)
    .option('--authentication-token-webhook-cache-ttl <duration>', 'how long he is believed', duration, 10_000)
    .option('--authorization-webhook-cache-authorized-ttl <duration>', 'how long his yes counts', duration, 10_000)
    .option('--authorization-webhook-cache-unauthorized-ttl <duration>', 'how long his no counts', duration, 10_000)
  addSniFlag(command)
  addTlsFlags(command)
}

/** A client by the kubeconfig of a flag, if that is given. */
function reviewer(path: string | undefined, name: string): { client: Client; close(): void } | undefined {
  if (path === undefined || path === '') return undefined
  const transport = kubeconfigTransport(path)
  return { client: createClient(transport, { userAgent: `kube-${name}` }), close: () => transport.close() }
}

/** Serves health and metrics until `close`; nothing where the port is 0. */
export async function serveSecurely(
  flags: SecureServingFlags,
  name: string,
  facts: Pick<
    ComponentServerOptions,
    'client' | 'flags' | 'logger' | 'metrics' | 'resetsMetrics' | 'configuration' | 'readiness' | 'profiling'
  >,
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
  const [authentication, authorization] = [
    reviewer(flags.authenticationKubeconfig, name),
    reviewer(flags.authorizationKubeconfig, name),
  ]
  const server = await startComponentServer({
    address: flags.bindAddress,
    port: flags.securePort,
    ...shown(),
    ...(clientCa === undefined ? {} : { clientCa }),
    tlsPolicy: tlsPolicy(flags),
    alwaysAllowed: flags.authorizationAlwaysAllowPaths,
    clock: systemClock,
    reviewers: given({ authentication: authentication?.client, authorization: authorization?.client }),
    believed: {
      tokens: flags.authenticationTokenWebhookCacheTtl,
      allowed: flags.authorizationWebhookCacheAuthorizedTtl,
      denied: flags.authorizationWebhookCacheUnauthorizedTtl,
    },
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
      authentication?.close()
      authorization?.close()
      return server.close()
    },
  }
}
