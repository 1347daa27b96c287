/** What X.509 and PKCS #9 call things by. */
export const COMMON_NAME = '2.5.4.3'
export const ORGANIZATION = '2.5.4.10'
/** k8s.io/apimachinery/pkg/apis/asn1 */
export const KUBERNETES_UID = '1.3.6.1.4.1.57683.2'

/** Extensions of certificates (RFC 5280, section 4.2). */
export const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  alternativeNames: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const

/** The attribute of a request with the extensions that it asks for (RFC 2985, section 5.4.2). */
export const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'
