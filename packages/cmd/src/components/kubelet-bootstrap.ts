import { join } from 'node:path'
import type { Logger } from '@canopus/base'
import { createClient, type Transport } from '@canopus/client'
import { createHttpsTransport, type HttpsTransport, readKubeconfigUser } from '@canopus/host'
import { CertificateKeeper } from '@canopus/kubelet'
import { type CertifiedKey, readTextIfPresent, systemClock, systemRandom, writeFileAtomic } from '@canopus/platform'
import { kubeconfigTransport } from './access.ts'

export interface KubeletCertificateOptions {
  /** Written where a certificate has come with the bootstrap kubeconfig; else it has the first certificate. */
  kubeconfig: string
  /** The kubeconfig with which the first certificate is asked for, where `kubeconfig` does not have it. */
  bootstrap: string | undefined
  certDir: string
  nodeName: string
  logger: Logger
}

/** Where the present client certificate and its key are. */
export const clientCertificateFile = (certDir: string): string => join(certDir, 'kubelet-client-current.pem')

/**
 * Has the node's client certificate: the first is asked for with the bootstrap kubeconfig or that of the kubeconfig, and is
 * renewed with itself for as long as the signal allows (upstream pkg/kubelet/certificate/bootstrap). The transport always uses
 * the present one.
 */
export async function renewedTransport(
  options: KubeletCertificateOptions,
  signal: AbortSignal,
): Promise<Transport & { close(): void }> {
  const { kubeconfig, bootstrap, certDir, nodeName, logger } = options
  const first = kubeconfigTransport(bootstrap ?? kubeconfig)
  const { server, ca, cert, key } = readKubeconfigUser(bootstrap ?? kubeconfig)
  const file = clientCertificateFile(certDir)
  const transportWith = (present: CertifiedKey): HttpsTransport =>
    createHttpsTransport({
      server,
      cert: present.certificate,
      key: present.key,
      ...(ca === undefined ? {} : { ca }),
    })
  let current: HttpsTransport | undefined
  const keeper = new CertificateKeeper({
    file,
    ...(bootstrap === undefined && cert && key ? { first: { certificate: cert, key } } : {}),
    wish: { nodeName, signerName: 'kubernetes.io/kube-apiserver-client-kubelet' },
    clientFor: present => createClient(present && current ? current : first, { userAgent: 'kubelet' }),
    clock: systemClock,
    random: systemRandom,
    logger,
  })
  const use = (present: CertifiedKey): void => {
    const old = current
    current = transportWith(present)
    old?.close()
  }
  use(await keeper.get(signal))
  if (bootstrap !== undefined) writeKubeconfig(kubeconfig, { server, ca, file })
  void keeper.run(use, signal).catch((error: unknown) => {
    if (!signal.aborted) logger.error('the client certificate is renewed no more', { error })
  })
  return {
    send: request => current!.send(request),
    close() {
      current?.close()
      first.close()
    },
  }
}

/** Names the file with certificate and key, which changes with every renewal. JSON is YAML as well. */
function writeKubeconfig(path: string, facts: { server: string; ca: string | undefined; file: string }): void {
  const name = 'default'
  const text = JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name,
          cluster: {
            server: facts.server,
            ...(facts.ca === undefined
              ? {}
              : { 'certificate-authority-data': Buffer.from(facts.ca).toString('base64') }),
          },
        },
      ],
      users: [{ name, user: { 'client-certificate': facts.file, 'client-key': facts.file } }],
      contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
      'current-context': name,
    },
    null,
    2,
  )
  if (readTextIfPresent(path) !== text) writeFileAtomic(path, text, 0o600)
}
