import type { CertificateSigningRequest } from '@canopus/api/certificates/v1'
import type { Clock } from '@canopus/base'
import {
  type CertificateRequest,
  type CertifiedKey,
  parseCertificateRequest,
  signCertificateRequest,
} from '@canopus/platform'
import { NODE_USER_PREFIX } from '../authn/user.ts'
import { isOwnSigner, SIGNERS, whatIsWrong } from './signers.ts'

/** What became of a request at its signer. */
export type SigningResult =
  | { readonly kind: 'signed' /** PEM in base64, as `status.certificate` holds it. */; readonly certificate: string }
  /** For the condition `Failed` with the reason `SignerValidationFailure`. */
  | { readonly kind: 'failed'; readonly message: string }
  /** Another signer's business. */
  | { readonly kind: 'foreign' }

/** A right whose holders get their request approved without a person. */
export interface AutoApproval {
  /** To be asked of SubjectAccessReview as `create certificatesigningrequests/<subresource>` in certificates.k8s.io. */
  readonly subresource: 'selfnodeclient' | 'nodeclient'
  /** For the condition `Approved`, with the reason `AutoApproved`. */
  readonly message: string
}

/**
 * What the controllers of certificates.k8s.io need of the world of certificates; the composition root hands it to them.
 * All reject where the request cannot be read at all.
 */
export interface CsrSigner {
  /** The rights under which this request may be approved at once, the narrowest first. */
  autoApprovals(csr: CertificateSigningRequest): Promise<readonly AutoApproval[]>
  /** For a well-formed serving certificate that a node asks for itself: the node, and the names it should be good for. */
  servingRequest(csr: CertificateSigningRequest): Promise<{ node: string; hosts: readonly string[] } | undefined>
  /** Signs a request that was approved (the caller sees to that). */
  sign(csr: CertificateSigningRequest): Promise<SigningResult>
}

export interface CsrSignerOptions {
  /** The authority of a signer; nothing where somebody else signs for it. */
  caFor(signer: string): CertifiedKey | undefined
  clock: Clock
  /** Milliseconds; the longest and usual lifetime of certificates, one year where missing. */
  validity?: number
}

const YEAR = 365 * 24 * 3600 * 1000
/** Shorter lifetimes are not issued: certificates start five minutes in the past. */
const SHORTEST = 10 * 60 * 1000

/** Signs for the cluster's own signers with its authority (pkg/controller/certificates/{signer,approver}). */
export function createCsrSigner(options: CsrSignerOptions): CsrSigner {
  return {
    async autoApprovals(csr) {
      if (csr.spec.signerName !== SIGNERS.kubeletClient) return []
      const request = await read(csr)
      if (whatIsWrong(request, csr.spec.usages ?? [], csr.spec.signerName) !== undefined) return []
      const own = csr.spec.username === request.subject.commonName
      return own ? [SELF_NODE_CLIENT, NODE_CLIENT] : [NODE_CLIENT]
    },
    async servingRequest(csr) {
      const { signerName, usages = [], username } = csr.spec
      if (signerName !== SIGNERS.kubeletServing) return undefined
      const request = await read(csr)
      if (whatIsWrong(request, usages, signerName) !== undefined) return undefined
      if (username !== request.subject.commonName) return undefined
      return {
        node: request.subject.commonName.slice(NODE_USER_PREFIX.length),
        hosts: [...request.dnsNames, ...request.addresses],
      }
    },
    async sign(csr) {
      const { signerName, usages = [], expirationSeconds } = csr.spec
      const ca = isOwnSigner(signerName) ? options.caFor(signerName) : undefined
      if (ca === undefined) return { kind: 'foreign' }
      const request = await read(csr)
      const wrong = whatIsWrong(request, usages, signerName)
      if (wrong !== undefined) return { kind: 'failed', message: wrong }
      const longest = options.validity ?? YEAR
      const validity = expirationSeconds === undefined ? longest : clamp(expirationSeconds * 1000, SHORTEST, longest)
      const pem = signCertificateRequest(ca, request, { usages, validity, clock: options.clock })
      return { kind: 'signed', certificate: Buffer.from(pem).toString('base64') }
    },
  }
}

const SELF_NODE_CLIENT: AutoApproval = {
  subresource: 'selfnodeclient',
  message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
}
const NODE_CLIENT: AutoApproval = {
  subresource: 'nodeclient',
  message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
}

/** `spec.request` is base64 of PEM, as the API carries bytes. */
function read(csr: CertificateSigningRequest): Promise<CertificateRequest> {
  return parseCertificateRequest(Buffer.from(csr.spec.request, 'base64').toString('utf8'))
}

const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(value, high))
