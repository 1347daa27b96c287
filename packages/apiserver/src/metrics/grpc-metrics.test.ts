import assert from 'node:assert/strict'
import { it } from 'node:test'
import { MetricsRegistry } from '@canopus/base'
import { countedGrpcCalls } from './grpc-metrics.ts'

it('calls by gRPC are counted by service, method and code', async () => {
  const registry = new MetricsRegistry()
  const around = countedGrpcCalls(registry, (_, act) => act({}))
  const call = (method: string) => ({ method: `etcdserverpb.KV/${method}`, host: 'h', port: 1 })
  await around(call('Range'), async () => 1)
  await assert.rejects(around(call('Txn'), () => Promise.reject(Object.assign(new Error('gone'), { code: 14 }))))
  const rows = [
    'started_total{grpc_method="Txn",grpc_service="etcdserverpb.KV",grpc_type="unary"} 1',
    'msg_sent_total{grpc_method="Txn",grpc_service="etcdserverpb.KV",grpc_type="unary"} 1',
    'msg_received_total{grpc_method="Range",grpc_service="etcdserverpb.KV",grpc_type="unary"} 1',
    'handled_total{grpc_code="OK",grpc_method="Range",grpc_service="etcdserverpb.KV",grpc_type="unary"} 1',
    'handled_total{grpc_code="Unavailable",grpc_method="Txn",grpc_service="etcdserverpb.KV",grpc_type="unary"} 1',
  ]
  for (const row of rows) assert.ok(registry.text().includes(`\ngrpc_client_${row}\n`), `${row}\n${registry.text()}`)
})
