/** Messages of KMS v2 and of what is stored under it (k8s.io/kms/apis/v2, pkg/storage/value/encrypt/envelope/kmsv2/v2). */
import { codecsOf, fields } from '../../grpc/messages.ts'

const annotations = (id: number) => ({ annotations: { id, keyType: 'string', type: 'bytes' } })

const codec = codecsOf({
  StatusRequest: fields({}),
  StatusResponse: fields({ version: [1, 'string'], healthz: [2, 'string'], keyId: [3, 'string'] }),
  DecryptRequest: {
    fields: {
      ...fields({ ciphertext: [1, 'bytes'], uid: [2, 'string'], keyId: [3, 'string'] }).fields,
      ...annotations(4),
    },
  },
  DecryptResponse: fields({ plaintext: [1, 'bytes'] }),
  EncryptRequest: fields({ plaintext: [1, 'bytes'], uid: [2, 'string'] }),
  EncryptResponse: {
    fields: { ...fields({ ciphertext: [1, 'bytes'], keyId: [2, 'string'] }).fields, ...annotations(3) },
  },
  EncryptedObject: {
    fields: {
      ...fields({ encryptedData: [1, 'bytes'], keyID: [2, 'string'], encryptedDEKSource: [3, 'bytes'] }).fields,
      ...annotations(4),
      ...fields({ encryptedDEKSourceType: [5, 'int32'] }).fields,
    },
  },
})

export type Annotations = Readonly<Record<string, Uint8Array>>

export interface StatusResponse {
  readonly version: string
  readonly healthz: string
  readonly keyId: string
}
export interface EncryptRequest {
  readonly plaintext: Uint8Array
  readonly uid: string
}
export interface EncryptResponse {
  readonly ciphertext: Uint8Array
  readonly keyId: string
  readonly annotations: Annotations
}
export interface DecryptRequest {
  readonly ciphertext: Uint8Array
  readonly uid: string
  readonly keyId: string
  readonly annotations: Annotations
}
export interface DecryptResponse {
  readonly plaintext: Uint8Array
}

/** `encryptedDEKSourceType`: the source is the key itself, or the seed that each value's key is derived from. */
export const DEK_KEY = 0
export const DEK_SEED = 1

export interface EncryptedObject {
  readonly encryptedData: Uint8Array
  readonly keyID: string
  readonly encryptedDEKSource: Uint8Array
  readonly annotations: Annotations
  readonly encryptedDEKSourceType: number
}

export const encryptedObject = codec<EncryptedObject>('EncryptedObject')

/** `/v2.KeyManagementService/...`: requests and responses. */
export const kmsMethods = {
  Status: { request: codec<object>('StatusRequest'), response: codec<StatusResponse>('StatusResponse') },
  Encrypt: { request: codec<EncryptRequest>('EncryptRequest'), response: codec<EncryptResponse>('EncryptResponse') },
  Decrypt: { request: codec<DecryptRequest>('DecryptRequest'), response: codec<DecryptResponse>('DecryptResponse') },
}
