/** Messages of the program that signs tokens of service accounts (k8s.io/externaljwt/apis/v1, KEP-740). */
import { codecsOf, fields } from '../../grpc/messages.ts'

const codec = codecsOf({
  SignJWTRequest: fields({ claims: [1, 'string'] }),
  SignJWTResponse: fields({ header: [1, 'string'], signature: [2, 'string'] }),
  FetchKeysRequest: fields({}),
  Timestamp: fields({ seconds: [1, 'int64'], nanos: [2, 'int32'] }),
  Key: fields({ keyId: [1, 'string'], key: [2, 'bytes'], excludeFromOidcDiscovery: [3, 'bool'] }),
  FetchKeysResponse: {
    fields: {
      keys: { id: 1, rule: 'repeated', type: 'Key' },
      ...fields({ dataTimestamp: [2, 'Timestamp'], refreshHintSeconds: [3, 'int64'] }).fields,
    },
  },
  MetadataRequest: fields({}),
  MetadataResponse: fields({ maxTokenExpirationSeconds: [1, 'int64'] }),
})

/** A number of 64 bits, in whichever form the library has it. */
export type Int64 = number | { toString(): string }

export interface SignedToken {
  readonly header: string
  readonly signature: string
}
export interface FetchedKey {
  readonly keyId: string
  /** DER, as SubjectPublicKeyInfo. */
  readonly key: Uint8Array
  readonly excludeFromOidcDiscovery: boolean
}
export interface FetchedKeys {
  readonly keys: readonly FetchedKey[]
  readonly dataTimestamp?: { readonly seconds: Int64; readonly nanos: number } | null
  readonly refreshHintSeconds: Int64
}
export interface SignerMetadata {
  readonly maxTokenExpirationSeconds: Int64
}

/** `/v1.ExternalJWTSigner/...`: requests and responses. */
export const signerMethods = {
  Sign: { request: codec<{ claims: string }>('SignJWTRequest'), response: codec<SignedToken>('SignJWTResponse') },
  FetchKeys: { request: codec<object>('FetchKeysRequest'), response: codec<FetchedKeys>('FetchKeysResponse') },
  Metadata: { request: codec<object>('MetadataRequest'), response: codec<SignerMetadata>('MetadataResponse') },
}
