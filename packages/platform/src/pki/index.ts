export {
  type AuthorityOptions,
  type CertifiedKey,
  createAuthority,
  createKey,
  issueCertificate,
  type LeafOptions,
} from './certificate.ts'
export {
  belongTogether,
  type ClusterPki,
  type ClusterPkiOptions,
  createClusterPki,
  ensureAuthority,
  ensureClusterPki,
  ensureLeaf,
  isFit,
  issueClientCertificate,
  type PkiFiles,
} from './cluster-pki.ts'
export { DerReader, type Expected } from './der-reader.ts'
export { type NamedCertificate, NamedContexts, type TlsPolicy } from './named-certificates.ts'
export type { AlternativeNames, KeyUsage, Subject } from './names.ts'
export { type CertificateFacts, isIssuedBy, parseCertificate } from './parse.ts'
export {
  type CertificateRequest,
  createCertificateRequest,
  parseCertificateRequest,
  type RequestOptions,
  type SigningPolicy,
  signCertificateRequest,
} from './request.ts'
export { type Trust, trusting } from './trust.ts'
