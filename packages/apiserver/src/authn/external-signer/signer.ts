/** The program behind `--service-account-signing-endpoint`. */
import type { FetchedKeys, SignedToken, SignerMetadata } from './messages.ts'

export interface ExternalSigner {
  /** `claims` is base64url, as it will be in the token. */
  sign(claims: string): Promise<SignedToken>
  fetchKeys(): Promise<FetchedKeys>
  metadata(): Promise<SignerMetadata>
  close(): void
}

/** How long each call waits, the program's start included, in milliseconds. */
const TIMEOUTS = { sign: 60_000, fetchKeys: 60_000, metadata: 10_000 }

/** `path` is of a Unix socket, or `@name` of an abstract one. */
export async function connectExternalSigner(path: string): Promise<ExternalSigner> {
  // Loaded where there is one: gRPC is large, and few clusters have a signer.
  const [{ createUnixClient }, { signerMethods }] = await Promise.all([
    import('../../grpc/unix-client.ts'),
    import('./messages.ts'),
  ])
  const client = createUnixClient(path, 'v1.ExternalJWTSigner')
  return {
    sign: claims => client.call('Sign', signerMethods.Sign, { claims }, TIMEOUTS.sign),
    fetchKeys: () => client.call('FetchKeys', signerMethods.FetchKeys, {}, TIMEOUTS.fetchKeys),
    metadata: () => client.call('Metadata', signerMethods.Metadata, {}, TIMEOUTS.metadata),
    close: () => client.close(),
  }
}
