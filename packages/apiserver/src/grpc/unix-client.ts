/** Calls to a program beside the API server, over a Unix socket. Loads gRPC, which is large: import it where it is needed. */
import * as grpc from '@grpc/grpc-js'
import type { Codec } from './messages.ts'

export interface UnixClient {
  /** Waits for the program to be there, up to `timeout` milliseconds. Rejects with gRPC's words: `rpc error: code = ...`. */
  call<Request, Response>(
    name: string,
    method: { request: Codec<Request>; response: Codec<Response> },
    message: Request,
    timeout: number,
  ): Promise<Response>
  close(): void
}

/** `endpoint` is `unix:///path`, or the name of an abstract socket with `@` before it; `service` is `package.Service`. */
export function createUnixClient(endpoint: string, service: string): UnixClient {
  const client = new grpc.Client(socketOf(endpoint), grpc.credentials.createInsecure(), {
    'grpc.default_authority': 'localhost',
  })
  return {
    call: (name, { request, response }, message, timeout) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          `/${service}/${name}`,
          request.encode,
          response.decode,
          message,
          new grpc.Metadata({ waitForReady: true }),
          { deadline: Date.now() + timeout },
          (error, answer) => {
            if (error) reject(new Error(`rpc error: code = ${codeName(error.code)} desc = ${error.details}`))
            else resolve(answer!)
          },
        )
      }),
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
