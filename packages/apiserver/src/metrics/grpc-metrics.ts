/** Calls to etcd by gRPC, as go-grpc-prometheus counts them in upstream's client. Watches, which are streams, are not among them. */
import type { MetricsRegistry } from '@canopus/base'
import type { AroundCall } from '@canopus/store'
import { grpcCodeOf } from '../tracing/grpc-call.ts'

const LABELS = ['grpc_method', 'grpc_service', 'grpc_type']

/** Counts what goes through `around`; for all connections of a server. */
export function countedGrpcCalls(registry: MetricsRegistry, around: AroundCall): AroundCall {
  const started = registry.counter('grpc_client_started_total', 'Total number of RPCs started on the client.', LABELS)
  const handled = registry.counter(
    'grpc_client_handled_total',
    'Total number of RPCs completed by the client, regardless of success or failure.',
    [...LABELS, 'grpc_code'],
  )
  const received = registry.counter(
    'grpc_client_msg_received_total',
    'Total number of RPC stream messages received by the client.',
    LABELS,
  )
  const sent = registry.counter(
    'grpc_client_msg_sent_total',
    'Total number of gRPC stream messages sent by the client.',
    LABELS,
  )
  return async (call, act) => {
    const slash = call.method.lastIndexOf('/')
    const by = [call.method.slice(slash + 1), call.method.slice(0, slash), 'unary'] as const
    started.with(...by).add()
    sent.with(...by).add()
    try {
      const answer = await around(call, act)
      received.with(...by).add()
      handled.with(...by, 'OK').add()
      return answer
    } catch (error) {
      handled.with(...by, grpcCodeOf(error)).add()
      throw error
    }
  }
}
