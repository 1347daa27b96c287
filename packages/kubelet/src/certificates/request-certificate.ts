import { CertificateSigningRequests } from '@canopus/api'
import type { CertificateSigningRequest } from '@canopus/api/certificates/v1'
import { type Clock, sleep } from '@canopus/base'
import type { Client } from '@canopus/client'
import { type CertifiedKey, createCertificateRequest, createKey } from '@canopus/platform'

export type NodeSigner = 'kubernetes.io/kube-apiserver-client-kubelet' | 'kubernetes.io/kubelet-serving'

export interface CertificateWish {
  nodeName: string
  signerName: NodeSigner
  /** Host names and addresses of a serving certificate. */
  hosts?: readonly string[]
}

const ASK_EVERY = 250
/** Upstream gives a request so long to be approved and signed before it makes a new one. */
const PATIENCE = 15 * 60_000

/** A request that was refused, or that nobody signed in time. */
export class CertificateError extends Error {}

/**
 * Makes a key and has it certified: creates a CertificateSigningRequest and waits until it is approved and signed (upstream
 * client-go/util/certificate/csr). Throws `CertificateError`, `StatusError`.
 */
export async function requestCertificate(
  client: Client,
  clock: Clock,
  wish: CertificateWish,
  signal: AbortSignal,
): Promise<CertifiedKey> {
  const key = await createKey()
  const request = createCertificateRequest(key, {
    commonName: `system:node:${wish.nodeName}`,
    organizations: ['system:nodes'],
    ...(wish.hosts && { hosts: wish.hosts }),
  })
  const serving = wish.signerName === 'kubernetes.io/kubelet-serving'
  const requests = client.resource(CertificateSigningRequests)
  const { metadata } = await requests.create(
    {
      metadata: { generateName: 'csr-' },
      spec: {
        request: Buffer.from(request).toString('base64'),
        signerName: wish.signerName,
        usages: ['digital signature', serving ? 'server auth' : 'client auth'],
      },
    },
    { signal },
  )
  const deadline = clock.monotonic() + PATIENCE
  while (clock.monotonic() < deadline) {
    const certificate = issued(await requests.get(metadata.name, { signal }))
    if (certificate !== undefined) return { certificate, key }
    await sleep(clock, ASK_EVERY, signal)
  }
  throw new CertificateError(`certificate signing request ${metadata.name} was not signed in time`)
}

function issued(request: CertificateSigningRequest): string | undefined {
  const refusal = request.status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed')
  if (refusal)
    throw new CertificateError(
      `certificate signing request ${request.metadata.name} was ${refusal.type.toLowerCase()}: ${refusal.reason ?? ''} ${refusal.message ?? ''}`.trim(),
    )
  const { certificate } = request.status ?? {}
  return certificate === undefined || certificate === '' ? undefined : Buffer.from(certificate, 'base64').toString()
}
