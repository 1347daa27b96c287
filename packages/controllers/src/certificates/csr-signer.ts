import type { CertificateSigningRequest } from '@canopus/api/certificates/v1'

/**
 * What these controllers need of the world of certificates, which is not theirs to read: the composition root hands it in
 * (`createCsrSigner` of package `apiserver`). All reject where the request cannot be read.
 */
export interface CsrSigner {
  /** The rights under which this request may be approved at once, the narrowest first. */
  autoApprovals(csr: CertificateSigningRequest): Promise<readonly { subresource: string; message: string }[]>
  /** For a well-formed serving certificate that a node asks for itself: the node, and the names it should be good for. */
  servingRequest(csr: CertificateSigningRequest): Promise<{ node: string; hosts: readonly string[] } | undefined>
  /** Signs a request; the caller has seen that it was approved. `certificate` is PEM in base64. */
  sign(
    csr: CertificateSigningRequest,
  ): Promise<{ kind: 'signed'; certificate: string } | { kind: 'failed'; message: string } | { kind: 'foreign' }>
}

/** Whether the request has this condition, and it is true. */
export function hasCondition({ status }: CertificateSigningRequest, type: string): boolean {
  return status?.conditions?.some(each => each.type === type && each.status === 'True') ?? false
}
