/** A whole API server on a TLS port, with its own authorities and an administrator's kubeconfig, for tests. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtInKinds } from '@canopus/api'
import type { Logger } from '@canopus/base'
import { createClient } from '@canopus/client'
import {
  type CertifiedKey,
  type ClusterPki,
  createClusterPki,
  createLogger,
  issueClientCertificate,
  systemClock,
  systemRandom,
} from '@canopus/platform'
import { createMemoryStore, type Store } from '@canopus/store'
import { bootstrapCluster } from '../bootstrap/index.ts'
import { createSecurity, type SecurityOptions } from '../create-security.ts'
import type { Listener } from '../http/listen.ts'
import { type ApiServer, type ApiServerOptions, createApiServer } from '../server.ts'

export interface SecureServer {
  readonly server: ApiServer
  readonly listener: Listener
  readonly pki: ClusterPki
  readonly admin: CertifiedKey
  readonly url: string
  /** Path of a kubeconfig whose current user is in `system:masters`. */
  readonly kubeconfig: string
  stop(): Promise<void>
}

export interface SecureServerOptions {
  readonly store?: Store
  readonly logger?: Logger
  readonly security?: Partial<SecurityOptions>
  /** Of the cluster; a new one where missing. */
  readonly pki?: ClusterPki
  /** What else the server is given. */
  readonly more?: Pick<ApiServerOptions, 'isServed' | 'serverId' | 'peers'>
}

export async function startSecureServer(options: SecureServerOptions = {}): Promise<SecureServer> {
  const clock = systemClock
  const pki = options.pki ?? (await createClusterPki({ clusterName: 'test', clock }))
  const admin = await issueClientCertificate(pki.ca, { commonName: 'admin', organizations: ['system:masters'], clock })
  const store = options.store ?? createMemoryStore({ clock })
  const server = createApiServer({
    store,
    clock,
    random: systemRandom,
    logger: options.logger ?? createLogger({ level: 'warn' }),
    kinds: builtInKinds,
    kubelet: { cert: pki.apiserverKubeletClient.certificate, key: pki.apiserverKubeletClient.key },
    aggregation: {
      proxyClient: () => ({ cert: pki.frontProxyClient.certificate, key: pki.frontProxyClient.key }),
    },
    security: createSecurity({
      serviceAccountKey: pki.serviceAccount.privateKey,
      clientCa: pki.ca.certificate,
      requestHeader: { clientCa: pki.frontProxyCa.certificate, allowedNames: ['front-proxy-client'] },
      ...options.security,
    }),
    ...options.more,
  })
  await server.start()
  await bootstrapCluster(createClient(server.transport({ name: 'system:apiserver', groups: ['system:masters'] })))
  const listener = await server.listen({
    address: '127.0.0.1',
    port: 0,
    tls: {
      key: pki.apiserver.key,
      cert: pki.apiserver.certificate,
      clientCa: [pki.ca.certificate, pki.frontProxyCa.certificate],
    },
  })
  const directory = mkdtempSync(join(tmpdir(), 'canopus-apiserver-'))
  const url = `https://127.0.0.1:${listener.port}`
  const kubeconfig = join(directory, 'kubeconfig')
  writeFileSync(kubeconfig, JSON.stringify(kubeconfigOf(url, pki.ca.certificate, admin)))
  return {
    server,
    listener,
    pki,
    admin,
    url,
    kubeconfig,
    async stop() {
      await server.stop()
      if (options.store === undefined) await store.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function kubeconfigOf(server: string, ca: string, admin: CertifiedKey): unknown {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [
      {
        name: 'admin',
        user: { 'client-certificate-data': base64(admin.certificate), 'client-key-data': base64(admin.key) },
      },
    ],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  }
}
