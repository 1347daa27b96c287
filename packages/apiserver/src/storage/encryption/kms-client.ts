/** The calls to a KMS v2 plugin. */
import { createUnixClient } from '../../grpc/unix-client.ts'
import { kmsMethods } from './kms-messages.ts'
import type { KmsService } from './kms-service.ts'

/** `connectKms`, once this is loaded. */
export function createKmsClient(endpoint: string, timeout: number): KmsService {
  const client = createUnixClient(endpoint, 'v2.KeyManagementService')
  return {
    status: () => client.call('Status', kmsMethods.Status, {}, timeout),
    encrypt: (uid, plaintext) => client.call('Encrypt', kmsMethods.Encrypt, { uid, plaintext }, timeout),
    decrypt: async request => (await client.call('Decrypt', kmsMethods.Decrypt, request, timeout)).plaintext,
    close: () => client.close(),
  }
}
