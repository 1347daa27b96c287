import type { CertificateRequest } from '@canopus/platform'

/** The signers that a cluster has by itself (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/). */
export const SIGNERS = {
  apiserverClient: 'kubernetes.io/kube-apiserver-client',
  kubeletClient: 'kubernetes.io/kube-apiserver-client-kubelet',
  kubeletServing: 'kubernetes.io/kubelet-serving',
  legacyUnknown: 'kubernetes.io/legacy-unknown',
} as const

const NODES = 'system:nodes'
const NODE_PREFIX = 'system:node:'

/**
 * What is wrong with a request for its signer, in upstream's words (pkg/apis/certificates/helpers.go); `undefined` where
 * nothing is. Throws for signers that are not ours to be.
 */
export function whatIsWrong(
  request: CertificateRequest,
  usages: readonly string[],
  signer: string,
): string | undefined {
  switch (signer) {
    case SIGNERS.apiserverClient:
      return wrongForClient(usages)
    case SIGNERS.kubeletClient:
      return wrongForKubeletClient(request, usages)
    case SIGNERS.kubeletServing:
      return wrongForKubeletServing(request, usages)
    case SIGNERS.legacyUnknown:
      return undefined
    default:
      throw new Error(`unrecognized signerName: ${JSON.stringify(signer)}`)
  }
}

/** Whether the cluster signs for this name. */
export function isOwnSigner(signer: string): boolean {
  return Object.values(SIGNERS).some(own => own === signer)
}

function wrongForClient(usages: readonly string[]): string | undefined {
  const odd = usages.find(usage => !['digital signature', 'key encipherment', 'client auth'].includes(usage))
  if (odd !== undefined) return `invalid usage for client certificate: ${odd}`
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth'
}

function wrongForKubeletClient(request: CertificateRequest, usages: readonly string[]): string | undefined {
  if (!isOfNodes(request)) return 'subject organization is not system:nodes'
  if (request.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed'
  if (request.emails.length > 0) return 'Email subjectAltNames are not allowed'
  if (request.addresses.length > 0) return 'IP subjectAltNames are not allowed'
  if (request.uris.length > 0) return 'URI subjectAltNames are not allowed'
  if (!isNamedLikeNode(request)) return 'subject common name does not begin with system:node:'
  return wrongUsages(usages, 'client auth')
}

function wrongForKubeletServing(request: CertificateRequest, usages: readonly string[]): string | undefined {
  if (!isOfNodes(request)) return 'subject organization is not system:nodes'
  if (request.dnsNames.length === 0 && request.addresses.length === 0) return 'DNS or IP subjectAltName is required'
  if (request.emails.length > 0) return 'Email subjectAltNames are not allowed'
  if (request.uris.length > 0) return 'URI subjectAltNames are not allowed'
  return (
    wrongUsages(usages, 'server auth') ??
    (isNamedLikeNode(request) ? undefined : 'subject common name does not begin with system:node:')
  )
}

const isOfNodes = ({ subject }: CertificateRequest): boolean =>
  subject.organizations.length === 1 && subject.organizations[0] === NODES

const isNamedLikeNode = ({ subject }: CertificateRequest): boolean => subject.commonName.startsWith(NODE_PREFIX)

/** Exactly these; key encipherment may be missing, since only RSA keys need it. */
function wrongUsages(usages: readonly string[], purpose: string): string | undefined {
  const wanted = new Set(['digital signature', 'key encipherment', purpose])
  const given = new Set(usages)
  const fits = given.has('digital signature') && given.has(purpose) && [...given].every(usage => wanted.has(usage))
  return fits ? undefined : `usages did not match [${[...wanted].sort().join(' ')}]`
}
