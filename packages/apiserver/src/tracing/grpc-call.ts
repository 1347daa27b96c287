/** Spans of calls over gRPC, as OpenTelemetry's instrumentation of gRPC for Go makes them, which upstream's etcd client has. */
import type { AroundCall, OnMessage } from '@canopus/store'
import { type Span, traced, traceHeaders } from './span.ts'

/** gRPC's codes by their numbers, in Go's words. */
const CODES = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
]

/** The code of an error that a server answered with. */
export function grpcCodeOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown }
  return (typeof code === 'number' && CODES[code]) || 'Unknown'
}

/** Notes messages, each kind counted for itself. */
function messageEvents(span: Span): OnMessage {
  const seen = { SENT: 0, RECEIVED: 0 }
  return (type, length) => {
    span.event('message', {
      'rpc.message.type': type,
      'rpc.message.id': ++seen[type],
      'rpc.message.compressed_size': length,
      'rpc.message.uncompressed_size': length,
    })
  }
}

/** Makes a call in a span of its own where the request that it belongs to has one; the servers hear of it in any case. */
export const tracedGrpcCall: AroundCall = ({ method, host, port }, act) =>
  traced(
    method,
    'client',
    () => ({ 'rpc.method': method, 'rpc.system.name': 'grpc', 'server.address': host, 'server.port': port }),
    async span => {
      try {
        const answer = await act(traceHeaders(), span && messageEvents(span))
        span?.set({ 'rpc.response.status_code': 'OK' })
        return answer
      } catch (error) {
        span?.set({ 'rpc.response.status_code': grpcCodeOf(error) })
        throw error
      }
    },
  )
