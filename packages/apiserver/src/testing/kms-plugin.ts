/** A KMS v2 plugin for tests, on a Unix socket: its keys are what it adds to every byte. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as grpc from '@grpc/grpc-js'
import { type DecryptRequest, type EncryptRequest, kmsMethods } from '../storage/encryption/kms-messages.ts'

export interface KmsPlugin {
  readonly endpoint: string
  /** The key that is written with now; its last digit is the key. */
  keyId: string
  healthz: string
  readonly calls: { encrypt: number; decrypt: number; status: number }
  stop(): Promise<void>
}

/**
 * Starts one in a directory of its own, which goes when it stops; one that is named is made again. `abstract` has it listen on the
 * socket of that name, which no directory has.
 */
export async function startKmsPlugin(
  directory = mkdtempSync(join(tmpdir(), 'canopus-kms-')),
  abstract?: string,
): Promise<KmsPlugin> {
  const socket = join(directory, 'kms.sock')
  mkdirSync(directory, { recursive: true })
  rmSync(socket, { force: true })
  const server = new grpc.Server()
  const calls = { encrypt: 0, decrypt: 0, status: 0 }
  const plugin = {
    endpoint: abstract === undefined ? `unix://${socket}` : `unix:///@${abstract}`,
    keyId: 'key-1',
    healthz: 'ok',
    calls,
  }
  const shifted = (bytes: Uint8Array, keyId: string, sign: number): Buffer =>
    Buffer.from(bytes.map(byte => (byte + sign * Number(keyId.at(-1)) + 256) % 256))
  const methods = {
    Status: () => {
      calls.status++
      return { version: 'v2', healthz: plugin.healthz, keyId: plugin.keyId }
    },
    Encrypt: ({ plaintext }: EncryptRequest) => {
      calls.encrypt++
      const annotations = { 'version.encryption.example.io': Buffer.from('1') }
      return { ciphertext: shifted(plaintext, plugin.keyId, 1), keyId: plugin.keyId, annotations }
    },
    Decrypt: ({ ciphertext, keyId, annotations }: DecryptRequest) => {
      calls.decrypt++
      if (annotations['version.encryption.example.io'] === undefined) throw new Error('the annotation is missing')
      return { plaintext: shifted(ciphertext, keyId, -1) }
    },
  }
  for (const [name, run] of Object.entries(methods)) {
    const { request, response } = kmsMethods[name as 'Encrypt']
    server.register(
      `/v2.KeyManagementService/${name}`,
      (call: grpc.ServerUnaryCall<never, never>, answer: grpc.sendUnaryData<never>) => {
        try {
          answer(null, run(call.request) as never)
        } catch (error) {
          answer({ code: grpc.status.INTERNAL, details: (error as Error).message })
        }
      },
      response.encode as never,
      request.decode as never,
      'unary',
    )
  }
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(
      `unix:${abstract === undefined ? socket : `\0${abstract}`}`,
      grpc.ServerCredentials.createInsecure(),
      error => (error ? reject(error) : resolve()),
    )
  })
  return Object.assign(plugin, {
    async stop() {
      server.forceShutdown()
      rmSync(directory, { recursive: true, force: true })
    },
  })
}
