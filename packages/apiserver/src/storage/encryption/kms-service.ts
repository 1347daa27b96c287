/** A KMS v2 plugin behind a Unix socket (pkg/storage/value/encrypt/envelope/kmsv2/grpc_service.go). */
import type { DecryptRequest, EncryptResponse, StatusResponse } from './kms-messages.ts'

/** Encrypts and decrypts keys, never values. */
export interface KmsService {
  status(): Promise<StatusResponse>
  encrypt(uid: string, plaintext: Uint8Array): Promise<EncryptResponse>
  decrypt(request: DecryptRequest): Promise<Uint8Array>
  close(): void
}

/** `endpoint` is `unix:///path` or `unix:@name`; `timeout` is of each call, in milliseconds, waiting for the plugin included. */
export function connectKms(endpoint: string, timeout: number): KmsService {
  // Loaded where there is a plugin: gRPC is large, and few clusters have one.
  const client = import('./kms-client.ts').then(({ createKmsClient }) => createKmsClient(endpoint, timeout))
  return {
    status: async () => (await client).status(),
    encrypt: async (uid, plaintext) => (await client).encrypt(uid, plaintext),
    decrypt: async request => (await client).decrypt(request),
    close: () => void client.then(each => each.close()),
  }
}
