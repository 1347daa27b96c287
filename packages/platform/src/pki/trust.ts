/** What a TLS client trusts. */
export interface Trust<T> {
  readonly ca: T
  readonly allowPartialTrustChain: true
}

/**
 * Trusts the certificates that are given themselves, as Go does (crypto/x509, `VerifyOptions.Roots`): also one that is no authority but what
 * the server shows, as envtest gives it to webhooks, and an authority whose own issuer is not among them.
 */
export const trusting = <T>(ca: T): Trust<T> => ({ ca, allowPartialTrustChain: true })
