/** The calls to a KMS v2 plugin. */
import * as grpc from '@grpc/grpc-js'
import { type Codec, kmsMethods } from './kms-messages.ts'
import type { KmsService } from './kms-service.ts'

/** `connectKms`, once this is loaded. */
export function createKmsClient(endpoint: string, timeout: number): KmsService {
  const client = new grpc.Client(socketOf(endpoint), grpc.credentials.createInsecure(), {
    'grpc.default_authority': 'localhost',
  })
  const call = <Request, Response>(
    name: keyof typeof kmsMethods,
    { request, response }: { request: Codec<Request>; response: Codec<Response> },
    message: Request,
  ): Promise<Response> =>
    new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + timeout, waitForReady: true }
      client.makeUnaryRequest<Request, Response>(
        `/v2.KeyManagementService/${name}`,
        request.encode,
        response.decode,
        message,
        new grpc.Metadata({ waitForReady: true }),
        options,
        (error, answer) => {
          if (error) reject(new Error(`rpc error: code = ${codeName(error.code)} desc = ${error.details}`))
          else resolve(answer!)
        },
      )
    })
  return {
    status: () => call('Status', kmsMethods.Status, {}),
    encrypt: (uid, plaintext) => call('Encrypt', kmsMethods.Encrypt, { uid, plaintext }),
    decrypt: async request => (await call('Decrypt', kmsMethods.Decrypt, request)).plaintext,
    close: () => client.close(),
  }
}

/** `DEADLINE_EXCEEDED` is `DeadlineExceeded` to Go programs, and in their logs and metrics. */
function codeName(code: grpc.status): string {
  if (code === grpc.status.CANCELLED) return 'Canceled'
  const words = (grpc.status[code] ?? 'UNKNOWN').split('_')
  return words.map(word => word[0] + word.slice(1).toLowerCase()).join('')
}

/** Where the socket is, as the library names it, which knows abstract ones by their bytes alone. */
function socketOf(endpoint: string): string {
  const path = endpoint.replace(/^unix:(\/\/)?/, '')
  return `unix:${/^\/?@/.test(path) ? `\0${path.replace(/^\/?@/, '')}` : path}`
}
