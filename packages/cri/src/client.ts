import type { Clock } from '@canopus/base'
import { credentials, Client as GrpcClient, type ServiceError } from '@grpc/grpc-js'
import { CriError, codeName } from './error.ts'
import { METHODS } from './messages.ts'
import { decode, encode, type Input, type MessageName, type MethodName, type Output } from './wire.ts'

export interface CallOptions {
  signal?: AbortSignal
  /** Milliseconds from now until the call fails with DEADLINE_EXCEEDED; 0 is never. Default: the call's own. */
  deadline?: number
}

type RequestOf<Name extends MethodName> = `${Name}Request` extends MessageName ? Input<`${Name}Request`> : never
type ResponseOf<Name extends MethodName> = `${Name}Response` extends MessageName ? Output<`${Name}Response`> : never

/** The calls of RuntimeService and ImageService under their own names, in lower camel case. They throw `CriError`. */
export type CriCalls = {
  readonly [Name in MethodName as Uncapitalize<Name>]: (
    request?: RequestOf<Name>,
    options?: CallOptions,
  ) => Promise<ResponseOf<Name>>
}

export interface Cri extends CriCalls {
  close(): void
}

/** Longest message taken: lists of thousands of containers are a few megabytes. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024

/**
 * A client of the container runtime behind `socketPath`. Connects when first used, and again after the runtime restarts;
 * calls made while it is away fail with UNAVAILABLE.
 */
export function connectCri(socketPath: string, clock: Clock): Cri {
  const grpc = new GrpcClient(`unix://${socketPath}`, credentials.createInsecure(), {
    'grpc.default_authority': 'localhost', // containerd refuses a path as authority
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.min_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1000,
  })
  const calls: Record<string, unknown> = { close: () => grpc.close() }
  for (const name of Object.keys(METHODS) as MethodName[])
    calls[name.charAt(0).toLowerCase() + name.slice(1)] = method(grpc, clock, name)
  return calls as unknown as Cri
}

function method<Name extends MethodName>(grpc: GrpcClient, clock: Clock, name: Name) {
  const { service, deadline: ownDeadline } = METHODS[name]
  const path = `/runtime.v1.${service}/${name}`
  const requestName = `${name}Request` as MessageName
  const responseName = `${name}Response` as MessageName
  return (request: Input<MessageName> = {}, options: CallOptions = {}): Promise<Output<MessageName>> =>
    new Promise((resolve, reject) => {
      if (options.signal?.aborted) return reject(options.signal.reason)
      const limit = options.deadline ?? ownDeadline
      const call = grpc.makeUnaryRequest(
        path,
        (message: Input<MessageName>) => encode(requestName, message),
        (bytes: Buffer) => decode(responseName, bytes),
        request,
        limit > 0 ? { deadline: clock.now() + limit } : {},
        (error, response) => {
          options.signal?.removeEventListener('abort', cancel)
          if (error) reject(options.signal?.aborted ? options.signal.reason : wrap(name, error))
          else resolve(response as Output<MessageName>)
        },
      )
      const cancel = (): void => call.cancel()
      options.signal?.addEventListener('abort', cancel, { once: true })
    })
}

function wrap(call: string, error: ServiceError): CriError {
  return new CriError(call, codeName(error.code), error.details || error.message)
}
