import { join } from 'node:path'
import type { Logger } from '@canopus/base'
import { createClient, type Transport } from '@canopus/client'
import { createHttpsTransport, type HttpsTransport, readKubeconfigUser } from '@canopus/host'
import { CertificateKeeper } from '@canopus/kubelet'
import { type CertifiedKey, readTextIfPresent, systemClock, systemRandom, writeFileAtomic } from '@canopus/platform'
import { kubeconfigTransport } from './access.ts'

export interface KubeletBootstrapOptions {
  /** Written where the first certificate has come. */
  kubeconfig: string
  /** The kubeconfig with which it is asked for. */
  bootstrap: string
  certDir: string
  nodeName: string
  logger: Logger
}

/**
 * Has the node's client certificate: asks for the first with the bootstrap kubeconfig, then renews it with itself for as long
 * as the signal allows (upstream pkg/kubelet/certificate/bootstrap). The transport always uses the present one.
 */
export async function bootstrapKubelet(
  options: KubeletBootstrapOptions,
  signal: AbortSignal,
): Promise<Transport & { close(): void }> {
  const { kubeconfig, bootstrap, certDir, nodeName, logger } = options
  const first = kubeconfigTransport(bootstrap)
  const { server, ca } = readKubeconfigUser(bootstrap)
  const file = join(certDir, 'kubelet-client-current.pem')
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
  writeKubeconfig(kubeconfig, { server, ca, file })
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
